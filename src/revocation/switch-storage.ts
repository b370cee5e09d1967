/**
 * The switches, as the switchboard stores them: those of operators, and those that streams of events have set. A call
 * needs only the `body` of a switch, which leases contain. Who set it, why and when is stored beside it, for people who
 * read it, and no call reads it.
 */
import {
  MAX_LIFTED,
  MAX_STREAM_SWITCHES,
  REVOKED_FOR_MS,
  rowAfter,
  streamSetter,
  STREAM_SHARE,
  streamSwitchOf,
  type StreamSwitch,
  type SignalReport,
  type StopChange,
} from "../core/signals/stream-change.ts"
import { leftBy, type ListedSwitch, type Revocation, type Switch, type SwitchNote } from "../core/signals/switch.ts"

interface BodyRow extends Record<string, SqlStorageValue> {
  readonly body: string
}
interface StreamSwitchRow extends Record<string, SqlStorageValue>, StreamSwitch {}
/** Null if there is none. */
interface WrittenRow extends Record<string, SqlStorageValue> {
  readonly text: string | null
  readonly until: number | null
}
interface ListedRow extends BodyRow {
  readonly until: number | null
  readonly set_by: string | null
  readonly reason: string | null
  readonly at: number | null
}

/** To lift a switch. */
export interface Lift {
  readonly id: string
  /** The id of what is left of it. */
  readonly left: string
  /** An operator's issuer and subject. Null: what is left has no note. */
  readonly by: string | null
}

export interface Lifted {
  readonly lifted: Switch
  /** A switch of its own. Null: nothing. */
  readonly left: (Revocation & { readonly id: string }) | null
}

function listedOf({ body, until, set_by: by, reason, at }: ListedRow): ListedSwitch {
  const { id, stopped, before }: Switch = JSON.parse(body)
  return { id, stopped, before, until, by, reason, at }
}

const ALL = `SELECT id, body, until FROM switches UNION ALL SELECT id, body, until FROM stream_switches WHERE body IS NOT NULL`
const LISTED = `SELECT body, until, set_by, reason, at FROM (${ALL}) LEFT JOIN switch_notes USING (id)`

export class SwitchStorage {
  readonly #sql: SqlStorage
  /** Text of what streams have set, as leases contain it, valid until one of them expires: it is read every second. */
  #written: { readonly text: string; readonly until: number } | null = null

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS switches (id TEXT PRIMARY KEY, body TEXT NOT NULL, until INTEGER) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS stream_switches (id TEXT PRIMARY KEY, body TEXT, at INTEGER NOT NULL, until INTEGER NOT NULL)
        WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS switch_notes (id TEXT PRIMARY KEY, set_by TEXT NOT NULL, reason TEXT, at INTEGER)
        WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS switch_notes_by ON switch_notes (set_by)`)
  }

  /** JSON, as a lease contains it. */
  leased(now: number): string {
    const rows = this.#sql
      .exec<BodyRow>("SELECT body FROM switches WHERE until IS NULL OR until > ? ORDER BY id", now)
      .toArray()
    return `[${[...rows.map(({ body }) => body), ...this.#ofStreams(now)].join(",")}]`
  }

  /** One text, if there is any. */
  #ofStreams(now: number): readonly string[] {
    if (!this.#written || now >= this.#written.until) {
      this.#forgetRunOut(now)
      // The database joins them: one row for each would take ten times as long, with thousands of them.
      const { text, until } = this.#sql
        .exec<WrittenRow>(
          "SELECT group_concat(body, ',') AS text, min(until) AS until FROM stream_switches WHERE body IS NOT NULL",
        )
        .one()
      this.#written = { text: text ?? "", until: until ?? Number.POSITIVE_INFINITY }
    }
    const { text } = this.#written
    return text === "" ? [] : [text]
  }

  #forgetRunOut(now: number): void {
    for (const table of ["switches", "stream_switches"]) {
      this.#sql.exec(`DELETE FROM switch_notes WHERE id IN (SELECT id FROM ${table} WHERE until <= ?)`, now)
      this.#sql.exec(`DELETE FROM ${table} WHERE until <= ?`, now)
    }
  }

  /** All switches with who set them, why and when. */
  listed(now: number): readonly ListedSwitch[] {
    this.#forgetRunOut(now)
    return this.#sql.exec<ListedRow>(`${LISTED} ORDER BY id`).toArray().map(listedOf)
  }

  /** @param until milliseconds, when it ends by itself; null: only when it is lifted */
  set(set: Switch, note: SwitchNote | null, until: number | null, now: number): void {
    this.#forgetRunOut(now)
    this.#sql.exec("INSERT OR REPLACE INTO switches VALUES (?, ?, ?)", set.id, JSON.stringify(set), until)
    if (note) this.#note(set.id, note)
  }

  #note(id: string, { by, reason, at }: SwitchNote): void {
    this.#sql.exec("INSERT OR REPLACE INTO switch_notes VALUES (?, ?, ?, ?)", id, by, reason, at)
  }

  /**
   * Removes a switch. What is left of it (`leftBy`) becomes a switch with an id of its own, set by the operator who lifts
   * the first one, for the same reason. So a lift that is repeated, because its answer was lost, removes no revocation.
   */
  lift({ id, left: leftId, by }: Lift, now: number): Lifted | "kept" | "unknown" {
    const [row] = this.#sql.exec<ListedRow>(`${LISTED} WHERE id = ?`, id).toArray()
    if (!row) return "unknown"
    const { reason, ...lifted } = listedOf(row)
    if (lifted.stopped.kind === "key") return "kept"
    for (const table of ["switches", "stream_switches", "switch_notes"]) {
      this.#sql.exec(`DELETE FROM ${table} WHERE id = ?`, id)
    }
    this.#written = null
    const revocation = leftBy(lifted, now)
    const left = revocation && { id: leftId, ...revocation }
    if (left) this.set(left, by === null ? null : { by, reason, at: now }, left.before + REVOKED_FOR_MS, now)
    return { lifted, left }
  }

  /**
   * Stores what a stream has reported, unless something later outweighs it.
   * @param holdsAt milliseconds, when every earlier lease has expired
   * @returns false if there is no room for all of it, and nothing was stored
   */
  take(
    changes: readonly StopChange[],
    report: Pick<SignalReport, "stream" | "until">,
    holdsAt: number,
    now: number,
  ): boolean {
    const stops = changes.map((change) => streamSwitchOf(change, report))
    if (!this.#hasRoomFor(stops, report.stream)) return false
    for (const one of stops) {
      const [stored] = this.#sql.exec<StreamSwitchRow>("SELECT * FROM stream_switches WHERE id = ?", one.id)
      const { id, body, at, until } = rowAfter(stored, one, now)
      if (stored?.body === body && stored.at === at) continue
      this.#sql.exec("INSERT OR REPLACE INTO stream_switches VALUES (?, ?, ?, ?)", id, body, at, until)
      if (body === null) this.#sql.exec("DELETE FROM switch_notes WHERE id = ?", id)
      else this.#note(id, { by: streamSetter(report.stream), reason: null, at: holdsAt })
    }
    this.#forgetLifted()
    this.#written = null
    return true
  }

  #forgetLifted(): void {
    const excess = this.#count("SELECT count(*) AS count FROM stream_switches WHERE body IS NULL") - MAX_LIFTED
    if (excess <= 0) return
    const soonest = "SELECT id FROM stream_switches WHERE body IS NULL ORDER BY until LIMIT ?"
    this.#sql.exec(`DELETE FROM stream_switches WHERE id IN (${soonest})`, excess)
  }

  #hasRoomFor(stops: readonly StreamSwitch[], stream: string): boolean {
    const added = stops.filter(
      ({ id, body }) =>
        body !== null &&
        this.#sql.exec("SELECT id FROM stream_switches WHERE id = ? AND body IS NOT NULL", id).toArray().length === 0,
    )
    if (added.length === 0) return true
    const all = this.#count("SELECT count(*) AS count FROM stream_switches WHERE body IS NOT NULL")
    const own = this.#count("SELECT count(*) AS count FROM switch_notes WHERE set_by = ?", streamSetter(stream))
    return own + added.length <= STREAM_SHARE * (MAX_STREAM_SWITCHES - all - added.length)
  }

  #count(query: string, ...bindings: readonly string[]): number {
    return this.#sql.exec<{ count: number }>(query, ...bindings).one().count
  }
}
