/**
 * Whether a broken rule decides every query of any test as the rule itself, as the registry shows: each tool has one
 * action, its sensitivity and its labels, and a condition on nothing else may hold for all of them, or for none.
 */
import { isLifecycle } from "../../src/core/catalog/lifecycle.ts"
import type { Tool } from "../../src/core/catalog/tool.ts"
import { Work } from "../../src/core/encoding/work.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { AgentDefinition } from "../../src/core/policy/definition/agents.ts"
import { compileRules, type PolicyRequest } from "../../src/core/policy/cedar/engine.ts"
import { memberOf, overlay, type EntityStore } from "../../src/core/policy/cedar/entities.ts"
import { isNode } from "../../src/core/policy/cedar/est.ts"
import type { LoweredRule } from "../../src/core/policy/cedar/lowered.ts"
import { NONE, entity } from "../../src/core/policy/cedar/values/value.ts"
import { AREAS, manageRequest } from "../../src/core/policy/management.ts"
import { actionRef, entitiesFor, principalsOf, toolRef, userId } from "../../src/core/policy/principals.ts"
import { within } from "../../src/core/task/narrow.ts"
import { entityIn } from "./reach.ts"

const NOBODY = { issuer: "https://nobody.invalid", subject: "nobody" }

const DELEGATE = actionRef("delegate")

type About = Pick<PolicyRequest, "action" | "resource">

export class Equivalence {
  readonly #agents: readonly string[]
  readonly #entities: EntityStore
  readonly #abouts: readonly About[]
  readonly #rules: readonly LoweredRule[]

  constructor({ agents, tools, rules }: BundleBody, { entities, purposes }: Bundle) {
    this.#rules = rules
    this.#agents = agents.map(({ id }) => id)
    this.#entities = entities
    const isGrantedTo = ({ ceiling, purposes: names }: AgentDefinition, tool: Tool): boolean =>
      within(ceiling)(tool) && names.some((name) => within(purposes.get(name)?.grant ?? ceiling)(tool))
    const isGranted = (tool: Tool): boolean => agents.some((agent) => isGrantedTo(agent, tool))
    // A result may be that of any tool (core/decision/check-results.ts).
    const isForNobody = ({ resultsOf }: Tool): boolean => {
      if (!resultsOf) return false
      const all = tools.filter(({ name }) => resultsOf.includes(name))
      return !agents.some((agent) => all.every((each) => isGrantedTo(agent, each)))
    }
    const ofTools = tools.flatMap((tool) => {
      if (isForNobody(tool)) return []
      // A test may grant every call (`rules_alone`), but no task is opened with more than agents and purposes have.
      const actions = [actionRef(tool.action), ...(isLifecycle(tool) || !isGranted(tool) ? [] : [DELEGATE])]
      return actions.map((action) => ({ action, resource: toolRef(tool.name) }))
    })
    const ofAreas = AREAS.map((area) => {
      const { action, resource } = manageRequest(
        { ...NOBODY, roles: [] },
        "GET",
        { area, kind: "task", target: null },
        entities,
      ).request
      return { action, resource }
    })
    this.#abouts = [...ofTools, ...ofAreas]
  }

  isSame(rule: LoweredRule, broken: LoweredRule): boolean {
    const [one, other] = [rule.policy, broken.policy]
    if (!isNode(one) || !isNode(other) || one.effect !== other.effect) return false
    if (!readsResourceAlone(one.conditions) || !readsResourceAlone(other.conditions)) return false
    const [before, after] = [compileRules([rule]), compileRules([broken])]
    // Whether a task may be given a tool is all that a test learns of `delegate`: not which permit was enough for it.
    const others = compileRules(this.#rules.filter(({ id, policy }) => id !== rule.id && isPermitOfResource(policy)))
    const user = { ...NOBODY, groups: [] }
    const entities = entitiesFor(this.#entities, user)
    const callers = [
      ...principalsOf(user, this.#agents).map((principal) => ({ principal, entities })),
      ...callersWithin(one.principal, entities),
    ]
    return this.#abouts.every((about) =>
      callers.every(({ principal, entities }) => {
        const request = { ...about, principal, context: NONE, work: new Work(Infinity) }
        const holds = before.authorize(request, entities).determining.length
        if (after.authorize(request, entities).determining.length === holds) return true
        return one.effect === "permit" && about.action === DELEGATE && others.authorize(request, entities).allowed
      }),
    )
  }
}

interface Caller extends Pick<PolicyRequest, "principal"> {
  readonly entities: EntityStore
}

/**
 * A principal within a scope: the one that it names, which is also a member of itself, or one of its type. One stands
 * for all of them, as no condition reads who it is.
 */
function callersWithin(scope: unknown, base: EntityStore): readonly Caller[] {
  if (!isNode(scope)) return []
  const { entity_type: type } = scope
  if (typeof type !== "string") return entityIn(scope).map((principal) => ({ principal, entities: base }))
  const principal = entity(type, userId(NOBODY))
  return [{ principal, entities: overlay(base, [memberOf(entityIn(scope.in), principal, NONE, base)]) }]
}

const isPermitOfResource = (policy: unknown): boolean =>
  isNode(policy) && policy.effect === "permit" && readsResourceAlone(policy.conditions)

function readsResourceAlone(json: unknown): boolean {
  if (Array.isArray(json)) return json.every(readsResourceAlone)
  if (!isNode(json)) return true
  return Object.entries(json).every(([operator, operands]) => {
    if (operator === "Value") return true
    if (operator === "Var") return operands === "resource"
    // Its members may have the names of operators.
    return readsResourceAlone(operator === "Record" && isNode(operands) ? Object.values(operands) : operands)
  })
}
