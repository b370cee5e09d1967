/**
 * Takes rows out of a table that matter no longer, a few at a time: with each write it goes on where it stopped. No
 * index is needed, which would be a row more for each that is written; and no write waits for all of a table. As it
 * looks at many more rows than a write adds, a table holds few dead ones, under whatever load.
 */
type Row = Record<string, SqlStorageValue>

export interface Swept {
  readonly table: string
  /** Its primary key. */
  readonly columns: readonly string[]
  /** Whether a row matters no longer; `?` is now, in milliseconds. */
  readonly isOver: string
}

/** Rows that are looked at for each that is written. */
const ROWS_PER_WRITE = 16
/** So many at once: a statement costs more than the rows it looks at. */
const STEP = 256

export class Sweep<Found extends Row> {
  readonly #sql: SqlStorage
  readonly #columns: readonly string[]
  readonly #end: (isFirst: boolean) => string
  readonly #remove: (isFirst: boolean, isLast: boolean) => string
  readonly #forget: (row: Found) => unknown
  /** Key of the row at which it stopped; null: it begins anew. */
  #after: readonly SqlStorageValue[] | null = null
  #due = 0

  /** @param forget told of each row that is taken out */
  constructor(sql: SqlStorage, { table, columns, isOver }: Swept, forget: (row: Found) => unknown) {
    this.#sql = sql
    this.#columns = columns
    this.#forget = forget
    const key = columns.join(", ")
    const places = columns.map(() => "?").join(", ")
    const after = `(${key}) > (${places})`
    this.#end = (isFirst) =>
      `SELECT ${key} FROM ${table} ${isFirst ? "" : `WHERE ${after}`} ORDER BY ${key} LIMIT 1 OFFSET ${STEP - 1}`
    this.#remove = (isFirst, isLast) =>
      `DELETE FROM ${table} WHERE ${isOver}${isFirst ? "" : ` AND ${after}`}${
        isLast ? "" : ` AND (${key}) <= (${places})`
      } RETURNING *`
  }

  /** A row was written. */
  wrote(now: number): void {
    if ((this.#due += ROWS_PER_WRITE) < STEP) return
    this.#due = 0
    const after = this.#after ?? []
    const [row] = this.#sql.exec<Row>(this.#end(after.length === 0), ...after)
    const end = row ? this.#columns.map((column) => row[column] ?? null) : []
    const removed = this.#sql.exec<Found>(this.#remove(after.length === 0, end.length === 0), now, ...after, ...end)
    for (const each of removed.toArray()) this.#forget(each)
    this.#after = row ? end : null
  }
}
