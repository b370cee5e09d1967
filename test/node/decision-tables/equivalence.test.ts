/**
 * A broken rule that counts as the rule itself decides alike for every caller and call: random rules, broken in each
 * way, and every caller, tool and area of the example. A broken rule that is wrongly left out hides a missing test.
 */
import fc from "fast-check"
import { expect, it } from "vitest"
import { Equivalence } from "../../../cli/decision-tables/equivalence.ts"
import { isLifecycle } from "../../../src/core/catalog/lifecycle.ts"
import { Work } from "../../../src/core/encoding/work.ts"
import { compileRules } from "../../../src/core/policy/cedar/engine.ts"
import type { LoweredRule } from "../../../src/core/policy/cedar/lowered.ts"
import type { EntityStore } from "../../../src/core/policy/cedar/entities.ts"
import { record, type EntityRef } from "../../../src/core/policy/cedar/values/value.ts"
import { ROLES } from "../../../src/core/policy/definition/operators.ts"
import { AREAS, areaRef, manageRequest } from "../../../src/core/policy/management.ts"
import { actionRef, entitiesFor, principalsOf, toolRef } from "../../../src/core/policy/principals.ts"
import { within } from "../../../src/core/task/narrow.ts"
import { compiled } from "./harness.ts"

const CASES = Math.ceil(Number(process.env["ORACLE_CASES"] ?? 1_500) / 25)
const ISSUER = "https://idp.example"
const { body, bundle } = await compiled()

type Json = Readonly<Record<string, unknown>>

const uid = (type: string, id: string): Json => ({ entity: { type, id } })
const agents = body.agents.map(({ id }) => id).slice(0, 3)
const principal = fc.constantFrom<Json>(
  { op: "All" },
  ...["User", "Agent", "Operator"].map((type) => ({ op: "is", entity_type: type })),
  { op: "in", ...uid("UserGroup", "support") },
  { op: "is", entity_type: "User", in: uid("UserGroup", "support") },
  { op: "is", entity_type: "Agent", in: uid("UserGroup", "support") },
  { op: "==", ...uid("User", `${ISSUER}|ann`) },
  { op: "==", ...uid("Agent", agents[0] ?? "") },
  { op: "in", ...uid("OperatorGroup", "viewer") },
  { op: "is", entity_type: "Operator", in: uid("OperatorGroup", "viewer") },
  { op: "==", ...uid("Operator", `${ISSUER}|ann`) },
)
const action = fc.constantFrom<Json>(
  { op: "All" },
  ...["read", "write", "delegate", "manage"].map((id) => ({ op: "==", ...uid("Action", id) })),
  { op: "in", entities: ["read", "delegate"].map((id) => ({ type: "Action", id })) },
)
const tools = body.tools.filter((tool) => !isLifecycle(tool))
const resource = fc.constantFrom<Json>(
  { op: "All" },
  { op: "is", entity_type: "Tool" },
  { op: "is", entity_type: "Area" },
  ...tools.slice(0, 2).map(({ name }) => ({ op: "==", ...uid("Tool", name) })),
  { op: "==", ...uid("Area", "tasks") },
)

const of = (base: Json, attr: string): Json => ({ ".": { left: base, attr } })
const RESOURCE: Json = { Var: "resource" }
const RISK = of({ Var: "context" }, "risk")
const compared = (operator: string, left: Json, value: unknown): Json => ({
  [operator]: { left, right: { Value: value } },
})
const part = fc.constantFrom<Json>(
  ...[0, 1, 2, 3].map((level) => compared("<=", of(RESOURCE, "sensitivity_level"), level)),
  ...["read", "write"].map((name) => compared("==", of(RESOURCE, "action"), name)),
  { "==": { left: RESOURCE, right: { Value: { __entity: { type: "Area", id: "tasks" } } } } },
  { is: { left: RESOURCE, entity_type: "Tool" } },
  { Value: true },
  compared("<", RISK, 50),
  // What the context has, behind a member with the name of an operator.
  ...["Value", "Var"].map((name) => compared("<", of({ Record: { [name]: RISK } }, name), 50)),
)
const condition = fc.record({
  kind: fc.constantFrom("when", "unless"),
  body: fc.oneof(
    part,
    fc
      .tuple(fc.constantFrom("&&", "||"), part, part)
      .map(([operator, left, right]): Json => ({ [operator]: { left, right } })),
  ),
})
const policy = fc.record({
  effect: fc.constantFrom("permit", "permit", "forbid"),
  principal,
  action,
  resource,
  conditions: fc.array(condition, { maxLength: 2 }),
})
type Policy = typeof policy extends fc.Arbitrary<infer Value> ? Value : never

const broken = ({ conditions, ...scope }: Policy, condition: Policy["conditions"]): readonly Policy[] => [
  { ...scope, conditions: [] },
  { ...scope, conditions: conditions.slice(1) },
  { ...scope, conditions: condition },
  ...(["principal", "action", "resource"] as const).map((name) => ({ ...scope, conditions, [name]: { op: "All" } })),
]

const lowered = (id: string, json: Policy): LoweredRule => ({ id, policy: json, reads: [] })

interface Caller {
  readonly principal: EntityRef
  readonly entities: EntityStore
}

const PEOPLE = ["ann", "bob"].flatMap((subject) =>
  [[], ["support"]].map((groups) => ({ issuer: ISSUER, subject, groups })),
)
const USERS = PEOPLE.flatMap((user): Caller[] => {
  const entities = entitiesFor(bundle.entities, user)
  return principalsOf(user, agents).map((one) => ({ principal: one, entities }))
})
const OPERATORS = ["ann", "bob"].flatMap((subject) =>
  [...ROLES.map((role) => [role]), [...ROLES]].map((roles): Caller => {
    const thing = { area: "tasks", kind: "task", target: null } as const
    const { request, entities } = manageRequest({ issuer: ISSUER, subject, roles }, "GET", thing, bundle.entities)
    return { principal: request.principal, entities }
  }),
)
type Agent = (typeof body.agents)[number]
const isGrantedTo = ({ ceiling, purposes }: Agent, tool: (typeof tools)[number]): boolean =>
  within(ceiling)(tool) && purposes.some((name) => within(bundle.purposes.get(name)?.grant ?? ceiling)(tool))
const isGranted = (tool: (typeof tools)[number]): boolean => body.agents.some((agent) => isGrantedTo(agent, tool))
/** A result of a server is for an agent that is granted each of its tools. */
const isCallable = ({ resultsOf = [] }: (typeof tools)[number]): boolean =>
  body.agents.some((agent) =>
    tools.filter(({ name }) => resultsOf.includes(name)).every((one) => isGrantedTo(agent, one)),
  )
const ASKED = [
  ...body.tools
    .filter(isCallable)
    .map((tool) => ({ action: actionRef(tool.action), resource: toolRef(tool.name), callers: USERS })),
  ...tools
    .filter(isGranted)
    .map(({ name }) => ({ action: actionRef("delegate"), resource: toolRef(name), callers: USERS })),
  ...AREAS.map((area) => ({ action: actionRef("manage"), resource: areaRef(area), callers: OPERATORS })),
]

/** A query whose answer a test could see to differ; null if there is none. */
function difference(before: readonly LoweredRule[], after: readonly LoweredRule[]): string | null {
  const [one, other] = [compileRules(before), compileRules(after)]
  for (const { action: what, resource: about, callers } of ASKED)
    for (const { principal: who, entities } of callers)
      for (const risk of [0n, 100n]) {
        const request = {
          principal: who,
          action: what,
          resource: about,
          context: record({ risk }),
          work: new Work(Infinity),
        }
        const [a, b] = [one.authorize(request, entities), other.authorize(request, entities)]
        const isSame =
          a.allowed === b.allowed && (what.id === "delegate" || a.determining.join() === b.determining.join())
        if (!isSame) return `${who.key} ${what.key} ${about.key} risk ${risk}`
      }
  return null
}

it("what is left out decides alike for every caller", () => {
  const seen = new Map<string, number>()
  const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)
  fc.assert(
    fc.property(
      policy,
      fc.array(condition, { maxLength: 1 }),
      fc.array(policy, { maxLength: 2 }),
      (json, other, more) => {
        const rule = lowered("rule", json)
        const rules = [rule, ...more.map((each, index) => lowered(`other${index}`, each))]
        const equivalence = new Equivalence({ ...body, rules }, bundle)
        for (const each of broken(json, other)) {
          const changed = lowered("rule", each)
          if (!equivalence.isSame(rule, changed)) continue
          count(String(json.principal["entity_type"] ?? json.principal["op"]))
          const found = difference(rules, [changed, ...rules.slice(1)])
          expect(found, JSON.stringify({ json, each })).toBeNull()
        }
      },
    ),
    { seed: 20261129, numRuns: CASES },
  )
  for (const what of ["All", "in", "==", "User", "Agent", "Operator"])
    expect(seen.get(what) ?? 0, what).toBeGreaterThan(CASES / 80)
}, 600_000)
