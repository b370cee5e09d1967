/**
 * A table of a bundle's text: a line for each row, `["name",row]` in JSON, in the order of the names. A row is found by
 * halving, without an index, and read when it is first asked for: a cold isolate pays for what it meets, however much
 * else there is.
 */
import type { Lookup } from "./lookup.ts"

/** What a line starts with. None is the start of another: a quotation mark inside a name is escaped. */
const startOf = (name: string): string => `[${JSON.stringify(name)},`

export interface WrittenTable {
  readonly text: string
  /** Where each row's line begins in it, by name. */
  readonly places: ReadonlyMap<string, number>
}

/** Throws on a name that is there twice. @param what it is a table of, in that error */
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
    const known = this.#read.get(name)
    if (known !== undefined) return known
    const row = this.find(name)
    if (row !== undefined) this.#read.set(name, row)
    return row
  }

  /** As `get`, for who remembers it in another form. */
  find(name: string): Row | undefined {
    const place = this.placeOf(name)
    return place === undefined ? undefined : this.at(place)
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  /**
   * Those whose names begin so, in the order of their names, from behind one of them, there or not; each is read when
   * it is come to.
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

  /** All with their names, each read anew: for who looks at the whole, once. */
  *entries(): Generator<readonly [name: string, row: Row]> {
    const { text, from, to } = this.#section
    for (let start = from; start < to; start = text.indexOf("\n", start) + 1) yield this.#line(start)
  }

  /** All that are there, each read once. */
  values(): readonly Row[] {
    this.#rows ??= this.#all()
    return this.#rows
  }

  /** Of one whose place is known; read anew. */
  at(place: number): Row {
    return this.#line(this.#section.from + place)[1]
  }

  #all(): readonly Row[] {
    const { text, from, to } = this.#section
    const rows: Row[] = []
    for (let start = from; start < to; start = text.indexOf("\n", start) + 1) {
      const [name, row] = this.#line(start)
      const known = this.#read.get(name)
      if (known === undefined) this.#read.set(name, row)
      rows.push(known ?? row)
    }
    return rows
  }

  #line(start: number): readonly [name: string, row: Row] {
    const { text } = this.#section
    return JSON.parse(text.slice(start, text.indexOf("\n", start)))
  }

  /** Of a row's line, as `at` takes it. */
  placeOf(name: string): number | undefined {
    const { text, from, to } = this.#section
    const sought = startOf(name)
    const start = this.#boundOf(sought)
    return start < to && text.startsWith(sought, start) ? start - from : undefined
  }

  /** Where the first line begins that is not before this start of a line. */
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
