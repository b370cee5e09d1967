/** The journal against a model of its tables, on the real SQLite of an object, which may die between any two steps. */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import fc from "fast-check"
import { expect, test, vi } from "vitest"
import { Journal } from "../../src/ledger/journal.ts"
import { JOURNAL_SCHEMA } from "../../src/ledger/journal-rows.ts"
import type { Row, Table } from "../../src/ledger/table.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { runsOf } from "../harness/runs.ts"
import { START } from "../harness/trees.ts"

freshIsolateForEach()

const TIMED: Table = { name: "timed", columns: ["scope", "key", "at", "span"], keys: 2, until: ["at", "span"] }
const FOR_EVER: Table = { name: "for_ever", columns: ["scope", "key", "value"], keys: 2, until: null }
/** A column of `for_ever`. */
const PART: Table = {
  name: "part",
  columns: ["key", "part"],
  keys: 1,
  until: null,
  update: "UPDATE parts SET part = ?2 WHERE key = ?1",
}
const SCHEMA = `
${JOURNAL_SCHEMA}
CREATE TABLE timed (scope TEXT, key INTEGER, at INTEGER, span INTEGER, PRIMARY KEY (scope, key)) WITHOUT ROWID;
CREATE TABLE for_ever (scope TEXT, key INTEGER, value INTEGER, PRIMARY KEY (scope, key)) WITHOUT ROWID;
CREATE TABLE parts (key INTEGER PRIMARY KEY, part INTEGER);
`
const SCOPES = ["a", "b"]
const KEYS = 6

const change = fc.record({
  does: fc.constantFrom("put", "put", "put", "put", "part", "remove", "clear", "later", "keep"),
  table: fc.constantFrom(TIMED, FOR_EVER),
  scope: fc.constantFrom(...SCOPES),
  key: fc.nat({ max: KEYS - 1 }),
  value: fc.constantFrom(1, 20, 2_000),
})
const step = fc.record({
  changes: fc.array(change, { maxLength: 5 }),
  ends: fc.constantFrom(
    "commits",
    "commits",
    "commits",
    "commits",
    "fails",
    "commits and dies",
    "postpones",
    "postpones and dies",
    "delivers",
    "folds",
  ),
  times: fc.constantFrom(1, 1, 1, 1, 30),
})
type Change = typeof change extends fc.Arbitrary<infer Each> ? Each : never

/** What there is to be found, by table and key. */
class Model {
  rows = new Map<string, { readonly table: Table; readonly row: Row }>()
  parts = new Map<number, number>()
  unsent = new Set<string>()
  readonly sent = new Set<string>()

  copy(): Model {
    const copy = new Model()
    copy.rows = new Map(this.rows)
    copy.parts = new Map(this.parts)
    copy.unsent = new Set(this.unsent)
    for (const id of this.sent) copy.sent.add(id)
    return copy
  }

  of({ name }: Table, now: number): readonly Row[] {
    return [...this.rows.values()].flatMap(({ table, row }) => (table.name === name && isLive(row, now) ? [row] : []))
  }
}

const isLive = (row: Row, now: number): boolean => !("span" in row) || Number(row["at"]) + Number(row["span"]) > now
const sorted = (rows: readonly Row[]): readonly string[] => rows.map((row) => JSON.stringify(row)).toSorted()
class Fails extends Error {}

class Kept {
  readonly #storage: DurableObjectStorage
  #journal: Journal
  #model = new Model()
  /** What is found if the object dies now. */
  #durable = new Model()
  /** Rows that are certain only once something else is stored. */
  #later: (() => void)[] = []
  #now = START
  #made = 0
  readonly dropped: Row[] = []

  constructor(storage: DurableObjectStorage) {
    for (const table of ["journal", "outbox", "timed", "for_ever", "parts"])
      storage.sql.exec(`DROP TABLE IF EXISTS ${table}`)
    storage.sql.exec(SCHEMA)
    for (let key = 0; key < KEYS; key++) storage.sql.exec("INSERT INTO parts VALUES (?, 0)", key)
    this.#storage = storage
    this.#journal = this.#awake()
  }

  #awake(): Journal {
    const journal = new Journal(this.#storage.sql, [TIMED, FOR_EVER, PART])
    journal.load()
    for (const scope of SCOPES) journal.watch(TIMED, scope, (row) => this.dropped.push(row))
    this.#later = []
    return journal
  }

  step(changes: readonly Change[], ends: string): void {
    this.#now += 7
    const model = this.#model.copy()
    const postpones = ends.startsWith("postpones")
    try {
      this.#storage.transactionSync(() => {
        // A table is cleared at once.
        for (const each of changes) if (!postpones || each.does !== "clear") this.#change(model, each)
        if (ends === "folds") this.#journal.fold(this.#now)
        if (postpones) this.#journal.postpone()
        else this.#journal.commit(this.#now)
        if (ends === "fails") throw new Fails()
      })
      this.#model = model
      if (!this.#journal.isBehind) this.#durable = model.copy()
    } catch (error) {
      if (!(error instanceof Fails)) throw error
      this.#die()
    }
    if (ends === "delivers") this.#deliver()
    this.#compare()
    if (!ends.endsWith("and dies")) return
    this.#die()
    this.#compare()
  }

  #die(): void {
    this.#journal = this.#awake()
    this.#model = this.#durable.copy()
  }

  #change(model: Model, { does, table, scope, key, value }: Change): void {
    const id = `${table.name} ${scope} ${key}`
    const values = table === TIMED ? [scope, key, this.#now, value] : [scope, key, value]
    const row = Object.fromEntries(table.columns.map((column, index) => [column, values[index] ?? null]))
    switch (does) {
      case "put":
        this.#journal.put(table, values)
        model.rows.set(id, { table, row })
        return
      case "part":
        this.#journal.put(PART, [key, value])
        model.parts.set(key, value)
        return
      case "remove":
        this.#journal.remove(table, scope, key)
        model.rows.delete(id)
        return
      case "clear":
        this.#journal.clear(table, { scope })
        for (const [each, { table: of, row: found }] of model.rows)
          if (of === table && found["scope"] === scope) model.rows.delete(each)
        return
      case "keep": {
        const record = `record ${this.#made++}`
        this.#journal.keep({ id: record, body: `of ${record}` })
        model.unsent.add(record)
        return
      }
      default: {
        // It is what is found already, so nothing is lost if it is not stored.
        const found = model.rows.get(id)?.row
        if (found)
          this.#journal.putLater(
            table,
            table.columns.map((column) => found[column] ?? null),
          )
      }
    }
  }

  #deliver(): void {
    const records = this.#journal.records(3)
    this.#journal.delivered(records)
    for (const { id } of records)
      for (const model of [this.#model, this.#durable]) {
        model.unsent.delete(id)
        model.sent.add(id)
      }
  }

  #compare(): void {
    for (const table of [TIMED, FOR_EVER]) {
      const found = this.#journal.rows(table).filter((row) => isLive(row, this.#now))
      expect(sorted(found)).toEqual(sorted(this.#model.of(table, this.#now)))
      const [scope = ""] = SCOPES
      const inScope = found.filter((row) => row["scope"] === scope)
      expect(sorted(this.#journal.rows(table, { scope }).filter((row) => isLive(row, this.#now)))).toEqual(
        sorted(inScope),
      )
    }
    for (const [key, part] of this.#model.parts) {
      const stored = this.#storage.sql.exec<{ part: number }>("SELECT part FROM parts WHERE key = ?", key).one().part
      expect(this.#journal.pendingRow(PART, key)?.[1] ?? stored).toBe(part)
    }
    const waiting = this.#journal.records(10_000)
    const { unsent } = this.#journal.isBehind ? this.#durable : this.#model
    expect(new Set(waiting.map(({ id }) => id)).isSupersetOf(unsent)).toBe(true)
    for (const { id, body } of waiting) {
      expect(body).toBe(`of ${id}`)
      expect(this.#model.unsent.has(id) || this.#model.sent.has(id)).toBe(true)
    }
  }
}

test("whatever dies when: what is found is what was put, and no record is lost", async () => {
  await runInDurableObject(env.LEDGER.getByName(crypto.randomUUID()), (_ledger, { storage }) => {
    let dropped = 0
    const property = fc.property(fc.array(step, { minLength: 5, maxLength: 40, size: "max" }), (steps) => {
      const kept = new Kept(storage)
      for (const { changes, ends, times } of steps)
        for (let time = 0; time < times; time++) kept.step(changes, time === times - 1 ? ends : "commits")
      dropped += kept.dropped.length
    })
    fc.assert(property, { seed: 20261128, numRuns: runsOf(40) })
    expect(dropped).toBeGreaterThan(0)
  })
})

/** @returns how many rows are written */
function written(sql: SqlStorage, work: () => void): number {
  // oxlint-disable-next-line typescript/unbound-method -- bound below
  const exec = sql.exec.bind(sql)
  const cursors: { readonly rowsWritten: number }[] = []
  const watched = vi.spyOn(sql, "exec").mockImplementation((...given: Parameters<SqlStorage["exec"]>) => {
    const cursor = exec(...given)
    cursors.push(cursor)
    return cursor
  })
  work()
  watched.mockRestore()
  return cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0)
}

test("a step is one row, however often the ring has gone round, as long as its rows are written again or are over", async () => {
  await runInDurableObject(env.LEDGER.getByName(crypto.randomUUID()), (_ledger, { storage: { sql } }) => {
    sql.exec(SCHEMA)
    const journal = new Journal(sql, [TIMED, FOR_EVER, PART])
    const rows = written(sql, () => {
      for (let turn = 0; turn < 1_000; turn++) {
        journal.put(FOR_EVER, ["a", 1, turn])
        journal.put(TIMED, ["a", turn, START + turn, 20])
        journal.keep({ id: `record ${turn}`, body: "" })
        journal.commit(START + turn)
        journal.delivered(journal.records(10))
      }
    })
    expect(rows).toBe(1_000)
  })
})

test("a record that the journal has no room for is found, whether or not the outbox was empty before", async () => {
  await runInDurableObject(env.LEDGER.getByName(crypto.randomUUID()), (_ledger, { storage: { sql } }) => {
    sql.exec(SCHEMA)
    const journal = new Journal(sql, [TIMED, FOR_EVER, PART])
    expect(journal.records(10)).toEqual([])
    for (let turn = 0; turn < 1_500; turn++) {
      journal.keep({ id: `record ${turn}`, body: "" })
      journal.commit(START)
    }
    expect(sql.exec("SELECT * FROM outbox").toArray()).not.toEqual([])
    expect(journal.records(2_000)).toHaveLength(1_500)
    journal.delivered(journal.records(2_000))
    expect(journal.records(2_000)).toEqual([])
  })
})

test("a step that changes one row alone writes it into its table", async () => {
  await runInDurableObject(env.LEDGER.getByName(crypto.randomUUID()), (_ledger, { storage: { sql } }) => {
    sql.exec(SCHEMA)
    const journal = new Journal(sql, [TIMED, FOR_EVER, PART])
    const rows = written(sql, () => {
      for (let turn = 0; turn < 10; turn++) {
        journal.put(FOR_EVER, ["a", turn, turn])
        journal.commit(START)
      }
    })
    expect(rows).toBe(10)
    expect(sql.exec("SELECT * FROM for_ever").toArray()).toHaveLength(10)
    expect(sql.exec("SELECT * FROM journal").toArray()).toEqual([])
  })
})
