/**
 * The switchboard: one Durable Object that keeps the switches and lends them out. Whoever reads them may rely on what was
 * read for a lease's time and no longer; so a switch that is stored holds everywhere once all leases handed out before
 * have run out, and only then is it acknowledged (DESIGN §2, promise 5).
 */
import { DurableObject } from "cloudflare:workers"
import type { Switch } from "./switch.ts"

/** How long a reader may rely on what it read, by its own clock, from the moment it asked. */
export const LEASE_MS = 2_000
/** A reader's clock and ours may not run equally fast. */
const MARGIN_MS = 100

interface SwitchRow extends Record<string, SqlStorageValue> {
  readonly body: string
}

export function switchboard(env: Env): DurableObjectStub<Switchboard> {
  return env.SWITCHBOARD.getByName("board")
}

export class Switchboard extends DurableObject<Env> {
  /** Milliseconds; no lease handed out so far is longer. After waking, one of an earlier life may be as long as any. */
  #leasedUntil = Date.now() + LEASE_MS

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS switches (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID")
  }

  /** @returns JSON of the switches: a lease begins when it was asked for */
  read(): string {
    this.#leasedUntil = Math.max(this.#leasedUntil, Date.now() + LEASE_MS)
    const rows = this.ctx.storage.sql.exec<SwitchRow>("SELECT body FROM switches ORDER BY id").toArray()
    return `[${rows.map(({ body }) => body).join(",")}]`
  }

  /** Answers when it holds everywhere. */
  async set(set: Switch): Promise<void> {
    this.ctx.storage.sql.exec("INSERT OR REPLACE INTO switches VALUES (?, ?)", set.id, JSON.stringify(set))
    await this.ctx.storage.sync()
    await this.#leasesRunOut()
  }

  /**
   * Lifting need not be known everywhere to be true. A pulled key stays pulled: isolates may know its public half for a
   * while longer, and what it signed must not pass again.
   */
  lift(id: string): "lifted" | "kept" | "unknown" {
    const { sql } = this.ctx.storage
    const [row] = sql.exec<SwitchRow>("SELECT body FROM switches WHERE id = ?", id).toArray()
    if (!row) return "unknown"
    const { stopped }: Switch = JSON.parse(row.body)
    if (stopped.kind === "key") return "kept"
    sql.exec("DELETE FROM switches WHERE id = ?", id)
    return "lifted"
  }

  /** Leases handed out while this waits already have what it waits for. */
  async #leasesRunOut(): Promise<void> {
    const until = this.#leasedUntil + MARGIN_MS
    const wait = until - Date.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
  }
}
