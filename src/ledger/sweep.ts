/**
 * Deletes rows that do not matter any more from a table, a few with each write, from where it stopped. It needs no
 * index, which would cost one more row for each row written; and no write waits for the whole table. It examines many
 * more rows than a write adds, so a table holds few dead rows under any load. The first column of each primary key is
 * the scope: what one tree remembers, of which nobody else's sweep takes notice.
 */
import type { Journal } from "./journal.ts"
import { untilIn, type Row, type Table } from "./table.ts"

/** Rows that are examined for each row that is written. */
const ROWS_PER_WRITE = 16
/** The least number that is examined at once, because a statement costs more than the rows it examines. */
const STEP = 256

export class Sweep<Found extends Row> {
  readonly #sql: SqlStorage
  readonly #journal: Journal
  readonly #table: Table<Found>
  readonly #columns: readonly string[]
  readonly #scope: string
  readonly #end: (isFirst: boolean) => string
  readonly #remove: (isFirst: boolean, isLast: boolean) => string
  readonly #forget: (row: Found) => unknown
  /** Key of the row at which it stopped. Null if it begins anew. */
  #after: readonly SqlStorageValue[] | null = null
  #due = 0

  /** @param forget receives each row that is deleted */
  constructor(sql: SqlStorage, journal: Journal, scope: string, table: Table<Found>, forget: (row: Found) => unknown) {
    this.#sql = sql
    this.#journal = journal
    this.#table = table
    this.#scope = scope
    const columns = table.columns.slice(1, table.keys)
    this.#columns = columns
    this.#forget = forget
    journal.watch<Found>(table, scope, forget)
    const key = columns.join(", ")
    const places = columns.map(() => "?").join(", ")
    const after = `(${key}) > (${places})`
    this.#end = (isFirst) =>
      `SELECT ${key} FROM ${table.name} WHERE scope = ?${isFirst ? "" : ` AND ${after}`} ORDER BY ${key} LIMIT 1 OFFSET ${STEP - 1}`
    this.#remove = (isFirst, isLast) =>
      `DELETE FROM ${table.name} WHERE scope = ? AND ${untilIn(table)} <= ?${isFirst ? "" : ` AND ${after}`}${
        isLast ? "" : ` AND (${key}) <= (${places})`
      } RETURNING *`
  }

  /** A row was written. */
  wrote(now: number): void {
    if ((this.#due += ROWS_PER_WRITE) < STEP) return
    this.#due = 0
    const after = this.#after ?? []
    const [row] = this.#sql.exec<Row>(this.#end(after.length === 0), this.#scope, ...after)
    const end = row ? this.#columns.map((column) => row[column] ?? null) : []
    const statement = this.#remove(after.length === 0, end.length === 0)
    const removed = this.#sql.exec<Found>(statement, this.#scope, now, ...after, ...end)
    // The journal may have a later state of it.
    for (const each of removed.toArray()) if (!this.#journal.isPending(this.#table, each)) this.#forget(each)
    this.#after = row ? end : null
  }
}
