/**
 * One rule in Cedar's JSON policy format. Its scope is read when it is filed (filing.ts), its conditions when first
 * evaluated, so that a cold isolate does not pay for rules that it never needs. The build does both with all of them,
 * and so finds everything that could be wrong with a rule; a decision finds only errors of a request.
 */
import type { EntityStore } from "./entities.ts"
import { type Node, UnsupportedOperator, readList, readNode, readText } from "./est.ts"
import { type Evaluate, type PolicyRequest } from "./evaluate.ts"
import { compileExpression } from "./expression.ts"
import type { LoweredRule } from "./lowered.ts"
import { foreseeConditions, type Foresee, type Outcomes } from "./outcomes.ts"
import { readScope, type Scope } from "./scope.ts"
import { asBoolean } from "./values/evaluation-error.ts"

/** All `when` true and all `unless` false, up to the first that is not. Throws EvaluationError if one errs. */
type Holds = (request: PolicyRequest, entities: EntityStore) => boolean

export class Rule {
  readonly lowered: LoweredRule
  readonly effect: "permit" | "forbid"
  readonly #policy: Node
  #units: number | undefined
  #holds: Holds | undefined
  #foresee: Foresee | undefined

  /** Throws UnsupportedOperator for an unknown effect. */
  constructor(lowered: LoweredRule) {
    const policy = readNode(lowered.policy, lowered.id, "policy")
    this.lowered = lowered
    this.effect = readEffect(policy.effect, lowered.id)
    this.#policy = policy
  }

  /** Keys of the scope (scope.ts). Throws UnsupportedOperator for an unknown one. */
  get scope(): Scope {
    const { principal, action, resource } = this.#policy
    const { id } = this.lowered
    return { principal: readScope(principal, id), action: readScope(action, id), resource: readScope(resource, id) }
  }

  /** Throws UnsupportedOperator if the evaluator does not know an operator of the conditions. */
  compile(): Holds {
    this.#holds ??= compileConditions(this.#policy, this.lowered.id)
    return this.#holds
  }

  /**
   * Draws for itself, and for each operator, which is evaluated at most once; those that read a whole value draw more
   * (operators.ts).
   */
  holds(request: PolicyRequest, entities: EntityStore): boolean {
    request.work.take((this.#units ??= UNITS_OF_RULE + unitsOf(this.#policy.conditions)))
    return (this.#holds ?? this.compile())(request, entities)
  }

  /** The possible outcomes with any arguments; those of the request are ignored. */
  foresee(request: PolicyRequest, entities: EntityStore): Outcomes {
    request.work.take((this.#units ??= UNITS_OF_RULE + unitsOf(this.#policy.conditions)))
    this.#foresee ??= foreseeConditions(this.#policy, this.lowered.id)
    return this.#foresee(request, entities)
  }
}

/** Units of conditions (core/encoding/work.ts), by their operators: constants are read when the rule is compiled. */
function unitsOf(json: unknown): number {
  if (typeof json !== "object" || json === null || "Value" in json) return 0
  const own = Array.isArray(json) ? 0 : UNITS_OF_NODE
  return Object.values(json).reduce<number>((sum, each) => sum + unitsOf(each), own)
}
const UNITS_OF_NODE = 2
/** A rule without conditions takes time too, and a server may have hundreds of tools that thousands of them are about. */
const UNITS_OF_RULE = 4

function readEffect(effect: unknown, rule: string): "permit" | "forbid" {
  if (effect === "permit" || effect === "forbid") return effect
  throw new UnsupportedOperator(rule, "a malformed effect")
}

interface Condition {
  readonly body: Evaluate
  /** `true` for `when`, `false` for `unless`. */
  readonly expected: boolean
}

function compileConditions(policy: Node, rule: string): Holds {
  const conditions = readList(policy.conditions, rule, "policy").map((condition) => compileCondition(condition, rule))
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
