/**
 * The switchboard: one Durable Object that keeps the switches, what was seen of tools, and what was told of agents and
 * users, and lends it all out. Whoever
 * reads them may rely on what was read for a lease's time and no longer; so a switch that is stored holds everywhere
 * once all leases handed out before have run out, and only then is it acknowledged (DESIGN §2, promise 5).
 */
import { DurableObject } from "cloudflare:workers"
import { isChanged, type Subject } from "../catalog/observed.ts"
import { lastOf, riskAt, type Signal, type ToldRisk } from "../guardrails/risk.ts"
import { MAX_OBSERVATIONS, OBSERVATION_VERSION, type Report, type WrittenObservations } from "./observation.ts"
import { MAX_RISKS, writeRisk } from "./risks.ts"
import type { Switch } from "./switch.ts"

/** How long a reader may rely on what it read, by its own clock, from the moment it asked. */
export const LEASE_MS = 2_000
/** A reader's clock and ours may not run equally fast. */
const MARGIN_MS = 100

/**
 * What an asker can read of a lease: the switches alone; since 2 observations beside them; since 3 the risks of agents
 * and users too.
 */
export const LEASE_VERSION = 3
const FIRST_WITH_OBSERVATIONS = 2
const FIRST_WITH_RISKS = 3

interface SwitchRow extends Record<string, SqlStorageValue> {
  readonly body: string
}
interface ObservationRow extends Record<string, SqlStorageValue> {
  readonly kind: string
  readonly name: string
  readonly seen: string
}

interface RiskRow extends Record<string, SqlStorageValue> {
  readonly kind: ToldRisk["kind"]
  readonly name: string
  readonly level: number
  readonly at: number
  readonly half_life: number
  /** Milliseconds: afterwards nothing is left of it. */
  readonly last: number
}

const signalOf = ({ level, at, half_life: halfLife }: RiskRow): Signal => ({ level, at, halfLife })

export function switchboard(env: Env): DurableObjectStub<Switchboard> {
  return env.SWITCHBOARD.getByName("board")
}

export class Switchboard extends DurableObject<Env> {
  /** Milliseconds; no lease handed out so far is longer. After waking, one of an earlier life may be as long as any. */
  #leasedUntil = Date.now() + LEASE_MS
  /** As leases carry the risks until one of them has run out: asked for every second, and seldom another. */
  #writtenRisks: { readonly text: string; readonly until: number } | null = null

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS switches (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS observations (kind TEXT NOT NULL, name TEXT NOT NULL, seen TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (kind, name)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS observers (id INTEGER PRIMARY KEY CHECK (id = 0), bundle INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS risks (kind TEXT NOT NULL, name TEXT NOT NULL, level INTEGER NOT NULL, at INTEGER NOT NULL,
        half_life INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID`)
  }

  /**
   * @param version absent: the asker knows of switches alone, as code of before does
   * @returns JSON of the switches, or of them and the rest: a lease begins when it was asked for
   */
  read(version = 1): string {
    this.#leasedUntil = Math.max(this.#leasedUntil, Date.now() + LEASE_MS)
    const rows = this.ctx.storage.sql.exec<SwitchRow>("SELECT body FROM switches ORDER BY id").toArray()
    const switches = `[${rows.map(({ body }) => body).join(",")}]`
    if (version < FIRST_WITH_OBSERVATIONS) return switches
    const observations = JSON.stringify(this.#observations())
    const risks = version < FIRST_WITH_RISKS ? "" : `,"risks":${this.#risks(Date.now())}`
    return `{"switches":${switches},"observations":${observations}${risks}}`
  }

  #observations(): WrittenObservations {
    const rows = this.ctx.storage.sql.exec<ObservationRow>("SELECT kind, name, seen FROM observations").toArray()
    const of = (kind: Subject["kind"]): ObservationRow[] => rows.filter((row) => row.kind === kind)
    return {
      tools: of("tool").map(({ name, seen }) => [name, seen] as const),
      headers: of("headers").map(({ name }) => name),
      full: rows.length >= MAX_OBSERVATIONS,
    }
  }

  /**
   * What somebody has seen. Nobody is made to wait until it holds everywhere: every lease ends within two seconds.
   *
   * Two may look at once, and be late. What was seen later stands: the one who asked first does not lift what the other
   * stored. An observation that was lifted leaves nothing to compare with, so one that is late may come back; it errs
   * towards denying, until somebody looks again.
   *
   * Who compares with the pins of an older bundle lifts nothing: what is as it was pinned then may differ from the pin
   * of now, so it is kept as what was seen.
   *
   * @returns false: it was not understood
   */
  observe(version: number, { bundle, at, sightings, headers, outdated = [] }: Report): boolean {
    if (version !== OBSERVATION_VERSION) return false
    const { sql } = this.ctx.storage
    // By our own clock at most: one that runs ahead must not keep others from being heard.
    const seenAt = Math.min(at, Date.now())
    this.ctx.storage.transactionSync(() => {
      const newest = sql.exec<{ bundle: number }>("SELECT bundle FROM observers").toArray()[0]?.bundle ?? 0
      const isCurrent = bundle >= newest
      if (bundle > newest) sql.exec("INSERT OR REPLACE INTO observers VALUES (0, ?)", bundle)
      if (isCurrent) for (const { kind, name } of outdated) this.#forget(kind, name, seenAt)
      let room =
        MAX_OBSERVATIONS - sql.exec<{ count: number }>("SELECT count(*) AS count FROM observations").one().count
      for (const sighting of sightings) {
        const { tool, seen } = sighting
        if (isChanged(sighting) || !isCurrent) room -= this.#keep("tool", tool, seen, seenAt, room)
        else this.#forget("tool", tool, seenAt)
      }
      if (headers && !headers.enforced) this.#keep("headers", headers.server, "", seenAt, room)
      if (headers?.enforced === true && isCurrent) this.#forget("headers", headers.server, seenAt)
    })
    return true
  }

  /** @returns how much of the room it took */
  #keep(kind: Subject["kind"], name: string, seen: string, at: number, room: number): 0 | 1 {
    const { sql } = this.ctx.storage
    const [row] = sql.exec<{ at: number }>("SELECT at FROM observations WHERE kind = ? AND name = ?", kind, name)
    if (row ? row.at > at : room <= 0) return 0
    sql.exec("INSERT OR REPLACE INTO observations VALUES (?, ?, ?, ?)", kind, name, seen, at)
    return row ? 0 : 1
  }

  #forget(kind: Subject["kind"], name: string, at: number): void {
    const { sql } = this.ctx.storage
    sql.exec("DELETE FROM observations WHERE kind = ? AND name = ? AND at <= ?", kind, name, at)
  }

  /** @returns JSON of all that is told now; nobody may rely on it as on a lease */
  risks(): string {
    return this.#risks(Date.now())
  }

  #risks(now: number): string {
    if (!this.#writtenRisks || now > this.#writtenRisks.until) {
      const rows = this.#riskRows(now)
      const text = JSON.stringify(rows.map((row) => writeRisk(row.kind, row.name, signalOf(row))))
      this.#writtenRisks = { text, until: Math.min(Number.POSITIVE_INFINITY, ...rows.map(({ last }) => last)) }
    }
    return this.#writtenRisks.text
  }

  #riskRows(now: number): RiskRow[] {
    this.#dropRunOut(now)
    return this.ctx.storage.sql.exec<RiskRow>("SELECT * FROM risks ORDER BY kind, name").toArray()
  }

  #dropRunOut(now: number): void {
    this.ctx.storage.sql.exec("DELETE FROM risks WHERE last < ?", now)
  }

  /**
   * Instead of what was told of it before. Answers when it holds everywhere.
   * @param signal but for its time, which is now; null: nothing is told of it any more
   */
  async rate(kind: ToldRisk["kind"], name: string, signal: Omit<Signal, "at"> | null): Promise<void> {
    const { sql } = this.ctx.storage
    const at = Date.now()
    this.ctx.storage.transactionSync(() => {
      sql.exec("DELETE FROM risks WHERE kind = ? AND name = ?", kind, name)
      if (!signal) return
      this.#makeRoom(at)
      const { level, halfLife } = signal
      const last = lastOf({ ...signal, at })
      sql.exec("INSERT INTO risks VALUES (?, ?, ?, ?, ?, ?)", kind, name, level, at, halfLife, last)
    })
    this.#writtenRisks = null
    await this.ctx.storage.sync()
    await this.#leasesRunOut()
  }

  /** What was just told is never what goes: it was promised to hold. Of the others the lowest, of those the oldest. */
  #makeRoom(now: number): void {
    const { sql } = this.ctx.storage
    this.#dropRunOut(now)
    const { count } = sql.exec<{ count: number }>("SELECT count(*) AS count FROM risks").one()
    if (count < MAX_RISKS) return
    const lowestFirst = this.#riskRows(now)
      .map((row) => ({ row, left: riskAt(signalOf(row), now) }))
      .toSorted((a, b) => a.left - b.left || a.row.at - b.row.at)
    for (const { row } of lowestFirst.slice(0, count - MAX_RISKS + 1)) {
      sql.exec("DELETE FROM risks WHERE kind = ? AND name = ?", row.kind, row.name)
    }
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
