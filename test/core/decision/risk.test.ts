import fc from "fast-check"
import { expect, test } from "vitest"
import { riskOf } from "../../../src/core/decision/risk.ts"
import { ancestryOf } from "../../../src/core/task/state.ts"
import { userId } from "../../../src/core/policy/principals.ts"
import { agentId } from "../../harness/issuers.ts"
import { ALICE, assembled, newState, open, opened, START } from "../../harness/trees.ts"

const bundle = assembled()
const level = fc.integer({ min: 1, max: 100 })
const signal = level.map((told) => ({ level: told, at: START, halfLife: 60 }))
const AGENTS = ["first", "second", "third", "fourth"].map(agentId)
const USERS = [userId(ALICE), "https://idp.test|bob"]
const told = fc.oneof(
  fc.record({ kind: fc.constant("agent" as const), name: fc.constantFrom(...AGENTS, ...USERS), signal }),
  fc.record({ kind: fc.constant("user" as const), name: fc.constantFrom(...USERS, ...AGENTS), signal }),
)

test("the risk of a call is the highest of its user's, its chain's, its task's and those above, and nobody else's", () => {
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
      for (const [index, each] of ofTasks) state.risks.set(tasks[index] ?? "", each)
      // As if the tree were nobody's.
      state.user = user
      const line = ancestryOf(state, tasks[depth] ?? "")
      const chain = new Set(AGENTS.slice(0, depth + 1))
      const ours = risks.filter(({ kind, name }) =>
        kind === "agent" ? chain.has(name) : user !== null && name === USERS[0],
      )
      const above = tasks.slice(0, depth + 1).flatMap((id) => state.risks.get(id) ?? [])
      const levels = [...ours.map((each) => each.signal), ...above].map((each) => each.level)
      expect(riskOf(state, line, risks, START)).toBe(Math.max(0, ...levels))
    },
  )
  fc.assert(property)
})
