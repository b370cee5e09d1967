/** Tables of which single rows are written by their keys. */
export type Value = string | number | null
export type Row = Record<string, Value>

export interface Table<Found extends Row = Row> {
  readonly name: string
  readonly columns: readonly (keyof Found & string)[]
  /** So many of them, from the first on, are the primary key. */
  readonly keys: number
  /** Columns whose sum is the time in milliseconds from which a row matters no more. Null: it matters for ever. */
  readonly until: readonly string[] | null
  /** How a row is written that is part of another table's row; that row, and this one, are never deleted by their keys. */
  readonly update?: string
}

export function keyOf<Found extends Row>({ columns, keys }: Table<Found>, row: Found): readonly Value[] {
  return columns.slice(0, keys).map((column) => row[column] ?? null)
}

/** Infinity: for ever. */
export function untilOf({ columns, until }: Table, row: readonly Value[]): number {
  if (until === null) return Number.POSITIVE_INFINITY
  const parts = until.map((column) => Number(row[columns.indexOf(column)] ?? Number.POSITIVE_INFINITY))
  return parts.reduce((sum, part) => sum + part, 0)
}

/** An expression; null where a row matters for ever. */
export function untilIn({ until }: Pick<Table, "until">): string {
  return until === null ? "NULL" : until.join(" + ")
}

export function writing({ name, columns, update }: Table): string {
  return update ?? `INSERT OR REPLACE INTO ${name} VALUES (${columns.map(() => "?").join(", ")})`
}

export function removal({ name, columns, keys }: Table): string {
  return `DELETE FROM ${name} WHERE ${columns
    .slice(0, keys)
    .map((column) => `${column} = ?`)
    .join(" AND ")}`
}

export function has({ columns }: Pick<Table, "columns">, row: readonly Value[], where: Row): boolean {
  return Object.entries(where).every(([column, value]) => row[columns.indexOf(column)] === value)
}

/** Rows as the tables give them. A statement of SQLite that names a row's values costs more than the row. */
export function named<Found extends Row>(
  { columns }: Table<Found>,
  rows: readonly (readonly Value[])[],
): readonly Found[] {
  return JSON.parse(
    JSON.stringify(rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index] ?? null])))),
  )
}
