/**
 * The rows in which the count of a shared limit is stored. Rows are replaced and never changed. `Unwritten` collects
 * those that storage does not have yet.
 */
import type { SetBack } from "../clock-step.ts"
import type { LentLimit } from "./lending.ts"
import type { StoredPast } from "./past.ts"

/** A block that was granted. */
export interface Block {
  readonly id: string
  /** Root task of the tree whose ledger has it. */
  readonly holder: string
  readonly granted: number
  /** Milliseconds since the epoch, when it was granted. */
  readonly at: number
  /** What counts of it: all that was granted while it is open, because any of it may be used at any moment. */
  readonly used: number
  /** Milliseconds since the epoch. Null if it is open; equal to `at` if it was closed when it was granted. */
  readonly closedAt: number | null
  /** Whether its ledger has settled it. A settlement is final. */
  readonly isSettled: boolean
}

/** Closed blocks that are no longer kept individually. */
export interface Slot {
  /** Milliseconds since the epoch, when the first of them was closed. It identifies the slot. */
  readonly from: number
  /** Milliseconds since the epoch, when the last was closed; all of them count as long as that one. */
  readonly to: number
  readonly count: number
}

/** One value of the measure `distinct`, in its span. */
export interface SeenValue {
  readonly value: string
  /** Milliseconds since the epoch, its last use. */
  readonly at: number
  /** The take that used it last; empty if that is no longer known. */
  readonly take: string
  /** Whether no other take has used it in the span. */
  readonly isNew: boolean
}

export interface State {
  readonly limit: LentLimit
  /** Milliseconds since the epoch, no earlier than anything that was forgotten. */
  readonly clock: number
  /** How far the platform's clock was set back; absent if it was not, or in what an earlier version has stored. */
  readonly setBack?: SetBack
  /** The level of a bucket before the first of its stored blocks. Null if the limit is no bucket. */
  readonly before: StoredLevel | null
}

export interface StoredLevel {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** An integer, in tokens times milliseconds of its span. */
  readonly units: string
  /** The uses before that time. */
  readonly past: StoredPast
}

export interface Stored {
  readonly state: State
  readonly blocks: readonly Block[]
  readonly slots: readonly Slot[]
  readonly values: readonly SeenValue[]
}

export const NOTHING_STORED = { state: null, blocks: [], slots: [], values: [] } as const

/** Rows by their keys (id, from, value); null if the row is to be deleted. */
export interface Writes {
  readonly state: State | null
  readonly blocks: ReadonlyMap<string, Block | null>
  readonly slots: ReadonlyMap<number, Slot | null>
  readonly values: ReadonlyMap<string, SeenValue | null>
}

export class UnwrittenRows<Key, Row> {
  #rows = new Map<Key, Row | null>()
  /** Rows that are still stored but outdated. They do no harm: whenever they are loaded, they have left the span. */
  readonly #leftOver = new Set<Key>()

  isLeftOver(key: Key): boolean {
    return this.#leftOver.has(key)
  }

  put(key: Key, row: Row | null): void {
    this.#leftOver.delete(key)
    this.#rows.set(key, row)
  }

  dropLater(key: Key): void {
    this.#leftOver.add(key)
  }

  get leftOver(): number {
    return this.#leftOver.size
  }

  dropLeftOver(): void {
    for (const key of this.#leftOver) this.#rows.set(key, null)
    this.#leftOver.clear()
  }

  drain(): ReadonlyMap<Key, Row | null> {
    const rows = this.#rows
    if (rows.size > 0) this.#rows = new Map()
    return rows
  }
}
