/**
 * Blocks that a ledger was lent and will not use again, until their shared limits know how much of each was used. An open
 * block has a row before its first use; after a crash all of it counts as used.
 */
import { LENDING_VERSION, type Settled } from "../core/guardrails/lending/lending.ts"
import { logEvent } from "../platform/log.ts"
import { within } from "../platform/timeout.ts"
import { sharedLimitOf } from "./shared-limit.ts"

/**
 * The amount of a block that counts as used if the ledger crashes. An open block can be used up without another
 * request, so it is written before it is used. A block that is requested in spite of the limit is written before the
 * request.
 */
export const CREDITS_SCHEMA = `
CREATE TABLE credits (id TEXT PRIMARY KEY, guardrail TEXT NOT NULL, key TEXT NOT NULL, granted INTEGER NOT NULL)
  WITHOUT ROWID;
`

/** One shared limit. */
export interface Count {
  readonly guardrail: string
  readonly key: string
}

/** An object that did not answer gets no settlement for this long. */
const PAUSE_MS = 5_000
const TIMEOUT_MS = 5_000
/** Times that a settlement is sent by itself; after that it goes with the next take, or when the object requests it. */
const MOST_TRIES = 3
/** Blocks that are settled at once. */
const MOST_AT_ONCE = 1_000

interface Unsettled extends Count {
  /** By block: how much of it was used. */
  readonly blocks: Map<string, number>
  isSent: boolean
  tries: number
  /** Milliseconds since the epoch. */
  pausedUntil: number
}

export class Settlements {
  readonly #ctx: DurableObjectState
  readonly #env: Env
  /** Blocks that have a row. */
  readonly #written = new Set<string>()
  /** Blocks that will not be used again, by count; and the count of each block. */
  readonly #counts = new Map<string, Unsettled>()
  readonly #countOf = new Map<string, Unsettled>()

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx
    this.#env = env
  }

  /** After waking: what an earlier life was lent may have been used, up to the amount in its row. */
  load(): void {
    const rows = this.#ctx.storage.sql.exec<{ id: string; guardrail: string; key: string; granted: number }>(
      "SELECT id, guardrail, key, granted FROM credits",
    )
    for (const { id, guardrail, key, granted } of rows) {
      this.#written.add(id)
      this.add(id, { guardrail, key }, granted)
    }
    this.sendSoon()
  }

  isWritten(id: string): boolean {
    return this.#written.has(id)
  }

  /**
   * Runs in the step's transaction, before any of the block is used.
   * @param used what counts if the ledger crashes
   */
  write(id: string, { guardrail, key }: Count, used: number): void {
    if (this.#written.has(id)) return
    this.#ctx.storage.sql.exec("INSERT OR REPLACE INTO credits VALUES (?, ?, ?, ?)", id, guardrail, key, used)
    this.#written.add(id)
  }

  /** Runs in the step's transaction: all of the block counts, and nothing is left to settle. */
  drop(id: string): void {
    this.#ctx.storage.sql.exec("DELETE FROM credits WHERE id = ?", id)
  }

  /** Runs once that is durable. */
  confirm(id: string): void {
    this.#written.delete(id)
  }

  add(id: string, { guardrail, key }: Count, used: number): void {
    const name = nameOf({ guardrail, key })
    let count = this.#counts.get(name)
    if (!count) {
      count = { guardrail, key, blocks: new Map(), isSent: false, tries: 0, pausedUntil: 0 }
      this.#counts.set(name, count)
    }
    count.blocks.set(id, used)
    this.#countOf.set(id, count)
  }

  /** Whether the block still has to be settled with the object of this count. */
  isOf(id: string, { guardrail, key }: Count): boolean {
    const count = this.#countOf.get(id)
    return count?.guardrail === guardrail && count.key === key
  }

  /** Undefined if the block may still be used, or is unknown. */
  usedOf(id: string): number | undefined {
    return this.#countOf.get(id)?.blocks.get(id)
  }

  of(count: Count): readonly Settled[] {
    return settledOf(this.#counts.get(nameOf(count)))
  }

  /** Their object has received these settlements. */
  forget(settled: readonly Settled[]): void {
    for (const { id } of settled) {
      const count = this.#countOf.get(id)
      this.#countOf.delete(id)
      count?.blocks.delete(id)
      if (count?.blocks.size === 0) this.#counts.delete(nameOf(count))
      if (this.#written.delete(id)) this.drop(id)
    }
  }

  /** @param only the count to settle; null: all */
  sendSoon(only: Count | null = null): void {
    const now = Date.now()
    const one = only && this.#counts.get(nameOf(only))
    const counts = only ? (one ? [one] : []) : [...this.#counts.values()]
    for (const count of counts) {
      // One request at a time, however many calls are denied meanwhile.
      if (count.isSent || count.tries >= MOST_TRIES || now < count.pausedUntil) continue
      count.isSent = true
      this.#ctx.waitUntil(this.#send(count))
    }
  }

  /**
   * A settlement that fails stays. It is sent again a little later, with the next take, or when the object requests it.
   */
  async #send(count: Unsettled): Promise<void> {
    const { guardrail, key } = count
    const settled = settledOf(count)
    try {
      const sent = sharedLimitOf(this.#env, guardrail, key).settle(LENDING_VERSION, this.#ctx.id.toString(), settled)
      await within(sent, TIMEOUT_MS, "the shared limit")
      count.tries = 0
      this.forget(settled)
    } catch (error) {
      count.tries += 1
      count.pausedUntil = Date.now() + PAUSE_MS
      if (count.tries < MOST_TRIES) setTimeout(() => this.sendSoon(count), PAUSE_MS)
      logEvent("limit_failed", { guardrail, error: String(error) })
    } finally {
      count.isSent = false
    }
  }
}

function settledOf(count: Unsettled | undefined): Settled[] {
  return [...(count?.blocks ?? [])].slice(0, MOST_AT_ONCE).map(([id, used]) => ({ id, used }))
}

function nameOf({ guardrail, key }: Count): string {
  return `${guardrail}\n${key}`
}
