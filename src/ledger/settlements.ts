/**
 * What became of blocks that a tree was lent, until their objects know: how much of each was used, and that no more of
 * it will be. An open block has a row from before its first use on; after a crash all of it counts as used.
 */
import { LENDING_VERSION, type Settled } from "../guardrails/lending/lending.ts"
import { logEvent } from "../log.ts"
import { sharedLimitOf } from "./shared-limit.ts"

/** A block of which some is open: it may be used up without asking, so it is written down before it is used. */
export const CREDITS_SCHEMA = `
CREATE TABLE credits (id TEXT PRIMARY KEY, guardrail TEXT NOT NULL, key TEXT NOT NULL, granted INTEGER NOT NULL)
  WITHOUT ROWID;
`

/** One shared limit. */
interface Count {
  readonly guardrail: string
  readonly key: string
}

export class Settlements {
  readonly #ctx: DurableObjectState
  readonly #env: Env
  /** Blocks that have a row. */
  readonly #written = new Set<string>()
  /** Blocks that will be used no more. */
  readonly #used = new Map<string, Count & { readonly used: number }>()

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx
    this.#env = env
  }

  /** After waking: what an earlier life was lent may have been used up to the last. */
  load(root: string): void {
    const rows = this.#ctx.storage.sql.exec<{ id: string; guardrail: string; key: string; granted: number }>(
      "SELECT id, guardrail, key, granted FROM credits",
    )
    for (const { id, guardrail, key, granted } of rows) {
      this.#written.add(id)
      this.add(id, { guardrail, key }, granted)
    }
    this.sendSoon(root)
  }

  isWritten(id: string): boolean {
    return this.#written.has(id)
  }

  /** In the step's transaction, before any of it is used. */
  write(id: string, { guardrail, key }: Count, granted: number): void {
    if (this.#written.has(id)) return
    this.#ctx.storage.sql.exec("INSERT OR REPLACE INTO credits VALUES (?, ?, ?, ?)", id, guardrail, key, granted)
    this.#written.add(id)
  }

  add(id: string, { guardrail, key }: Count, used: number): void {
    this.#used.set(id, { guardrail, key, used })
  }

  has(id: string): boolean {
    return this.#used.has(id)
  }

  /** Undefined: it may still be used, or is not known. */
  usedOf(id: string): number | undefined {
    return this.#used.get(id)?.used
  }

  of({ guardrail, key }: Count): readonly Settled[] {
    return [...this.#used].flatMap(([id, one]) =>
      one.guardrail === guardrail && one.key === key ? [{ id, used: one.used }] : [],
    )
  }

  /** Their object knows. */
  forget(settled: readonly Settled[]): void {
    for (const { id } of settled) {
      this.#used.delete(id)
      if (this.#written.delete(id)) this.#ctx.storage.sql.exec("DELETE FROM credits WHERE id = ?", id)
    }
  }

  sendSoon(root: string): void {
    if (this.#used.size > 0) this.#ctx.waitUntil(this.#send(root))
  }

  /** What fails stays, and is said with the next take, or when the object asks. */
  async #send(root: string): Promise<void> {
    const counts = new Map([...this.#used.values()].map((one) => [`${one.guardrail}\n${one.key}`, one]))
    await Promise.all(
      Array.from(counts.values(), async (count) => {
        const { guardrail, key } = count
        const settled = this.of(count)
        try {
          await sharedLimitOf(this.#env, guardrail, key).settle(LENDING_VERSION, root, [...settled])
          this.forget(settled)
        } catch (error) {
          logEvent("limit_failed", { guardrail, error: String(error) })
        }
      }),
    )
  }
}
