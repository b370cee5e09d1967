/**
 * What the records of one log add up to, stored beside them: a counter that began anew wherever an object restarts, or
 * counted only what is still there, would be none. It is advanced in the transaction in which records get their positions,
 * which is when each is known to be new.
 */
import { counted, NO_COUNTS, type Countable, type Counts } from "../core/metrics/counts.ts"
import { BLANK, type PartialRecord } from "../core/record/fields.ts"

export class RecordCounters {
  readonly #sql: SqlStorage
  /** As stored. Null until it is read. */
  #counts: Counts | null = null

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec("CREATE TABLE IF NOT EXISTS counters (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL)")
  }

  read(): Counts {
    if (this.#counts) return this.#counts
    const [row] = this.#sql.exec<{ body: string }>("SELECT body FROM counters").toArray()
    const counts: Counts = row ? JSON.parse(row.body) : NO_COUNTS
    return (this.#counts = counts)
  }

  /** Only in the transaction in which these records, as stored, get their positions; last, as nothing undoes it here. */
  add(records: readonly PartialRecord[]): void {
    const counts = counted(this.read(), records.map(countable))
    this.#sql.exec("INSERT OR REPLACE INTO counters VALUES (1, ?)", JSON.stringify(counts))
    this.#counts = counts
  }
}

/** Not the whole record with all its blanks, of which most of the time would go into the copy. */
function countable({
  at,
  kind,
  decision = BLANK.decision,
  code = BLANK.code,
  gateway = BLANK.gateway,
  tool = BLANK.tool,
  number = BLANK.number,
  total_ms = BLANK.total_ms,
  steps = BLANK.steps,
}: PartialRecord): Countable {
  return { at, kind, decision, code, gateway, tool, number, total_ms, steps }
}
