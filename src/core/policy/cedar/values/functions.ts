/** Every function and method of Cedar's extension types (Cedar documentation, "Operators and functions"), by name. */
import type { Value } from "./value.ts"
import { DATETIME_FUNCTIONS } from "./datetime.ts"
import { DECIMAL_FUNCTIONS } from "./decimal.ts"
import { DURATION_FUNCTIONS } from "./duration.ts"
import { WRONG_ARITY } from "./evaluation-error.ts"
import type { ExtensionFunction } from "./extension.ts"
import { IP_FUNCTIONS } from "./ip.ts"

export const FUNCTIONS: ReadonlyMap<string, ExtensionFunction> = new Map([
  ...DATETIME_FUNCTIONS,
  ...DECIMAL_FUNCTIONS,
  ...DURATION_FUNCTIONS,
  ...IP_FUNCTIONS,
])

/** A wrong number of arguments is an error of the evaluation, as in the official engine, not of the rule. */
export function call(called: ExtensionFunction, args: readonly Value[]): Value {
  const [first, second] = args
  if (first === undefined || args.length !== called.arity) throw WRONG_ARITY
  if (called.arity === 1) return called.apply(first)
  if (second === undefined) throw WRONG_ARITY
  return called.apply(first, second)
}
