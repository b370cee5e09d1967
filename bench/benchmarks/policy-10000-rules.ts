/**
 * What further rules cost that are about something else, in Node: ten thousand, each scoped to a tool, a principal or a
 * group of its own, against the first ten of them. Both are asked about those ten, so that the same rules are
 * evaluated.
 */
import { Work } from "../../src/core/encoding/work.ts"
import { compileRules } from "../../src/core/policy/cedar/engine.ts"
import { entityStore, type EntityStore } from "../../src/core/policy/cedar/entities.ts"
import type { EntityUid, LoweredRule, StoredEntity } from "../../src/core/policy/cedar/lowered.ts"
import { entity, record } from "../../src/core/policy/cedar/values/value.ts"
import { guard, type Benchmark } from "../benchmark.ts"
import { race, type Way } from "../in-process.ts"

const FEW = 10
const MANY = 10_000

export const policy10000Rules: Benchmark = {
  name: "policy-10000-rules",
  question: "a decision among ten thousand rules, against one among ten of them",
  unit: "ratio",
  // 1.5 times the cost.
  target: 0.667,
  run: async (lab) => {
    const store = entityStore(Array.from({ length: MANY }, (_, number) => entitiesOf(number)).flat())
    const { ratio, sides } = race(lab, wayOf(MANY, store), wayOf(FEW, store))
    return { value: ratio, sides }
  },
}

function wayOf(count: number, store: EntityStore): Way {
  const engine = compileRules(Array.from({ length: count }, (_, number) => ruleOf(number)))
  const context = record({ risk: 10n })
  const action = entity("Action", "read")
  const requests = Array.from({ length: 2 * FEW }, (_, turn) => {
    const [tool, user] = [turn % FEW, turn < FEW ? `u${turn}` : "nobody"]
    return {
      principal: entity("User", user),
      action,
      resource: entity("Tool", `t${tool}`),
      context,
      work: new Work(Infinity),
    }
  })
  const [first] = requests
  guard(first !== undefined, "there are requests")
  return {
    name: `${count} rules`,
    step: (turn) => {
      const number = turn % requests.length
      // Half of the calls are by a user whom no rule is about.
      return engine.authorize(requests[number] ?? first, store).allowed === number < FEW
    },
  }
}

const uid = (type: string, id: string): EntityUid => ({ type, id })

/** A user in a group, a tool in a group, for each rule. */
function entitiesOf(number: number): readonly StoredEntity[] {
  return [
    { uid: uid("User", `u${number}`), attrs: {}, parents: [uid("UserGroup", `g${number}`)] },
    { uid: uid("Tool", `t${number}`), attrs: {}, parents: [uid("ToolGroup", `g${number}`)] },
  ]
}

const ALL = { op: "All" }
const READ = { op: "==", entity: uid("Action", "read") }

/**
 * By turns: a principal for any tool, a group for any, a principal for a tool, a group for a group, a type in a group.
 */
function ruleOf(number: number): LoweredRule {
  const [user, users] = [uid("User", `u${number}`), uid("UserGroup", `g${number}`)]
  const [tool, tools] = [uid("Tool", `t${number}`), uid("ToolGroup", `g${number}`)]
  const scopes = [
    { principal: { op: "==", entity: user }, action: READ, resource: ALL },
    { principal: { op: "in", entity: users }, action: ALL, resource: ALL },
    { principal: { op: "==", entity: user }, action: READ, resource: { op: "==", entity: tool } },
    { principal: { op: "in", entity: users }, action: READ, resource: { op: "in", entity: tools } },
    {
      principal: { op: "is", entity_type: "User", in: { entity: users } },
      action: READ,
      resource: { op: "==", entity: tool },
    },
  ]
  const body = { "<": { left: { ".": { left: { Var: "context" }, attr: "risk" } }, right: { Value: 50 } } }
  const scope = scopes[number % scopes.length]
  return { id: `r${number}`, policy: { effect: "permit", ...scope, conditions: [{ kind: "when", body }] }, reads: [] }
}
