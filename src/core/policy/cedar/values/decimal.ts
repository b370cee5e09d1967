/** `decimal`: a number with up to four digits after the point, in 64 bits. Compared by its methods only, not by `<`. */
import { MALFORMED, WRONG_TYPE, asText } from "./evaluation-error.ts"
import type { Decimal } from "./extension-value.ts"
import { isDecimal, makeDecimal } from "./json-number.ts"
import { fromDigits } from "./long.ts"
import type { Value } from "./value.ts"
import { type ExtensionFunctions, binary, unary } from "./extension.ts"

export const DECIMAL_FUNCTIONS: ExtensionFunctions = [
  ["decimal", unary((text) => parse(asText(text)))],
  ["lessThan", binary((left, right) => asDecimal(left).value < asDecimal(right).value)],
  ["lessThanOrEqual", binary((left, right) => asDecimal(left).value <= asDecimal(right).value)],
  ["greaterThan", binary((left, right) => asDecimal(left).value > asDecimal(right).value)],
  ["greaterThanOrEqual", binary((left, right) => asDecimal(left).value >= asDecimal(right).value)],
]

const SPELLING = /^(-?)(\d+)\.(\d{1,4})$/

function parse(text: string): Decimal {
  const [, sign, whole, fraction] = SPELLING.exec(text) ?? []
  if (whole === undefined || fraction === undefined) throw MALFORMED
  return makeDecimal(fromDigits(sign === "-", whole + fraction.padEnd(4, "0")))
}

function asDecimal(value: Value): Decimal {
  if (!isDecimal(value)) throw WRONG_TYPE
  return value
}
