/**
 * The constants of a rule, computed once: `context.x` in a set of a hundred names must not build the set every time.
 */
import { fromCedarJson } from "./values/cedar-json.ts"
import { UnsupportedOperator } from "./est.ts"
import { type Evaluate } from "./evaluate.ts"
import { EvaluationError } from "./values/evaluation-error.ts"
import { unitsOfKey, type Value } from "./values/value.ts"

/** Integers beyond 2^53 - 1 as JSON numbers have lost digits before they get here: rejected, not compared wrongly. */
export function readLiteral(json: unknown, rule: string): Value {
  const value = fromCedarJson(json)
  if (value === undefined) throw new UnsupportedOperator(rule, describeRefused(json))
  return value
}

function describeRefused(json: unknown): string {
  if (Number.isInteger(json)) return "an integer beyond 2^53 - 1 as a number"
  return "a literal that is no Cedar value"
}

const VALUES = new WeakMap<Evaluate, Value>()

export function constant(value: Value): Evaluate {
  const evaluate = () => value
  VALUES.set(evaluate, value)
  return evaluate
}

/**
 * `make` of the values of the items: once if all are constants, else for each request. If it errs, so does the rule.
 * @param units of each time (core/encoding/work.ts), beside those of the values
 */
export function fold(items: readonly Evaluate[], make: (values: readonly Value[]) => Value, units: number): Evaluate {
  const values: Value[] = []
  for (const item of items) {
    const value = VALUES.get(item)
    if (value === undefined)
      return (request, entities) => {
        const all = items.map((each) => each(request, entities))
        request.work.take(all.reduce((sum, each) => sum + unitsOfKey(each), units))
        return make(all)
      }
    values.push(value)
  }
  try {
    return constant(make(values))
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
    return () => {
      throw error
    }
  }
}
