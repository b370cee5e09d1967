/** The result of each rule that could matter to a call, for each principal, and the condition at which it failed. */
import { Rule } from "../policy/cedar/compile.ts"
import type { PolicyRequest } from "../policy/cedar/engine.ts"
import type { EntityStore } from "../policy/cedar/entities.ts"
import { isNode } from "../policy/cedar/est.ts"
import type { LoweredRule } from "../policy/cedar/lowered.ts"
import { keysWithin } from "../policy/cedar/scope.ts"
import type { RuleAbout } from "../policy/cedar/slices.ts"
import { EvaluationError } from "../policy/cedar/values/evaluation-error.ts"
import { policyRequestsOf, type PolicyQuestion } from "./policy-question.ts"

export interface PrincipalSeen {
  /** Key of the entity. */
  readonly principal: string
  readonly allowed: boolean
  /** Those whose scope matches this action and tool. */
  readonly rules: readonly RuleSeen[]
}

export interface RuleSeen {
  readonly id: string
  readonly effect: "permit" | "forbid"
  readonly outcome: "holds" | "fails" | "errs" | "is about others"
  /** For a rule that fails or errs, the index of the condition at which it does. */
  readonly at: number | null
  readonly determined: boolean
  readonly remedy: string | null
  readonly message: string | null
}

export function seenRules(question: PolicyQuestion): readonly PrincipalSeen[] {
  const { requests, entities } = policyRequestsOf(question)
  const { engine } = question.bundle
  return requests.map((request) => {
    const { allowed, determining } = engine.authorize(request, entities)
    const about = engine.rulesAbout(request.action, request.resource, entities)
    const rules = about.map((one) => seen(one, request, entities, determining))
    return { principal: request.principal.key, allowed, rules: rules.toSorted((a, b) => (a.id < b.id ? -1 : 1)) }
  })
}

function seen(
  { rule, principals }: RuleAbout,
  request: PolicyRequest,
  entities: EntityStore,
  determining: readonly string[],
): RuleSeen {
  const { effect, lowered } = rule
  const { id } = lowered
  const { remedy = null, message = null } = lowered
  const common = { id, effect, determined: determining.includes(id), remedy, message }
  const keys = keysWithin(request.principal, entities)
  if (!principals.some((key) => keys.includes(key))) return { ...common, outcome: "is about others", at: null }
  for (const [at, alone] of conditionsOf(lowered).entries()) {
    const outcome = outcomeOf(new Rule(alone), request, entities)
    if (outcome !== "holds") return { ...common, outcome, at }
  }
  return { ...common, outcome: "holds", at: null }
}

/** The rule with each of its conditions alone. */
function conditionsOf(lowered: LoweredRule): readonly LoweredRule[] {
  const { policy } = lowered
  if (!isNode(policy) || !Array.isArray(policy.conditions)) return []
  const { id, reads } = lowered
  const { effect } = policy
  return policy.conditions.map((condition: unknown) => ({
    id,
    reads,
    policy: { effect, conditions: [condition] },
  }))
}

function outcomeOf(rule: Rule, request: PolicyRequest, entities: EntityStore): "holds" | "fails" | "errs" {
  try {
    return rule.holds(request, entities) ? "holds" : "fails"
  } catch (error) {
    if (error instanceof EvaluationError) return "errs"
    throw error
  }
}
