import type { Value } from "./value.ts"

/**
 * A rule that cannot be evaluated on this request: a wrong type, a missing attribute, an overflow. It is an ordinary
 * outcome (a request may lack what a rule reads), so each error is made once, below: a stack trace would cost more than
 * the decision.
 */
export class EvaluationError extends Error {
  override readonly name = "EvaluationError"
}
/** Units of throwing one and catching it (core/encoding/work.ts). */
export const UNITS_OF_ERROR = 25

export const WRONG_TYPE = new EvaluationError("an operand has a type that the operator does not take")

export const NO_ATTRIBUTE = new EvaluationError("the attribute does not exist")

export const NO_ENTITY = new EvaluationError("the entity does not exist")

export const NO_TAG = new EvaluationError("the tag does not exist")

export const OVERFLOW = new EvaluationError("the integer does not fit 64 bits")

export const MALFORMED = new EvaluationError("the text is no value of the extension type")

export const WRONG_ARITY = new EvaluationError("the function takes another number of arguments")

export function asBoolean(value: Value): boolean {
  if (typeof value !== "boolean") throw WRONG_TYPE
  return value
}

export function asLong(value: Value): bigint {
  if (typeof value !== "bigint") throw WRONG_TYPE
  return value
}

export function asText(value: Value): string {
  if (typeof value !== "string") throw WRONG_TYPE
  return value
}
