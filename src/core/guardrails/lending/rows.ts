/**
 * What a shared limit's count is made of, as its object stores it: rows, replaced and never changed, and which of them
 * storage does not have yet.
 */
import type { LentLimit } from "./lending.ts"
import type { StoredPast } from "./past.ts"

/** A block that was granted. */
export interface Block {
  readonly id: string
  /** Root of the tree whose ledger has it. */
  readonly holder: string
  readonly granted: number
  /** Milliseconds: when it was granted. */
  readonly at: number
  /** What counts of it: while it is open all that was granted, as any of it may be used this very moment. */
  readonly used: number
  /** Null: it is open. Of one that was closed as it was granted, the same as `at`. */
  readonly closedAt: number | null
  /** Whether the ledger has said what became of it; it has nothing to say any more then. */
  readonly isSettled: boolean
}

/** Closed blocks that are told apart no more. */
export interface Slot {
  /** Milliseconds: when the first of them was closed, by which the slot is known. */
  readonly from: number
  /** … and when the last was; all of them count as long as that one. */
  readonly to: number
  readonly count: number
}

/** One value of a `distinct`, in its span. */
export interface Seen {
  readonly value: string
  /** Milliseconds: its last use. */
  readonly at: number
  /** Which used it last; empty: it is told apart no more … */
  readonly take: string
  /** … and whether nobody else has used it in the span. */
  readonly isNew: boolean
}

export interface State {
  readonly limit: LentLimit
  /** Milliseconds: not earlier than anything that was forgotten. */
  readonly clock: number
  /** What a bucket held before the first of its blocks that is stored; absent where older code has written: nothing. */
  readonly before?: StoredLevel | null
}

export interface StoredLevel {
  /** Milliseconds. */
  readonly at: number
  /** An integer, in tokens times milliseconds of its span. */
  readonly units: string
  /** What was used before that time. */
  readonly past: StoredPast
}

export interface Stored {
  readonly state: State
  readonly blocks: readonly Block[]
  readonly slots: readonly Slot[]
  readonly values: readonly Seen[]
}

/** By their keys (id, from, value); null: it is to be deleted. */
export interface Writes {
  readonly state: State | null
  readonly blocks: ReadonlyMap<string, Block | null>
  readonly slots: ReadonlyMap<number, Slot | null>
  readonly values: ReadonlyMap<string, Seen | null>
}

export class Unwritten<Key, Row> {
  #rows = new Map<Key, Row | null>()
  /** Left over in storage, where they do no harm: each time they are read they are found to have left the span. */
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
