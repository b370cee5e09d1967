/**
 * What a step writes, as one row: Cloudflare counts rows, and each of a step's would have to be durable before its
 * answer. The journal is a ring of such rows. What the tables do not have yet is in memory too, by its key, and is
 * read together with the tables. As the ring comes round, what still matters of its oldest rows goes into the tables;
 * most of it has been written again since, or matters no more.
 */
import type { StoredRecord } from "../core/record/record.ts"
import { BLANK, INSERT, UPDATE, type Change, type Written } from "./journal-rows.ts"
import { has, keyOf, named, removal, untilOf, writing, type Row, type Table, type Value } from "./table.ts"

/** Rows of the journal; half of them are freed at once … */
export const SLOTS = 64
/** … and more, up to so many, while records wait because their log lags behind. Beyond that, they go to the outbox. */
const MOST_SLOTS = 1_024
/** A step that changes more rows than this writes them into their tables. */
const MOST_CHANGES = 256

export class Journal {
  readonly #sql: SqlStorage
  readonly #tables: ReadonlyMap<string, Table>
  /** What the tables do not have yet, by table and key. */
  readonly #pending = new Map<string, Change>()
  /** Records that wait for delivery. */
  readonly #records = new Map<string, { readonly body: string; readonly number: number }>()
  /** Who wants to know of rows that matter no more, by table and first column. */
  readonly #dropped = new Map<string, (row: readonly Value[]) => void>()
  /** Changes of this step, and whether there was one of the same row before; and its records. */
  readonly #step = new Map<string, { readonly change: Change; readonly isPending: boolean }>()
  #kept: StoredRecord[] = []
  /** Changes that the next row takes along. */
  readonly #later = new Map<string, Change>()
  /** Rows of the journal, the oldest first. */
  readonly #slots: { readonly slot: number; readonly number: number }[] = []
  #isBehind = false
  #number = 0
  #floor = 0
  #sent = 0
  #isOutboxEmpty = false
  /** Whether what is delivered next is to be gone. */
  #blanks = false

  constructor(sql: SqlStorage, tables: readonly Table[]) {
    this.#sql = sql
    this.#tables = new Map(tables.map((table) => [table.name, table]))
  }

  /** After waking. Nothing is written. */
  load(): void {
    const stored = this.#sql.exec<{ slot: number; number: number; floor: number; sent: number; body: string }>(
      "SELECT * FROM journal ORDER BY number",
    )
    const all = stored.toArray()
    const last = all.at(-1)
    if (!last) return
    ;[this.#number, this.#floor, this.#sent] = [last.number, last.floor, last.sent]
    this.#slots.length = 0
    for (const { slot, number, body } of all) {
      this.#slots.push({ slot, number })
      if (number <= Math.min(this.#floor, this.#sent)) continue
      const { rows, records }: Written = JSON.parse(body)
      if (number > this.#floor) for (const [name, ...rest] of rows) this.#restore(String(name), rest, number)
      if (number > this.#sent) for (const [id, record] of records) this.#records.set(id, { body: record, number })
    }
  }

  #restore(name: string, rest: readonly Value[], number: number): void {
    const table = this.#tables.get(name)
    if (!table) throw new Error(`no such table: ${name}`)
    const isDeleted = rest[0] === null
    const key = isDeleted ? rest.slice(1) : rest.slice(0, table.keys)
    this.#replace({ table, key, row: isDeleted ? null : rest, number })
  }

  /** The latest changes are the last. */
  #replace(change: Change): string {
    const id = idOf(change.table, change.key)
    this.#pending.delete(id)
    this.#pending.set(id, change)
    return id
  }

  /** Replaces the row with the same key. Like all changes, it is stored once the step commits. */
  put(table: Table, row: readonly Value[]): void {
    this.#change({ table, key: row.slice(0, table.keys), row, number: Number.POSITIVE_INFINITY })
  }

  remove(table: Table, ...key: readonly Value[]): void {
    this.#change({ table, key, row: null, number: Number.POSITIVE_INFINITY })
  }

  #change(change: Change): void {
    const id = idOf(change.table, change.key)
    const isPending = this.#step.get(id)?.isPending ?? this.#pending.has(id)
    this.#later.delete(id)
    this.#step.set(this.#replace(change), { change, isPending })
  }

  /** Replaces the row as soon as anything is written. Until then, storage leads to the same row. */
  putLater(table: Table, row: readonly Value[]): void {
    const change: Change = { table, key: row.slice(0, table.keys), row, number: Number.POSITIVE_INFINITY }
    this.#later.set(this.#replace(change), change)
  }

  /** Deletes all rows with these values. */
  clear(table: Table, where: Row): void {
    const columns = Object.keys(where)
    const condition = columns.map((column) => `${column} = ?`).join(" AND ")
    this.#sql.exec(`DELETE FROM ${table.name} WHERE ${condition}`, ...Object.values(where))
    for (const { key, row } of this.#of(table)) if (row && has(table, row, where)) this.remove(table, ...key)
  }

  #of({ name }: Pick<Table, "name">): readonly Change[] {
    return [...this.#pending.values()].filter(({ table }) => table.name === name)
  }

  /**
   * All rows with these values, in no order; also those that do not matter any more.
   * @param among a condition on those of them that the table itself has
   */
  rows<Found extends Row>(table: Table<Found>, where: Row = {}, among: readonly string[] = []): readonly Found[] {
    const conditions = [...Object.keys(where).map((column) => `${column} = ?`), ...among]
    const condition = conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : ""
    const found = this.#sql.exec<Found>(`SELECT * FROM ${table.name}${condition}`, ...Object.values(where))
    const changes = this.#of(table)
    if (changes.length === 0) return found.toArray()
    const changed = new Set(changes.map(({ key }) => idOf(table, key)))
    const same = found.toArray().filter((row) => !changed.has(idOf(table, keyOf(table, row))))
    const put = changes.flatMap(({ row }) => (row && has(table, row, where) ? [row] : []))
    return [...same, ...named<Found>(table, put)]
  }

  /** What the table does not have yet of the row: its values. */
  pendingRow(table: Table, ...key: readonly Value[]): readonly Value[] | null {
    return this.#pending.get(idOf(table, key))?.row ?? null
  }

  /** @returns the greatest value that waits for its table, of the columns by table; 0 if there is none */
  latest(columns: Readonly<Record<string, string>>): number {
    return [...this.#pending.values()].reduce((latest, { table, row }) => {
      const column = columns[table.name]
      return row && column !== undefined ? Math.max(latest, Number(row[table.columns.indexOf(column)])) : latest
    }, 0)
  }

  /** Whether the table has an earlier state of the row. */
  isPending<Found extends Row>(table: Table<Found>, row: Found): boolean {
    return this.#pending.has(idOf(table, keyOf(table, row)))
  }

  /** @param dropped receives rows of the table with this first column that matter no more, and so get into no table */
  watch<Found extends Row>(table: Table<Found>, scope: string, dropped: (row: Found) => unknown): void {
    this.#dropped.set(idOf(table, [scope]), (row) => named<Found>(table, [row]).forEach(dropped))
  }

  /** Nothing of it is remembered any more. */
  unwatch(table: Table, scope: string): void {
    this.#dropped.delete(idOf(table, [scope]))
  }

  /** Whether the step changes something: then more changes of it cost no further row. */
  get isWriting(): boolean {
    return this.#step.size > 0
  }

  /** Whether a step was postponed and is not stored yet. */
  get isBehind(): boolean {
    return this.#isBehind
  }

  /** The last part of a step that the next row takes along: until then, the object may die without it. */
  postpone(): void {
    for (const [id, { change }] of this.#step) this.#later.set(id, change)
    this.#isBehind ||= this.#step.size > 0 || this.#kept.length > 0
    this.#step.clear()
  }

  /** Stores the record with the step. */
  keep(record: StoredRecord): void {
    this.#kept.push(record)
  }

  /** How many records the journal has that wait for delivery. */
  get waiting(): number {
    return this.#records.size
  }

  /** Records that wait for delivery, the oldest first. */
  records(limit: number): readonly StoredRecord[] {
    const waiting = [...this.#records].slice(0, limit).map(([id, { body }]) => ({ id, body }))
    if (this.#isOutboxEmpty || waiting.length === limit) return waiting
    const sql = "SELECT id, body FROM outbox ORDER BY id LIMIT ?"
    const older = this.#sql.exec<{ id: string; body: string }>(sql, limit - waiting.length).toArray()
    this.#isOutboxEmpty = older.length === 0
    return [...older, ...waiting]
  }

  /** They are not sent again, unless the object dies before it writes anything else: then the log stores them once. */
  delivered(records: readonly StoredRecord[]): void {
    for (const { id } of records) if (!this.#records.delete(id)) this.#sql.exec("DELETE FROM outbox WHERE id = ?", id)
    if (this.#blanks && this.#records.size === 0) this.blank()
  }

  /**
   * The last part of a step's transaction.
   * @param now milliseconds by the ledger's clock
   */
  commit(now: number): void {
    const [only] = this.#step.values()
    if (!only && this.#kept.length === 0 && !this.#isBehind) return
    const isAlone = this.#step.size === 1 && this.#kept.length === 0 && this.#later.size === 0
    if (only && isAlone && !only.isPending) this.#write(only.change)
    else if (this.#step.size > MOST_CHANGES) this.fold(now)
    else this.#append([...this.#later.values(), ...[...this.#step.values()].map(({ change }) => change)], now)
    this.#step.clear()
  }

  /** Everything goes into the tables. */
  fold(now: number): void {
    if (this.#pending.size === 0 && this.#kept.length === 0) return
    for (const change of this.#pending.values()) this.#settle(change, now)
    this.#step.clear()
    this.#floor = this.#number + 1
    this.#append([], now)
  }

  /** What its rows say of tables is gone, and of records once they are delivered. */
  blank(): void {
    const [waiting] = this.#records.values()
    this.#sql.exec(BLANK, (waiting?.number ?? this.#number + 1) - 1, this.#floor)
    this.#blanks = waiting !== undefined
  }

  #append(changes: readonly Change[], now: number): void {
    const number = ++this.#number
    const reused = this.#reuse(now)
    const slot = reused ?? this.#slots.length
    for (const change of changes) change.number = number
    const rows = changes.map(({ table, key, row }) => [table.name, ...(row ?? [null, ...key])])
    const records = this.#kept.map(({ id, body }) => [id, body] as const)
    const values = [number, this.#floor, this.#sent, JSON.stringify({ rows, records } satisfies Written)]
    this.#sql.exec(reused === null ? INSERT : UPDATE, ...values, slot)
    this.#slots.push({ slot, number })
    for (const { id, body } of this.#kept) this.#records.set(id, { body, number })
    this.#kept = []
    this.#later.clear()
    this.#isBehind = false
  }

  /** @returns the place of a row that is needed no more. Null if a new one has to be made */
  #reuse(now: number): number | null {
    const [waiting] = this.#records.values()
    this.#sent = Math.max(this.#sent, (waiting?.number ?? this.#number) - 1)
    const [oldest] = this.#slots
    if (!oldest || this.#slots.length < SLOTS) return null
    const until = this.#number - SLOTS / 2
    if (oldest.number > this.#floor) this.#settleUpTo(until, now)
    if (oldest.number > this.#sent && this.#slots.length >= MOST_SLOTS) this.#hand(until)
    if (oldest.number > this.#sent) return null
    this.#slots.shift()
    return oldest.slot
  }

  #settleUpTo(until: number, now: number): void {
    for (const change of this.#pending.values()) if (change.number <= until) this.#settle(change, now)
    this.#floor = until
  }

  /** Records up to this row go to the outbox. */
  #hand(until: number): void {
    this.#isOutboxEmpty = false
    for (const [id, { body, number }] of this.#records) {
      if (number > until) break
      this.#sql.exec("INSERT OR IGNORE INTO outbox VALUES (?, ?)", id, body)
      this.#records.delete(id)
    }
    this.#sent = until
  }

  #settle(change: Change, now: number): void {
    const { table, key, row } = change
    const isOver = row !== null && untilOf(table, row) <= now
    this.#write(isOver ? { ...change, row: null } : change)
    if (isOver) this.#dropped.get(idOf(table, key.slice(0, 1)))?.(row)
  }

  /** Into the table itself. */
  #write({ table, key, row }: Change): void {
    if (row) this.#sql.exec(writing(table), ...row)
    else this.#sql.exec(removal(table), ...key)
    this.#pending.delete(idOf(table, key))
  }
}

function idOf({ name }: Pick<Table, "name">, key: readonly Value[]): string {
  return `${name} ${JSON.stringify(key)}`
}
