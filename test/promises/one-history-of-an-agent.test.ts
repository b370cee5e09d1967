/**
 * Promise 8 as a property: however an agent spreads its calls over tasks, sub-agents and agents that delegate to each
 * other, whatever it ends and begins anew, and however often it registers itself, no call is allowed that would be
 * denied after the same calls in one task.
 */
import fc from "fast-check"
import { expect, test } from "vitest"
import { decide } from "../../src/core/decision/decide.ts"
import {
  callStep,
  freshProofs,
  openRequest,
  openStep,
  type SimulatedState,
} from "../../src/core/explanation/simulated-tree.ts"
import type { Condition, Pattern } from "../../src/core/guardrails/condition.ts"
import { onlyDenies } from "../../src/core/guardrails/condition-direction.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import { isOAuthFailure } from "../../src/core/denials/oauth-error.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import { ancestryOf, newLedger, newTree, rootOf, type LedgerState, type TreeState } from "../../src/core/task/state.ts"
import { applyEnd, endedBy } from "../../src/core/task/transition.ts"
import { agentId, US } from "../harness/issuers.ts"
import { openYard } from "../harness/modelled-life.ts"
import { longerBy, runsOf } from "../harness/runs.ts"
import { ALICE, callOf, POINTER, START } from "../harness/trees.ts"

/** Each delegates to the next. */
const AGENTS = ["first", "second", "third", "fourth"] as const
const CLASS = `${US}/clients/mcp/`
/** Stands for all clients that register themselves: each opens one task, and then registers anew. */
const CLIENT = AGENTS.length
const TOOL_NAMES = ["files.list", "files.read", "vault.read", "desk.pay"] as const

const pattern: fc.Arbitrary<Pattern> = fc.record({
  tools: fc.constantFrom<readonly string[]>(["files.read"], ["vault.read"], ["files.*"], ["*"]),
  where: fc.constantFrom<Pattern["where"]>([], [], [{ past: "arguments.x", present: "arguments.x" }]),
})
const seconds = fc.constantFrom(5, 60)
const looking: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ kind: fc.constant("formerly"), event: pattern, seconds }),
  fc.record({ kind: fc.constant("previous"), event: pattern, seconds, in: fc.constant("tree") }),
  fc.record({ kind: fc.constant("since"), event: pattern, undoneBy: pattern, seconds }),
  fc.record({
    kind: fc.constant("count"),
    event: pattern,
    seconds,
    is: fc.record({ atLeast: fc.integer({ min: 1, max: 4 }) }),
  }),
)
const forbidden = fc.oneof(
  { weight: 3, arbitrary: looking },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("all", "any"),
      of: fc.array(looking, { minLength: 2, maxLength: 2 }),
    }),
  },
)
const of = fc.record({ tools: fc.constantFrom<readonly string[]>(["desk.pay"], ["files.*"], ["*"]) })
const consequence = fc.constant("deny")
const guardrail: fc.Arbitrary<Guardrail> = fc.oneof(
  fc.record({
    kind: fc.constant("sequence"),
    id: fc.constant("g"),
    of,
    consequence,
    history: fc.constant("agent"),
    require: forbidden.map((each): Condition => ({ kind: "not", of: each })),
  }),
  fc.record({
    kind: fc.constant("limit"),
    topic: fc.constant("loop"),
    id: fc.constant("g"),
    of,
    consequence,
    per: fc.constant(["call"] as const),
    history: fc.constant("agent"),
    measure: fc.constant({ kind: "calls" } as const),
    limit: fc.integer({ min: 1, max: 3 }),
    span: fc.record({ kind: fc.constant("sliding"), seconds }),
  }),
  fc.record({
    kind: fc.constant("cycle"),
    id: fc.constant("g"),
    of,
    consequence,
    per: fc.constant("agent"),
    longest: fc.constantFrom(2, 3),
    times: fc.constantFrom(2, 3),
    pause: fc.constant(60),
  }),
  fc.record({
    kind: fc.constant("limit"),
    topic: fc.constantFrom("window", "budget"),
    id: fc.constant("g"),
    of,
    consequence,
    per: fc.constantFrom(["user"] as const, ["user", "arguments.x"] as const, ["user_or_agent", "tool"] as const),
    measure: fc.constantFrom({ kind: "calls" } as const, { kind: "distinct", field: "arguments.x" } as const),
    limit: fc.integer({ min: 1, max: 3 }),
    span: fc.record({ kind: fc.constantFrom("sliding", "fixed"), seconds }),
  }),
  fc.record({
    kind: fc.constant("storm"),
    id: fc.constant("g"),
    of: fc.constant({ tools: ["*"] }),
    consequence,
    per: fc.constant("agent"),
    limit: fc.integer({ min: 1, max: 3 }),
    seconds,
  }),
)

type Step =
  | { readonly does: "open"; readonly agent: number; readonly below: number | null }
  | { readonly does: "end" | "forget"; readonly task: number }
  | { readonly does: "call"; readonly task: number; readonly tool: string; readonly x: number }
  | { readonly does: "wait"; readonly ms: number }

const place = fc.nat({ max: 20 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant("open"), agent: fc.nat({ max: CLIENT }), below: fc.option(place) }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constantFrom("end", "forget"), task: place }) },
  {
    weight: 8,
    arbitrary: fc.record({
      does: fc.constant("call"),
      task: place,
      tool: fc.constantFrom(...TOOL_NAMES, "files.purge"),
      x: fc.constantFrom(1, 1, 2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("wait"), ms: fc.constantFrom(1, 2_500, 5_000) }) },
)

let made = 0
const newRoot = (): string => `tsk_${String(++made).padStart(15, "0")}${"0".repeat(21)}`

const idOf = (agent: number): string =>
  agent === CLIENT ? `${CLASS}${String(++made).padStart(21, "0")}A` : agentId(AGENTS[agent] ?? "first")

function open(bundle: Bundle, state: TreeState, agent: string, below: SimulatedState | null, now: number) {
  const parent = below && { task: below.task, token: below.token, handedOverBy: null }
  const request = openRequest(agent, state, `token-${++made}`, { parent, purpose: "work", since: START })
  const opened = openStep(bundle, state, request, now)
  return isOAuthFailure(opened) ? null : { task: opened.task.id, token: request.token }
}

/** All that the agents do, in as many tasks as they like; and beside it, for each agent, a ledger with one task. */
class Spread {
  readonly seen = { allowed: 0, denied: 0 }
  readonly #bundle: Bundle
  readonly #ledger: LedgerState = newLedger(POINTER, START, freshProofs())
  readonly #tasks: SimulatedState[] = []
  readonly #alone = new Map<string, { readonly state: TreeState; readonly held: SimulatedState }>()
  /** Of a user all agents' calls count together. */
  readonly #isOfUser: boolean
  readonly #isStorm: boolean
  #now = START

  constructor(guardrail: Guardrail) {
    this.#bundle = openYard([guardrail])
    this.#isStorm = guardrail.kind === "storm"
    this.#isOfUser = guardrail.kind === "limit" && guardrail.history === undefined
  }

  step(step: Step): void {
    switch (step.does) {
      case "wait":
        this.#now += step.ms
        return
      case "open": {
        const below = step.below === null ? null : (this.#at(step.below) ?? null)
        const state = below ? this.#treeOf(below) : newTree(this.#ledger, newRoot(), ALICE, START)
        const task = state && open(this.#bundle, state, idOf(step.agent), below, this.#now)
        if (task) this.#tasks.push(task)
        if (task && state) this.#ledger.trees.set(state.root, state)
        return
      }
      case "end":
      case "forget": {
        const held = this.#at(step.task)
        const state = held && this.#treeOf(held)
        if (!held || !state) return
        const end = {
          task: step.does === "end" ? held.task : state.root,
          status: "completed",
          by: "completion",
        } as const
        applyEnd(state, endedBy(state, end), end)
        if (step.does === "end") return
        this.#ledger.memories.drop(state.root)
        this.#ledger.trees.delete(state.root)
        return
      }
      case "call":
        return this.#call(step)
      default:
        return step satisfies never
    }
  }

  #at(place: number): SimulatedState | undefined {
    return this.#tasks.length === 0 ? undefined : this.#tasks[place % this.#tasks.length]
  }

  #treeOf({ task }: SimulatedState): TreeState | undefined {
    return this.#ledger.trees.get(rootOf(task))
  }

  #call({ task: place, tool, x }: Extract<Step, { readonly does: "call" }>): void {
    const held = this.#at(place)
    const state = held && this.#treeOf(held)
    if (!held || !state) return
    const chain = new Set(ancestryOf(state, held.task).map(({ agent }) => (agent.startsWith(CLASS) ? CLASS : agent)))
    const { denial } = callStep(this.#bundle, state, callOf(held, tool, { x }), this.#now)
    if (denial?.reason === "task_ended" || denial?.reason === "token_expired") return
    this.seen[denial ? "denied" : "allowed"] += 1
    for (const agent of this.#concerned(chain)) {
      const { state: alone, held: only } = this.#aloneFor(agent)
      const same = callOf(only, tool, { x })
      const would = decide(this.#bundle, alone, same, this.#now).verdict.denial
      if (denial === null) expect(would, `allowed, which ${agent} alone in one task was not`).toBeNull()
      // Of what is denied here only denials count, and only where it is denied there, too.
      if (denial === null || would !== null) callStep(this.#bundle, alone, same, this.#now)
    }
  }

  #concerned(chain: ReadonlySet<string>): readonly string[] {
    if (this.#isOfUser) return ["everybody"]
    // Denials are those of the agent that called.
    return [...chain].slice(0, this.#isStorm ? 1 : chain.size)
  }

  #aloneFor(agent: string) {
    let alone = this.#alone.get(agent)
    if (!alone) {
      const state = newTree(newLedger(POINTER, START, freshProofs()), newRoot(), ALICE, START)
      const held = open(this.#bundle, state, agentId("first"), null, this.#now)
      if (!held) throw new Error("the agent has no task")
      this.#alone.set(agent, (alone = { state, held }))
    }
    return alone
  }
}

test(
  "what an agent was allowed or denied counts in every task that it has for the user, and for those above it",
  () => {
    const seen = { allowed: 0, denied: 0 }
    const spread = fc.property(guardrail, fc.array(step, { minLength: 20, maxLength: 60 }), (each, steps) => {
      const all = new Spread(each)
      for (const one of steps) all.step(one)
      seen.allowed += all.seen.allowed
      seen.denied += all.seen.denied
    })
    fc.assert(spread, { numRuns: runsOf(400), seed: 20261128, endOnFailure: true })
    expect(seen.allowed).toBeGreaterThan(runsOf(400))
    expect(seen.denied).toBeGreaterThan(runsOf(400))
  },
  longerBy(30_000),
)

test("a sequence by which earlier calls can only deny looks at the agent without being told to", () => {
  const event: Pattern = { tools: ["*"], where: [] }
  const formerly: Condition = { kind: "formerly", event, seconds: 5 }
  const few: Condition = { kind: "count", event, seconds: 5, is: { atMost: 2 } }
  const cases: readonly (readonly [Condition, boolean])[] = [
    [{ kind: "not", of: formerly }, true],
    [few, true],
    [{ kind: "all", of: [few, { kind: "not", of: formerly }] }, true],
    [formerly, false],
    [{ kind: "not", of: few }, false],
    [{ kind: "any", of: [formerly, few] }, false],
    [{ kind: "not", of: { ...formerly, event: { ...event, when: formerly } } }, true],
    [{ kind: "not", of: { ...formerly, event: { ...event, when: few } } }, false],
  ]
  for (const [condition, expected] of cases)
    expect(onlyDenies(condition, "fewer"), JSON.stringify(condition)).toBe(expected)
})
