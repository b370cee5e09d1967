/** `duration`: milliseconds in 64 bits, written as days, hours, minutes, seconds and milliseconds in this order. */
import { MALFORMED, WRONG_TYPE, asText } from "./evaluation-error.ts"
import type { Duration } from "./extension-value.ts"
import { fromDigits, int64 } from "./long.ts"
import type { Value } from "./value.ts"
import { type ExtensionFunctions, unary } from "./extension.ts"

const SECOND = 1000n
const MINUTE = 60n * SECOND
const HOUR = 60n * MINUTE
export const DAY = 24n * HOUR

/** Whole units, towards zero. */
export const DURATION_FUNCTIONS: ExtensionFunctions = [
  ["duration", unary((text) => parse(asText(text)))],
  ["toMilliseconds", unary((value) => asDuration(value).value)],
  ["toSeconds", unary((value) => asDuration(value).value / SECOND)],
  ["toMinutes", unary((value) => asDuration(value).value / MINUTE)],
  ["toHours", unary((value) => asDuration(value).value / HOUR)],
  ["toDays", unary((value) => asDuration(value).value / DAY)],
]

const SPELLING = /^(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/

/** Of `SPELLING`, in its order. */
const UNITS = [DAY, HOUR, MINUTE, SECOND, 1n]

function parse(text: string): Duration {
  const [whole, sign, ...quantities] = SPELLING.exec(text) ?? []
  // A sign alone, or neither digits nor sign.
  if (whole === sign) throw MALFORMED
  const negative = sign === "-"
  let sum = 0n
  for (const [index, unit] of UNITS.entries()) sum += fromDigits(negative, quantities[index] ?? "0") * unit
  return duration(int64(sum))
}

export function duration(value: bigint): Duration {
  return { kind: "duration", key: `duration(${value})`, value }
}

export function asDuration(value: Value): Duration {
  if (typeof value !== "object" || !("kind" in value) || value.kind !== "duration") throw WRONG_TYPE
  return value
}
