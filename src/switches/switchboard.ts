/**
 * The switchboard: one Durable Object that keeps the switches, what was seen of tools, and what was told of agents and
 * users, and lends it all out. Whoever
 * reads them may rely on what was read for a lease's time and no longer; so a switch that is stored holds everywhere
 * once all leases handed out before have run out, and only then is it acknowledged (DESIGN §2, promise 5).
 */
import { DurableObject } from "cloudflare:workers"
import { isChanged, type Subject } from "../catalog/observed.ts"
import { lastOf, riskAt, type Signal, type ToldRisk } from "../guardrails/risk.ts"
import { sha256Hex } from "../hash.ts"
import { switchTold, type Setter } from "../outbound/notice.ts"
import { Notices } from "../outbound/notices.ts"
import { MAX_OBSERVATIONS, OBSERVATION_VERSION, type Report, type WrittenObservations } from "./observation.ts"
import { MAX_RISKS, writeRisk, type ListedRisk } from "./risks.ts"
import {
  MAX_SIGNALLED,
  riskOf,
  SIGNAL_VERSION,
  signalledBy,
  sourceOf,
  stands,
  type Signalled,
  type SignalOutcome,
  type SignalReport,
} from "./signal.ts"
import type { Switch } from "./switch.ts"

/** How long a reader may rely on what it read, by its own clock, from the moment it asked. */
export const LEASE_MS = 2_000
/** A reader's clock and ours may not run equally fast. */
const MARGIN_MS = 100
/** Whether a token is too old is judged by another clock than this object's. */
const CLOCKS_APART_MS = 120_000

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
  /** Who told it: a stream of events, or, where it is empty, an operator. */
  readonly source: string
  readonly kind: ToldRisk["kind"]
  readonly name: string
  readonly level: number
  readonly at: number
  readonly half_life: number
  /** Milliseconds: afterwards nothing is left of it, nor anything of before to come that it would stand against. */
  readonly last: number
}

const signalOf = ({ level, at, half_life: halfLife }: RiskRow): Signal => ({ level, at, halfLife })

function listedOf(row: RiskRow): ListedRisk {
  const written = writeRisk(row.kind, row.name, signalOf(row))
  return row.source === "" ? written : [...written, row.source]
}

interface SignalledRow extends Record<string, SqlStorageValue>, Signalled {}

export function switchboard(env: Env): DurableObjectStub<Switchboard> {
  return env.SWITCHBOARD.getByName("board")
}

export class Switchboard extends DurableObject<Env> {
  /** Milliseconds; no lease handed out so far is longer. After waking, one of an earlier life may be as long as any. */
  #leasedUntil = Date.now() + LEASE_MS
  /** As leases carry the risks until one of them has run out: asked for every second, and seldom another. */
  #writtenRisks: { readonly text: string; readonly until: number } | null = null
  /** The same of what streams have stopped: each ends in a comma. */
  #writtenSignalled: { readonly text: string; readonly until: number } | null = null
  readonly #notices: Notices

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#notices = new Notices(ctx, env)
    ctx.storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS switches (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS observations (kind TEXT NOT NULL, name TEXT NOT NULL, seen TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (kind, name)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS observers (id INTEGER PRIMARY KEY CHECK (id = 0), bundle INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS told_risks (source TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        level INTEGER NOT NULL, at INTEGER NOT NULL, half_life INTEGER NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY (source, kind, name)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS signalled (id TEXT PRIMARY KEY, body TEXT, at INTEGER NOT NULL, until INTEGER NOT NULL)
        WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS signals (key TEXT PRIMARY KEY, digest TEXT NOT NULL, until INTEGER NOT NULL)
        WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS signals_by_until ON signals (until)`)
    // Of before there were streams: operators' own.
    if (ctx.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'risks'").toArray().length === 0) return
    ctx.storage.sql.exec("INSERT OR IGNORE INTO told_risks SELECT '', * FROM risks; DROP TABLE risks")
  }

  /**
   * @param version absent: the asker knows of switches alone, as code of before does
   * @returns JSON of the switches, or of them and the rest: a lease begins when it was asked for
   */
  read(version = 1): string {
    this.#leasedUntil = Math.max(this.#leasedUntil, Date.now() + LEASE_MS)
    const rows = this.ctx.storage.sql.exec<SwitchRow>("SELECT body FROM switches ORDER BY id").toArray()
    const switches = `[${[...rows.map(({ body }) => body), ...this.#signalled(Date.now())].join(",")}]`
    if (version < FIRST_WITH_OBSERVATIONS) return switches
    const observations = JSON.stringify(this.#observations())
    const risks = version < FIRST_WITH_RISKS ? "" : `,"risks":${this.#risks(Date.now())}`
    return `{"switches":${switches},"observations":${observations}${risks}}`
  }

  /** JSON of what streams have stopped, as one text where there is any. */
  #signalled(now: number): readonly string[] {
    if (!this.#writtenSignalled || now >= this.#writtenSignalled.until) {
      const { sql } = this.ctx.storage
      sql.exec("DELETE FROM signalled WHERE until <= ?", now)
      const rows = sql.exec<SignalledRow>("SELECT * FROM signalled WHERE body IS NOT NULL ORDER BY id").toArray()
      const until = Math.min(Number.POSITIVE_INFINITY, ...rows.map((row) => row.until))
      this.#writtenSignalled = { text: rows.map(({ body }) => body ?? "").join(","), until }
    }
    const { text } = this.#writtenSignalled
    return text === "" ? [] : [text]
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
    return JSON.stringify(this.#riskRows(Date.now()).map(listedOf))
  }

  #risks(now: number): string {
    if (!this.#writtenRisks || now > this.#writtenRisks.until) {
      const rows = this.#riskRows(now)
      const text = JSON.stringify(rows.map((row) => writeRisk(row.kind, row.name, signalOf(row))))
      this.#writtenRisks = {
        text,
        until: Math.min(Number.POSITIVE_INFINITY, ...rows.map((row) => lastOf(signalOf(row)))),
      }
    }
    return this.#writtenRisks.text
  }

  #riskRows(now: number): RiskRow[] {
    this.#dropRunOut(now)
    return this.ctx.storage.sql
      .exec<RiskRow>("SELECT * FROM told_risks ORDER BY kind, name, source")
      .toArray()
      .filter((row) => riskAt(signalOf(row), now) > 0)
  }

  #dropRunOut(now: number): void {
    this.ctx.storage.sql.exec("DELETE FROM told_risks WHERE last < ?", now)
  }

  /**
   * Instead of what was told of it before. Answers when it holds everywhere.
   * @param signal but for its time, which is now; null: nothing is told of it any more
   */
  async rate(kind: ToldRisk["kind"], name: string, signal: Omit<Signal, "at"> | null): Promise<void> {
    const at = Date.now()
    this.ctx.storage.transactionSync(() => {
      this.#forgetRisk("", kind, name)
      if (signal) this.#keepRisk("", kind, name, { ...signal, at }, at)
    })
    this.#writtenRisks = null
    await this.ctx.storage.sync()
    await this.#leasesRunOut()
  }

  /** @param least milliseconds, for which it is remembered at least */
  #keepRisk(source: string, kind: ToldRisk["kind"], name: string, signal: Signal, least: number): void {
    const { level, at, halfLife } = signal
    this.#forgetRisk(source, kind, name)
    this.#makeRoom(Date.now())
    const row = [source, kind, name, level, at, halfLife, Math.max(lastOf(signal), least)]
    this.ctx.storage.sql.exec("INSERT INTO told_risks VALUES (?, ?, ?, ?, ?, ?, ?)", ...row)
  }

  #forgetRisk(source: string, kind: ToldRisk["kind"], name: string): void {
    const { sql } = this.ctx.storage
    sql.exec("DELETE FROM told_risks WHERE source = ? AND kind = ? AND name = ?", source, kind, name)
  }

  /** What was just told is never what goes: it was promised to hold. Of the others the lowest, of those the oldest. */
  #makeRoom(now: number): void {
    const { sql } = this.ctx.storage
    this.#dropRunOut(now)
    const { count } = sql.exec<{ count: number }>("SELECT count(*) AS count FROM told_risks").one()
    if (count < MAX_RISKS) return
    const lowestFirst = sql
      .exec<RiskRow>("SELECT * FROM told_risks")
      .toArray()
      .map((row) => ({ row, left: riskAt(signalOf(row), now) }))
      .toSorted((a, b) => a.left - b.left || a.row.at - b.row.at)
    for (const { row } of lowestFirst.slice(0, count - MAX_RISKS + 1)) this.#forgetRisk(row.source, row.kind, row.name)
  }

  /**
   * What a stream of events has told in one token: all of it or nothing, once. Answers when it holds everywhere; told
   * again, it changes nothing, and answers no sooner, as it may not have held when it was told first.
   */
  async signal(version: number, report: SignalReport): Promise<SignalOutcome> {
    if (version !== SIGNAL_VERSION) return "not_understood"
    const outcome = this.ctx.storage.transactionSync(() => this.#take(report, Date.now()))
    if (outcome !== "kept" && outcome !== "repeated") return outcome
    this.#writtenSignalled = null
    this.#writtenRisks = null
    await this.ctx.storage.sync()
    await this.#leasesRunOut()
    return outcome
  }

  #take({ stream, jti, digest, until, changes }: SignalReport, now: number): SignalOutcome {
    const { sql } = this.ctx.storage
    sql.exec("DELETE FROM signals WHERE until < ?", now - CLOCKS_APART_MS)
    const key = sha256Hex(JSON.stringify([stream, jti]))
    const [told] = sql.exec<{ digest: string }>("SELECT digest FROM signals WHERE key = ?", key)
    if (told) return told.digest === digest ? "repeated" : "reused"
    const stops = changes.flatMap((change) => (change.kind === "risk" ? [] : [signalledBy(change, { stream, until })]))
    if (!this.#hasRoomFor(stops)) return "full"
    sql.exec("INSERT INTO signals VALUES (?, ?, ?)", key, digest, until)
    for (const one of stops) {
      const [known] = sql.exec<{ at: number }>("SELECT at FROM signalled WHERE id = ?", one.id)
      if (!stands(known, one)) continue
      sql.exec("INSERT OR REPLACE INTO signalled VALUES (?, ?, ?, ?)", one.id, one.body, one.at, one.until)
    }
    for (const change of changes) {
      if (change.kind !== "risk") continue
      const { kind, name, signal } = riskOf(change)
      const source = sourceOf(stream, change.event)
      const [known] = sql.exec<{ at: number }>(
        "SELECT at FROM told_risks WHERE source = ? AND kind = ? AND name = ?",
        source,
        kind,
        name,
      )
      if (stands(known, signal)) this.#keepRisk(source, kind, name, signal, until)
    }
    return "kept"
  }

  #hasRoomFor(stops: readonly Signalled[]): boolean {
    const { sql } = this.ctx.storage
    const { count } = sql
      .exec<{ count: number }>("SELECT count(*) AS count FROM signalled WHERE body IS NOT NULL")
      .one()
    const added = stops.filter(
      ({ id, body }) =>
        body !== null &&
        sql.exec("SELECT id FROM signalled WHERE id = ? AND body IS NOT NULL", id).toArray().length === 0,
    )
    return added.length === 0 || count + added.length <= MAX_SIGNALLED
  }

  /**
   * Answers when it holds everywhere.
   * @param setter null: nobody else is told
   */
  async set(set: Switch, setter: Setter | null = null): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      this.ctx.storage.sql.exec("INSERT OR REPLACE INTO switches VALUES (?, ?)", set.id, JSON.stringify(set))
      if (setter) this.#notices.keep(switchTold("switch.set", set, setter, Date.now()))
    })
    await this.ctx.storage.sync()
    await this.#leasesRunOut()
  }

  /**
   * Lifting need not be known everywhere to be true. A pulled key stays pulled: isolates may know its public half for a
   * while longer, and what it signed must not pass again.
   */
  lift(id: string, setter: Setter | null = null): "lifted" | "kept" | "unknown" {
    const { sql } = this.ctx.storage
    const [row] = sql
      .exec<SwitchRow>(
        "SELECT body FROM switches WHERE id = ? UNION ALL SELECT body FROM signalled WHERE id = ? AND body IS NOT NULL",
        id,
        id,
      )
      .toArray()
    if (!row) return "unknown"
    const known: Switch = JSON.parse(row.body)
    if (known.stopped.kind === "key") return "kept"
    this.ctx.storage.transactionSync(() => {
      sql.exec("DELETE FROM switches WHERE id = ?", id)
      sql.exec("DELETE FROM signalled WHERE id = ?", id)
      if (setter) this.#notices.keep(switchTold("switch.lifted", known, setter, Date.now()))
    })
    this.#writtenSignalled = null
    return "lifted"
  }

  /** What others are told of switches, where it could not be handed over at once. */
  override async alarm(): Promise<void> {
    await this.#notices.send()
  }

  /** Leases handed out while this waits already have what it waits for. */
  async #leasesRunOut(): Promise<void> {
    const until = this.#leasedUntil + MARGIN_MS
    const wait = until - Date.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
  }
}
