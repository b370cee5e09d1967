/** Observations of tools and servers, as the switchboard stores them. */
import { isChanged, type Subject } from "../core/catalog/drift.ts"
import { MAX_OBSERVATIONS, type Report, type WrittenObservations } from "../core/signals/leased-observations.ts"

interface ObservationRow extends Record<string, SqlStorageValue> {
  readonly kind: string
  readonly name: string
  readonly seen: string
}

export class ObservationStorage {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS observations (kind TEXT NOT NULL, name TEXT NOT NULL, seen TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (kind, name)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS observers (id INTEGER PRIMARY KEY CHECK (id = 0), bundle INTEGER NOT NULL)`)
  }

  leased(): WrittenObservations {
    const rows = this.#sql.exec<ObservationRow>("SELECT kind, name, seen FROM observations").toArray()
    const of = (kind: Subject["kind"]): ObservationRow[] => rows.filter((row) => row.kind === kind)
    return {
      tools: of("tool").map(({ name, seen }) => [name, seen] as const),
      headers: of("headers").map(({ name }) => name),
      full: rows.length >= MAX_OBSERVATIONS,
    }
  }

  /**
   * Two observers may report at once, and late. The later observation counts: an earlier observer does not delete what
   * a later one stored. A deleted observation leaves nothing to compare with, so a late one may come back; it errs
   * towards denial until the next observation.
   *
   * An observer that compares with the pins of an older bundle deletes nothing: what matches the old pin may differ
   * from the current one, so it is stored as an observation.
   */
  take({ bundle, at, sightings, headers, outdated = [] }: Report, now: number): void {
    // By our own clock at most: an observer whose clock is ahead must not block the others.
    const seenAt = Math.min(at, now)
    const newest = this.#sql.exec<{ bundle: number }>("SELECT bundle FROM observers").toArray()[0]?.bundle ?? 0
    const isCurrent = bundle >= newest
    if (bundle > newest) this.#sql.exec("INSERT OR REPLACE INTO observers VALUES (0, ?)", bundle)
    if (isCurrent) for (const { kind, name } of outdated) this.#forget(kind, name, seenAt)
    let room =
      MAX_OBSERVATIONS - this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM observations").one().count
    for (const sighting of sightings) {
      const { tool, seen } = sighting
      if (isChanged(sighting) || !isCurrent) room -= this.#keep("tool", tool, seen, seenAt, room)
      else this.#forget("tool", tool, seenAt)
    }
    if (headers && !headers.enforced) this.#keep("headers", headers.server, "", seenAt, room)
    if (headers?.enforced === true && isCurrent) this.#forget("headers", headers.server, seenAt)
  }

  /** @returns how much of the room it took */
  #keep(kind: Subject["kind"], name: string, seen: string, at: number, room: number): 0 | 1 {
    const [row] = this.#sql.exec<{ at: number }>("SELECT at FROM observations WHERE kind = ? AND name = ?", kind, name)
    if (row ? row.at > at : room <= 0) return 0
    this.#sql.exec("INSERT OR REPLACE INTO observations VALUES (?, ?, ?, ?)", kind, name, seen, at)
    return row ? 0 : 1
  }

  #forget(kind: Subject["kind"], name: string, at: number): void {
    this.#sql.exec("DELETE FROM observations WHERE kind = ? AND name = ? AND at <= ?", kind, name, at)
  }
}
