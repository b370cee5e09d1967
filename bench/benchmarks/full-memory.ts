/**
 * Whether a call costs more once a tree remembers as much as it may, storage included: in Node by the ledger's pure
 * steps and its guardrails' storage, on SQLite in memory. Each turn makes a call with values that were never there, in
 * whose place the oldest have to go, and one that is denied.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite"
import { decide } from "../../src/core/decision/decide.ts"
import { DUE } from "../../src/ledger/due.ts"
import { Journal } from "../../src/ledger/journal.ts"
import { JOURNAL_SCHEMA } from "../../src/ledger/journal-rows.ts"
import { MEMORY_TABLES } from "../../src/ledger/memories-storage.ts"
import { MEMORY_SCHEMA, MemoryStorage } from "../../src/ledger/memory-storage.ts"
import type { TreeState } from "../../src/core/task/state.ts"
import { applyChange } from "../../src/core/task/transition.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import { guard, type Benchmark } from "../benchmark.ts"
import { race, type Way } from "../in-process.ts"
import { callOn, compileGuarded, openTree } from "../tree.ts"

/** Keys and values of each guardrail that are kept at most, and more than there are places for. */
const FULL = { tickets: 10_000, pages: 12_000 }
const SMALL = { tickets: 10, pages: 12 }
/** Of calls that were made once more are known; then they are forgotten too. */
const CALLS = 150_000

const READ = "crm.tickets.get"
const DAY = { within: "24h" } as const
const TICKET = "arguments.ticket"
const MOST = 100_000
const SAME_PAGE = { tools: [READ], where: { "arguments.page": "arguments.page" }, ...DAY } as const
const SAME_TICKET = { tools: [READ], where: { [TICKET]: TICKET }, ...DAY } as const

const GUARDRAILS = {
  windows: [{ id: "each-ticket", tools: [READ], per: ["tree", TICKET], limit: MOST, ...DAY }],
  budgets: [{ id: "each-part", tools: [READ], per: ["tree", TICKET], distinct: "arguments.part", limit: 1, ...DAY }],
  loops: [{ id: "again", tools: [READ], repeats: MOST, ...DAY }],
  sequences: [
    {
      id: "looks-back",
      tools: ["crm.tickets.reply"],
      require: {
        all: [
          { formerly: SAME_PAGE },
          { count: { ...SAME_TICKET, at_least: 1 } },
          { distinct: { ...SAME_TICKET, of: "arguments.part", at_least: 1 } },
          { distinct: { tools: [READ], of: "arguments.page", at_least: 1, ...DAY } },
        ],
      },
    },
  ],
}

export const fullMemory: Benchmark = {
  name: "full-memory",
  question: "calls on a tree whose guardrails remember as much as they may, against one on which they remember ten",
  unit: "ratio",
  // Twice the cost: a database of some ten thousand rows is deeper than one of ten.
  target: 0.5,
  run: async (lab) => {
    const bundle = await compileGuarded(lab, GUARDRAILS)
    const [full, small] = [new Remembering(bundle, FULL), new Remembering(bundle, SMALL)]
    for (const each of [full, small]) {
      lab.say(`${each.size.tickets} tickets`)
      for (let turn = 0; turn < CALLS; turn++) each.next()
    }
    const wayOf = (each: Remembering): Way => ({ name: `${each.size.tickets} tickets`, step: () => each.next() })
    const { ratio, sides } = race(lab, wayOf(full), wayOf(small))
    for (const each of [full, small]) each.examine()
    return { value: ratio, sides }
  },
}

class Remembering {
  readonly size: typeof FULL
  readonly #bundle: Bundle
  readonly #state: TreeState
  readonly #database = new DatabaseSync(":memory:")
  readonly #statements = new Map<string, StatementSync>()
  readonly #journal: Journal
  readonly #storage: MemoryStorage
  #turn = 0

  constructor(bundle: Bundle, size: typeof FULL) {
    this.size = size
    this.#bundle = bundle
    this.#state = openTree(bundle, 1)
    this.#database.exec(`${MEMORY_SCHEMA} ${JOURNAL_SCHEMA}`)
    const sql: SqlStorage = { exec: (query, ...values) => this.#exec(query, values) }
    this.#journal = new Journal(sql, MEMORY_TABLES)
    this.#storage = new MemoryStorage(sql, this.#journal, "tree")
  }

  /** One call that is allowed, and one that is not. */
  next(): boolean {
    const { tickets, pages } = this.size
    const turn = this.#turn++
    const now = 1 + Math.floor(turn / 8)
    const ticket = `T-${turn % tickets}`
    const allowed = this.#call({ ticket, page: `P-${turn % pages}`, part: 1, call: turn }, now)
    guard(allowed === null, `a call was denied: ${allowed}`)
    const isFull = tickets >= 10_000 && turn >= tickets
    const denied = this.#call(
      isFull ? { ticket: "T-more", page: "P-0", part: 1 } : { ticket, page: "P-0", part: 2 },
      now,
    )
    guard(denied === (isFull ? "history_full" : "budget_spent"), `a call was not denied: ${denied}`)
    return true
  }

  /** That it has in storage what it is to remember, and not much more. */
  examine(): void {
    this.#journal.fold(0)
    const [row] = this.#exec<{ many: number }>("SELECT COUNT(*) AS many FROM marks")
    const { tickets, pages } = this.size
    const values = 2 * tickets + Math.min(pages, 10_000) + Math.min(pages, 10_001)
    guard(row?.many === values, `${row?.many} values are in storage, and not ${values}`)
  }

  #call(values: Readonly<Record<string, unknown>>, now: number): string | null {
    const { change, verdict } = decide(this.#bundle, this.#state, callOn(this.#state, "dec_1", READ, values), now)
    if (!change) return verdict.denial?.reason ?? null
    const memory = this.#state.ledger.memories.of(this.#state.root)
    const updates = change.memoryUpdates.flatMap((each) => each.updates)
    if (this.#storage.due(memory, updates, now) !== DUE.never) this.#database.exec("BEGIN")
    this.#storage.save(memory, updates, now)
    this.#journal.commit(now)
    if (this.#database.isTransaction) this.#database.exec("COMMIT")
    applyChange(this.#state, change)
    return null
  }

  #exec<Row>(query: string, values: readonly SqlStorageValue[] = []): SqlStorageCursor<Row> {
    let statement = this.#statements.get(query)
    if (!statement) this.#statements.set(query, (statement = this.#database.prepare(query)))
    const bound = values.map((value) => (value instanceof ArrayBuffer ? new Uint8Array(value) : value))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as it was selected
    const rows = statement.all(...bound) as Row[]
    const one = (): Row => {
      const [row] = rows
      guard(row !== undefined, `no row: ${query}`)
      return row
    }
    return { [Symbol.iterator]: () => rows[Symbol.iterator](), toArray: () => rows, one }
  }
}
