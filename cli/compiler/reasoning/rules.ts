/** Facts about each rule under a bundle: whether it can ever apply, and to which tools. Computed on demand. */
import { Work } from "../../../src/core/encoding/work.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import { isNode } from "../../../src/core/policy/cedar/est.ts"
import { actionRef, toolRef } from "../../../src/core/policy/principals.ts"
import { foreseeConditions, type Foresee } from "../../../src/core/policy/cedar/outcomes.ts"
import { entity, record } from "../../../src/core/policy/cedar/values/value.ts"
import { cannotErr } from "./cannot-err.ts"
import type { KnownFacts } from "./known.ts"
import type { PolicyAction, Questions, Resource } from "./questions.ts"
import { type Contradiction, refute } from "./refute.ts"
import { type Conjunct, readsAny } from "./term.ts"
import type { ReadRule } from "./written.ts"

export type Verdict =
  | { readonly kind: "may apply" }
  /** It names an action that no request has. */
  | { readonly kind: "no action" }
  /** No principal of requests with its actions is within its scope. */
  | { readonly kind: "nobody" }
  /** `tools` are within its scope, but of other action classes. */
  | { readonly kind: "nothing"; readonly tools: readonly Tool[] }
  | { readonly kind: "contradiction"; readonly contradiction: Contradiction }
  /** No resource of its requests satisfies `conjunct`. */
  | { readonly kind: "no such resource"; readonly conjunct: Conjunct }

export interface Reasoned {
  readonly all: readonly ReadRule[]
  verdict(rule: ReadRule): Verdict
  /**
   * Whether a permit could permit the action on the tool to some principal, or to this agent, without a forbid that
   * forbids it to all.
   */
  mayPermit(action: PolicyAction, tool: Tool, agent?: string): boolean
  /** The forbid that always forbids the action on the tool. */
  alwaysForbids(action: PolicyAction, tool: Tool): ReadRule | undefined
}

/** Nobody waits for it as for a call. */
const NO_LIMIT = new Work(Infinity)

const MAY_APPLY: Verdict = { kind: "may apply" }

export function reasonAbout(all: readonly ReadRule[], questions: Questions, facts: KnownFacts): Reasoned {
  const verdicts = new Map<ReadRule, Verdict>()
  const foreseen = new Map<ReadRule, Foresee>()
  const foresee = (rule: ReadRule): Foresee => {
    const one = foreseen.get(rule) ?? foreseeConditions(rule.policy, rule.id, isUnknown)
    foreseen.set(rule, one)
    return one
  }
  const outcomes = (rule: ReadRule, action: PolicyAction, { ref }: Pick<Resource, "ref">) =>
    foresee(rule)(
      { principal: NOBODY, action: actionRef(action), resource: ref, context: record({}), work: NO_LIMIT },
      questions.store,
    )
  const verdict = (rule: ReadRule): Verdict => {
    const one = verdicts.get(rule) ?? judge(rule)
    verdicts.set(rule, one)
    return one
  }
  const actionsOf = new Map(all.map((rule) => [rule, questions.actions(rule.scope)]))
  const judge = (rule: ReadRule): Verdict => {
    const actions = actionsOf.get(rule) ?? []
    if (actions.length === 0) return { kind: "no action" }
    const withPrincipal = actions.filter((action) => questions.hasPrincipal(rule.scope, action))
    if (withPrincipal.length === 0) return { kind: "nobody" }
    const withResource = withPrincipal.filter((action) => questions.resources(rule.scope, action).length > 0)
    if (withResource.length === 0) return { kind: "nothing", tools: questions.tools(rule.scope) }
    const claims = rule.conjuncts.map(({ expression, expected }, index) => ({ expression, expected, index }))
    const contradiction = refute(claims, facts)
    if (contradiction && (rule.effect === "permit" || cannotErr(rule.conjuncts))) {
      return { kind: "contradiction", contradiction }
    }
    const about = rule.conjuncts.find(({ expression }) => readsAny(expression, ["resource"]))
    if (!about) return MAY_APPLY
    const mayApply = withResource.some((action) =>
      questions.resources(rule.scope, action).some((resource) => matters(rule, outcomes(rule, action, resource))),
    )
    return mayApply ? MAY_APPLY : { kind: "no such resource", conjunct: about }
  }
  const permits = byResource(all.filter(({ effect }) => effect === "permit"))
  const forbids = byResource(all.filter(isForAll))
  const matching = (rules: ReadonlyMap<string, readonly ReadRule[]>, action: PolicyAction, tool: Tool) =>
    questions
      .keysOf(tool)
      .flatMap((key) => rules.get(key) ?? [])
      .filter((rule) => actionsOf.get(rule)?.includes(action))
  const alwaysForbids = (action: PolicyAction, tool: Tool) => matching(forbids, action, tool)[0]
  return {
    all,
    verdict,
    alwaysForbids,
    mayPermit: (action, tool, agent) =>
      alwaysForbids(action, tool) === undefined &&
      matching(permits, action, tool).some(
        (rule) =>
          (agent === undefined ? questions.hasPrincipal(rule.scope, action) : questions.hasAgent(rule.scope, agent)) &&
          verdict(rule).kind === "may apply" &&
          (!rule.readsResource || outcomes(rule, action, { ref: toolRef(tool.name) }).holds),
      ),
  }
}

/** Stands in for the principal: an expression that reads the principal is unknown. */
const NOBODY = entity("User", "")

function matters({ effect }: ReadRule, { holds, errs }: { readonly holds: boolean; readonly errs: boolean }): boolean {
  return holds || (effect === "forbid" && errs)
}

function isForAll({ effect, scope, conjuncts }: ReadRule): boolean {
  return effect === "forbid" && conjuncts.length === 0 && scope.principal.includes("any")
}

function byResource(rules: readonly ReadRule[]): ReadonlyMap<string, readonly ReadRule[]> {
  const byKey = new Map<string, ReadRule[]>()
  for (const rule of rules) {
    for (const key of rule.scope.resource) {
      const list = byKey.get(key)
      if (list) list.push(rule)
      else byKey.set(key, [rule])
    }
  }
  return byKey
}

/** The context, the principal, and entities that come only with a request. */
function isUnknown(expression: unknown): boolean {
  return readsAny(expression, ["context", "principal"]) || namesPerson(expression)
}

function namesPerson(expression: unknown): boolean {
  if (Array.isArray(expression)) return expression.some(namesPerson)
  if (!isNode(expression)) return false
  const uid = expression["__entity"]
  if (isNode(uid) && (uid["type"] === "User" || uid["type"] === "Operator")) return true
  return Object.values(expression).some(namesPerson)
}
