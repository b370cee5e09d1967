/**
 * One rule in Cedar's JSON policy format, compiled to closures once. Everything that could be wrong with the rule
 * itself is found here; a decision meets only what is wrong with a request.
 */
import { UnsupportedOperator, readList, readNode, readText } from "./est.ts"
import { type Evaluate, type PolicyRequest, asBoolean } from "./evaluate.ts"
import type { EntityStore } from "./entities.ts"
import { compileExpression } from "./expression.ts"
import type { LoweredRule } from "./lowered.ts"
import { type ScopeTest, compileScope } from "./scope.ts"

export interface CompiledRule {
  readonly lowered: LoweredRule
  readonly effect: "permit" | "forbid"
  readonly principal: ScopeTest
  readonly action: ScopeTest
  readonly resource: ScopeTest
  /** All `when` true and all `unless` false, up to the first that is not. Throws EvaluationError where one errs. */
  readonly holds: (request: PolicyRequest, entities: EntityStore) => boolean
}

/** Throws UnsupportedOperator for whatever the evaluator does not know. */
export function compileRule(lowered: LoweredRule): CompiledRule {
  const rule = lowered.id
  const policy = readNode(lowered.policy, rule, "policy")
  return {
    lowered,
    effect: readEffect(policy.effect, rule),
    principal: compileScope(policy.principal, rule),
    action: compileScope(policy.action, rule),
    resource: compileScope(policy.resource, rule),
    holds: compileConditions(policy.conditions, rule),
  }
}

function readEffect(effect: unknown, rule: string): "permit" | "forbid" {
  if (effect === "permit" || effect === "forbid") return effect
  throw new UnsupportedOperator(rule, "a malformed effect")
}

interface Condition {
  readonly body: Evaluate
  /** `true` for `when`, `false` for `unless`. */
  readonly expected: boolean
}

function compileConditions(json: unknown, rule: string): CompiledRule["holds"] {
  const conditions = readList(json, rule, "policy").map((condition) => compileCondition(condition, rule))
  return (request, entities) => {
    for (const { body, expected } of conditions) {
      if (asBoolean(body(request, entities)) !== expected) return false
    }
    return true
  }
}

function compileCondition(json: unknown, rule: string): Condition {
  const { kind, body } = readNode(json, rule, "condition")
  const name = readText(kind, rule, "condition")
  if (name !== "when" && name !== "unless") throw new UnsupportedOperator(rule, `the condition ${name}`)
  return { body: compileExpression(body, rule), expected: name === "when" }
}
