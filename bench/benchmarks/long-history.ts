/**
 * Whether a decision costs more the longer its tree remembers, in Node by the ledger's pure steps: the same calls under
 * the same guardrails, made so often that 100,000 of them are remembered, and so rarely that ten are. Every call is
 * decided and applied, and as each new one comes the oldest leaves.
 */
import type { Verdict } from "../../src/core/decision/call.ts"
import type { TreeState } from "../../src/core/task/state.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import { callStep } from "../../src/core/explanation/simulated-tree.ts"
import { guard, type Benchmark } from "../benchmark.ts"
import { race, type Way } from "../in-process.ts"
import { callOn, compileGuarded, openTree } from "../tree.ts"

const MANY = 100_000
const FEW = 10
/**
 * How often all that is remembered is replaced before anything is measured: each entry has left the window by its age,
 * and so has what took its place. Both paces fill it so, or a short run would measure a history that has never ended.
 */
const TURNOVERS = 2
/** Each is read and then replied to, in turn. */
const TICKETS = 4_000
/** Everything looks back so far. */
const DAY_MS = 86_400_000

const READ = "crm.tickets.get"
const REPLY = "crm.tickets.reply"

export const longHistory: Benchmark = {
  name: "long-history",
  question: "a decision on a tree that remembers 100,000 calls, against one on a tree that remembers ten",
  unit: "ratio",
  // 1.2 times the cost.
  target: 0.833,
  run: async (lab) => {
    const bundle = await compileGuarded(lab, GUARDRAILS)
    const [many, few] = [new History(bundle, MANY), new History(bundle, FEW)]
    for (const history of [many, few]) {
      lab.say(`${history.size} calls`)
      for (let turn = 0; turn < TURNOVERS * history.size + TICKETS; turn++) history.next()
    }
    const examine = () => [many, few].forEach((history) => history.examine())
    examine()
    const wayOf = (history: History): Way => ({ name: `${history.size} calls`, step: () => history.next() })
    const { ratio, sides } = race(lab, wayOf(many), wayOf(few))
    examine()
    return { value: ratio, sides }
  },
}

/** In a day no more than are remembered; the longer history fills the window to the last. */
const DAILY = { within: "24h", limit: MANY } as const
const SAME_TICKET = { where: { "arguments.ticket": "arguments.ticket" } } as const

const GUARDRAILS = {
  windows: [
    { id: "tree", tools: ["*"], per: "tree", ...DAILY },
    { id: "each-tool", tools: ["crm.*"], per: ["task", "tool"], ...DAILY },
    { id: "each-ticket", tools: ["crm.*"], per: ["tree", "arguments.ticket"], ...DAILY },
  ],
  budgets: [{ id: "paid", tools: [REPLY], per: "tree", sum: "arguments.amount", limit: 900_000_000, every: "1d" }],
  loops: [{ id: "again", tools: ["crm.*"], repeats: 50, within: "24h" }],
  sequences: [
    {
      id: "read-before-reply",
      tools: [REPLY],
      require: {
        all: [
          { formerly: { tools: [READ], ...SAME_TICKET, within: "24h" } },
          { since: { tools: [READ], ...SAME_TICKET, within: "24h", unless: { tools: [REPLY], ...SAME_TICKET } } },
          { count: { tools: [REPLY], within: "24h", at_most: MANY } },
          { distinct: { tools: [REPLY], of: "arguments.ticket", within: "24h", at_most: 10_000 } },
          { sum: { tools: [REPLY], of: "arguments.amount", within: "24h", at_most: 10_000_000 } },
        ],
      },
    },
  ],
}

/** A tree on which a call is made whenever a day has passed since the one so many before it. */
class History {
  readonly size: number
  readonly #bundle: Bundle
  readonly #state: TreeState
  readonly #every: number
  #now = DAY_MS
  #turn = 0

  constructor(bundle: Bundle, size: number) {
    this.size = size
    this.#bundle = bundle
    this.#every = DAY_MS / size
    this.#state = openTree(bundle, this.#now)
  }

  /** One call further; it must be allowed. */
  next(): boolean {
    this.#now += this.#every
    const { denial } = this.#call(this.#turn % 2 === 0 ? READ : REPLY, Math.floor(this.#turn / 2) % TICKETS, this.#now)
    this.#turn += 1
    guard(denial === null, `a call was denied: ${denial?.reason}`)
    return true
  }

  /** That it remembers as much as it is to, and judges by it; a denied call changes nothing. */
  examine(): void {
    const next = this.#now + this.#every
    if (this.size === MANY) {
      // The window is filled to the last: the oldest has to leave first.
      const { denial } = this.#call(READ, 0, next - 1)
      guard(denial?.reason === "window_full", `a call too early: ${denial?.reason}`)
    }
    const { denial, evidence } = this.#call(REPLY, TICKETS, next)
    guard(denial?.reason === "sequence_broken", `a reply to what was not read: ${denial?.reason}`)
    const used = evidence.windows.find(({ window }) => window === "tree")?.used
    guard(used === this.size - 1, `${this.size} calls: before the next one it remembers ${used}`)
  }

  #call(tool: string, ticket: number, now: number): Verdict {
    const amount = tool === REPLY ? { amount: (ticket % 7) + 0.5 } : {}
    const values = { ticket: `T-${ticket}`, ...amount }
    return callStep(this.#bundle, this.#state, callOn(this.#state, `dec_${this.#turn}`, tool, values), now)
  }
}
