/** The action classes whose calls are denied because their records cannot be stored, by the exporter that reports it. */
import { ACTIONS, type Action } from "../core/catalog/tool.ts"

/** A log has few sinks; more would be no exporters of this deployment. */
const MOST_SOURCES = 256

export class UnrecordedStorage {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(
      "CREATE TABLE IF NOT EXISTS unrecorded (source TEXT PRIMARY KEY, actions TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID",
    )
  }

  /** @param until milliseconds since the epoch */
  set(source: string, actions: readonly Action[], until: number, now: number): void {
    this.#sql.exec("DELETE FROM unrecorded WHERE source = ? OR until <= ?", source, now)
    if (actions.length === 0 || until <= now) return
    const { count } = this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM unrecorded").one()
    if (count < MOST_SOURCES)
      this.#sql.exec("INSERT INTO unrecorded VALUES (?, ?, ?)", source, actions.join(" "), until)
  }

  leased(now: number): readonly Action[] {
    const rows = this.#sql.exec<{ actions: string }>("SELECT actions FROM unrecorded WHERE until > ?", now).toArray()
    const named = new Set(rows.flatMap(({ actions }) => actions.split(" ")))
    return ACTIONS.filter((action) => named.has(action))
  }
}
