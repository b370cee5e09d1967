import fc from "fast-check"
import { expect, test } from "vitest"
import { riskOf } from "../../../src/core/decision/risk.ts"
import { highestRisk, type Signal } from "../../../src/core/guardrails/risk.ts"
import { MAX_REPORTS, setRisk, type ReportedRisks } from "../../../src/core/task/risks.ts"
import { ancestryOf } from "../../../src/core/task/state.ts"
import { userId } from "../../../src/core/policy/principals.ts"
import { agentId } from "../../harness/issuers.ts"
import { ALICE, assembled, newState, open, opened, START } from "../../harness/trees.ts"
import { historyKeyOf } from "../../../src/core/guardrails/history-key.ts"

const bundle = assembled()
const level = fc.integer({ min: 1, max: 100 })
const signal = level.map((told) => ({ level: told, at: START, halfLife: 60 }))
const AGENTS = ["first", "second", "third", "fourth"].map(agentId)
const agentsOfTasks = ["first", "second", "third", "second"].map(agentId)
const USERS = [userId(ALICE), "https://idp.test|bob"]
const told = fc.oneof(
  fc.record({ kind: fc.constant("agent" as const), name: fc.constantFrom(...AGENTS, ...USERS), signal }),
  fc.record({ kind: fc.constant("user" as const), name: fc.constantFrom(...USERS, ...AGENTS), signal }),
)

test("the risk of a call is the highest of its user's, and its chain's: of the agents, and of any of their tasks for the user", () => {
  const property = fc.property(
    fc.constantFrom(ALICE, null),
    fc.array(told),
    fc.array(fc.tuple(fc.nat(3), signal)),
    fc.nat(2),
    (user, risks, ofTasks, depth) => {
      const state = newState()
      const root = opened(open(bundle, state, "first"))
      const child = opened(open(bundle, state, "second", root))
      const below = opened(open(bundle, state, "third", child))
      const sibling = opened(open(bundle, state, "second", root))
      const tasks = [root, child, below, sibling].map(({ task }) => task)
      const rated = new Map<number, Signal>()
      for (const [index, each] of ofTasks) {
        setRisk(state.ledger.risks, historyKeyOf(agentsOfTasks[index] ?? ""), tasks[index] ?? "", each, START)
        rated.set(index, each)
      }
      // As if the tree were nobody's.
      state.user = user
      const line = ancestryOf(state, tasks[depth] ?? "")
      const chain = new Set(AGENTS.slice(0, depth + 1))
      const ours = risks.filter(({ kind, name }) =>
        kind === "agent" ? chain.has(name) : user !== null && name === USERS[0],
      )
      const above = [...rated].flatMap(([index, each]) => (chain.has(agentsOfTasks[index] ?? "") ? [each] : []))
      const levels = [...ours.map((each) => each.signal), ...above].map((each) => each.level)
      expect(riskOf(state, line, risks, START)).toBe(Math.max(0, ...levels))
    },
  )
  fc.assert(property)
})

test("of an agent that is rated at each of its tasks, few reports are kept, and none makes the risk lower", () => {
  const reports = fc.array(fc.tuple(signal, fc.constantFrom(60, 3_600), fc.nat(30_000)), {
    minLength: 200,
    maxLength: 200,
  })
  const property = fc.property(reports, (all) => {
    const risks: ReportedRisks = new Map()
    const told: Signal[] = []
    let now = START
    for (const [index, [each, halfLife, wait]] of all.entries()) {
      now += wait
      const one = { ...each, halfLife, at: now }
      told.push(one)
      setRisk(risks, historyKeyOf("a"), `task-${index}`, one, now)
      const kept = [...(risks.get(historyKeyOf("a"))?.values() ?? [])]
      expect(kept.length).toBeLessThanOrEqual(MAX_REPORTS)
      expect(highestRisk(kept, now)).toBeGreaterThanOrEqual(highestRisk(told, now))
    }
  })
  fc.assert(property, { numRuns: 20 })
})
