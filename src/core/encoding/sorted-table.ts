/**
 * A table in a bundle's text: a line for each row, `["name",row]` in JSON, in the order of the names. A row is found by
 * binary search, without an index, and read when first requested: a cold isolate pays for what it needs, however large
 * the table is.
 */
import type { Lookup } from "./lookup.ts"

/** The beginning of a line. None is the beginning of another: a quotation mark inside a name is escaped. */
const startOf = (name: string): string => `[${JSON.stringify(name)},`

export interface WrittenTable {
  readonly text: string
  /** Where the line of each row begins, by name. */
  readonly places: ReadonlyMap<string, number>
}

/**
 * Throws on a duplicate name.
 * @param what it is a table of, in that error
 */
export function writeTable<Row>(
  what: string,
  rows: readonly Row[],
  nameOf: (row: Row) => string,
  write: (row: Row) => string,
): WrittenTable {
  const named = rows.map((row) => ({ name: nameOf(row), start: startOf(nameOf(row)), row }))
  const places = new Map<string, number>()
  let text = ""
  for (const { name, start, row } of named.toSorted((a, b) => (a.start < b.start ? -1 : 1))) {
    if (places.has(name)) throw new Error(`${what} ${JSON.stringify(name)} is there twice`)
    places.set(name, text.length)
    text += `${start}${write(row)}]\n`
  }
  return { text, places }
}

/** Part of a bundle's text: lines from `from` up to, and without, `to`. */
export interface Section {
  readonly text: string
  readonly from: number
  readonly to: number
}

export class Table<Row> implements Lookup<Row> {
  readonly #section: Section
  readonly #read = new Map<string, Row>()
  #rows: readonly Row[] | undefined

  constructor(section: Section) {
    this.#section = section
  }

  get(name: string): Row | undefined {
    const cached = this.#read.get(name)
    if (cached !== undefined) return cached
    const row = this.find(name)
    if (row !== undefined) this.#read.set(name, row)
    return row
  }

  /** Like `get`, for a caller that caches it in another form. */
  find(name: string): Row | undefined {
    const place = this.placeOf(name)
    return place === undefined ? undefined : this.at(place)
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  /**
   * The rows whose names begin with `prefix`, in the order of their names, from behind one of them, present or not;
   * each is read when it is reached.
   */
  *rowsOf(prefix: string, after: string | null): Generator<Row> {
    const { text, to } = this.#section
    const begin = startOf(prefix).slice(0, -2)
    const last = after === null ? begin : startOf(after)
    let start = this.#boundOf(last)
    if (after !== null && text.startsWith(last, start)) start = text.indexOf("\n", start) + 1
    for (; start < to && text.startsWith(begin, start); start = text.indexOf("\n", start) + 1)
      yield this.#line(start)[1]
  }

  /** All rows with their names, each read anew, for a caller that reads the whole table once. */
  *entries(): Generator<readonly [name: string, row: Row]> {
    const { text, from, to } = this.#section
    for (let start = from; start < to; start = text.indexOf("\n", start) + 1) yield this.#line(start)
  }

  /** All rows, each read once. */
  values(): readonly Row[] {
    this.#rows ??= this.#all()
    return this.#rows
  }

  /** The row at a known place, read anew. */
  at(place: number): Row {
    return this.#line(this.#section.from + place)[1]
  }

  #all(): readonly Row[] {
    const { text, from, to } = this.#section
    const rows: Row[] = []
    for (let start = from; start < to; start = text.indexOf("\n", start) + 1) {
      const [name, row] = this.#line(start)
      const cached = this.#read.get(name)
      if (cached === undefined) this.#read.set(name, row)
      rows.push(cached ?? row)
    }
    return rows
  }

  #line(start: number): readonly [name: string, row: Row] {
    const { text } = this.#section
    return JSON.parse(text.slice(start, text.indexOf("\n", start)))
  }

  /** The place of a row's line, as `at` takes it. */
  placeOf(name: string): number | undefined {
    const { text, from, to } = this.#section
    const sought = startOf(name)
    const start = this.#boundOf(sought)
    return start < to && text.startsWith(sought, start) ? start - from : undefined
  }

  /** Where the first line begins that does not sort before this beginning of a line. */
  #boundOf(sought: string): number {
    const { text, from, to } = this.#section
    let [low, high] = [from, to]
    while (low < high) {
      const start = text.lastIndexOf("\n", ((low + high) >> 1) - 1) + 1
      if (text.slice(start, start + sought.length) < sought) low = text.indexOf("\n", start) + 1
      else high = start
    }
    return low
  }
}
