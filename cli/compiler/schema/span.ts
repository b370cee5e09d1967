/** Spans of time: `2s`, `10m`, `1h`, where it is said `1d`; read as seconds. */
import { z } from "zod"
import { LONGEST_LOOK_BACK, LONGEST_PERIOD } from "../../../src/core/guardrails/definition.ts"

const HOUR = 3600
const DAY = 86_400
const UNITS = { s: 1, m: 60, h: HOUR, d: DAY } as const
type Unit = keyof typeof UNITS

/** Up to a day: nothing but a budget looks back farther. */
export const span = spanUpTo(
  LONGEST_LOOK_BACK,
  ["s", "m", "h"],
  "Write a whole number and `s`, `m` or `h`, up to `24h`: `2s`, `1m`, `1h`.",
)

/** Of a budget. */
export const period = spanUpTo(
  LONGEST_PERIOD,
  ["s", "m", "h", "d"],
  "Write a whole number and `s`, `m`, `h` or `d`, up to `31d`: `1h`, `1d`, `7d`.",
)

/** Of one call. */
export const duration = spanUpTo(
  HOUR,
  ["s", "m", "h"],
  "Write a whole number and `s`, `m` or `h`, up to `1h`: `500s`, `2m`.",
)

/** @param fix what to write instead of a wrong one; an editor shows it while one is written */
function spanUpTo(longest: number, units: readonly Unit[], fix: string) {
  return z
    .string()
    .transform((text, context) => {
      const seconds = secondsOf(text, units)
      if (seconds !== undefined && seconds >= 1 && seconds <= longest) return seconds
      context.addIssue({ code: "custom", message: "not a span of time", params: { fix }, input: text })
      return z.NEVER
    })
    .describe(fix)
}

function secondsOf(text: string, units: readonly Unit[]): number | undefined {
  const [, digits, letter] = /^(\d{1,7})([a-z])$/u.exec(text) ?? []
  const unit = units.find((each) => each === letter)
  return unit && Number(digits) * UNITS[unit]
}
