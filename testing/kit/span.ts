/** Spans of time as tests write them: `10 minutes`, `90s`, or milliseconds. */
import { NarrowgateTestError } from "./error.ts"

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const UNITS: readonly (readonly [names: RegExp, milliseconds: number])[] = [
  [/^(?:ms|milliseconds?)$/u, 1],
  [/^(?:s|seconds?)$/u, SECOND],
  [/^(?:m|min|minutes?)$/u, MINUTE],
  [/^(?:h|hours?)$/u, HOUR],
  [/^(?:d|days?)$/u, 24 * HOUR],
]
/** Objects forget nothing sooner than this, and no test needs more. */
const LONGEST_MS = 366 * 24 * HOUR

/** Milliseconds. */
export function millisecondsOf(span: string | number): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?) ?([a-z]+)$/u.exec(String(span)) ?? []
  const factor = UNITS.find(([names]) => names.test(unit))?.[1]
  const milliseconds = typeof span === "number" ? span : Number(number) * (factor ?? Number.NaN)
  if (milliseconds >= 0 && milliseconds <= LONGEST_MS) return Math.round(milliseconds)
  throw new NarrowgateTestError(
    "invalid_argument",
    `${JSON.stringify(span)} is no span of time: write milliseconds, or such as "10 minutes" or "90s". Time only goes forward, a year at most.`,
  )
}
