/**
 * The possible outcomes of a rule's conditions while the arguments of the call are unknown. They include every outcome
 * that some arguments give, and perhaps one that none gives, never one too few. What does not read `context.arguments`
 * or `context.bounds` is evaluated as usual; what does may be anything, and `&&`, `||`, `!` and `if` continue from there. Pure.
 */
import { type Node, isNode, readList, readNode, readOperator } from "./est.ts"
import { type Evaluate, type PolicyRequest } from "./evaluate.ts"
import type { EntityStore } from "./entities.ts"
import { compileExpression } from "./expression.ts"
import { EvaluationError, UNITS_OF_ERROR, asBoolean } from "./values/evaluation-error.ts"

export interface Outcomes {
  readonly holds: boolean
  readonly fails: boolean
  readonly errs: boolean
}

export type Foresee = (request: PolicyRequest, entities: EntityStore) => Outcomes

const HOLDS: Outcomes = { holds: true, fails: false, errs: false }
const FAILS: Outcomes = { holds: false, fails: true, errs: false }
const ERRS: Outcomes = { holds: false, fails: false, errs: true }
const ANY: Outcomes = { holds: true, fails: true, errs: true }

/**
 * All `when` true and all `unless` false, up to the first that is not.
 * @param isUnknown what is not known yet; at the edge the arguments alone
 */
export function foreseeConditions(
  policy: Node,
  rule: string,
  isUnknown: (json: unknown) => boolean = readsArguments,
): Foresee {
  const conditions = readList(policy.conditions, rule, "policy").map((json) => {
    const { kind, body } = readNode(json, rule, "condition")
    const foresee = foreseeExpression(body, rule, isUnknown)
    return kind === "unless" ? not(foresee) : foresee
  })
  return conditions.reduce(and, () => HOLDS)
}

function foreseeExpression(json: unknown, rule: string, isUnknown: (json: unknown) => boolean): Foresee {
  if (!isUnknown(json)) return known(compileExpression(json, rule))
  const [operator, operands] = readOperator(json, rule)
  const operand = (name: string): Foresee =>
    foreseeExpression(readNode(operands, rule, operator)[name], rule, isUnknown)
  switch (operator) {
    case "&&":
      return and(operand("left"), operand("right"))
    case "||":
      return not(and(not(operand("left")), not(operand("right"))))
    case "!":
      return not(operand("arg"))
    case "if-then-else":
      return choice(operand("if"), operand("then"), operand("else"))
    default:
      return () => ANY
  }
}

function known(evaluate: Evaluate): Foresee {
  return (request, entities) => {
    try {
      return asBoolean(evaluate(request, entities)) ? HOLDS : FAILS
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error
      request.work.take(UNITS_OF_ERROR)
      return ERRS
    }
  }
}

const NOTHING: Outcomes = { holds: false, fails: false, errs: false }

function choice(test: Foresee, then: Foresee, otherwise: Foresee): Foresee {
  return (request, entities) => {
    const first = test(request, entities)
    const one = first.holds ? then(request, entities) : NOTHING
    const other = first.fails ? otherwise(request, entities) : NOTHING
    return {
      holds: one.holds || other.holds,
      fails: one.fails || other.fails,
      errs: first.errs || one.errs || other.errs,
    }
  }
}

/** `a && b` is `if a then b else false` (Cedar documentation, "Operators"). */
function and(left: Foresee, right: Foresee): Foresee {
  return choice(left, right, () => FAILS)
}

function not(foresee: Foresee): Foresee {
  return (request, entities) => {
    const { holds, fails, errs } = foresee(request, entities)
    return { holds: fails, fails: holds, errs }
  }
}

/** Whether it may read the arguments: any use of `context` counts unless it plainly reads another member. */
function readsArguments(json: unknown): boolean {
  if (Array.isArray(json)) return json.some(readsArguments)
  if (!isNode(json)) return false
  if (json.Var === "context") return true
  return Object.entries(json).some(([operator, operands]) => {
    if (operator === "Value") return false
    // Its members may have the names of operators.
    if (operator === "Record" && isNode(operands)) return Object.values(operands).some(readsArguments)
    return !isOtherMember(operator, operands) && readsArguments(operands)
  })
}

/** `bounds` says what the arguments keep to. */
const OF_ARGUMENTS = new Set(["arguments", "bounds"])

/** `context.task`, `context has session`. */
function isOtherMember(operator: string, operands: unknown): boolean {
  if ((operator !== "." && operator !== "has") || !isNode(operands)) return false
  const [first]: readonly unknown[] = Array.isArray(operands.attr) ? operands.attr : [operands.attr]
  return (
    isNode(operands.left) && operands.left.Var === "context" && typeof first === "string" && !OF_ARGUMENTS.has(first)
  )
}
