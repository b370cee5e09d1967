/** The times of `--since` and `--until`: a moment or a date of RFC 3339, or how long ago. */
import { InvalidArgumentError } from "commander"

const MOMENT = /^(\d{4}-\d\d-\d\d)(?:[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d))?$/
const AGO = /^(?:\d{1,9}[smhdw])+$/
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/**
 * A date alone is its first moment in UTC, in which records are printed.
 * @returns milliseconds since the epoch
 */
export function readTime(text: string, now = Date.now()): number {
  const at = AGO.test(text) ? now - durationOf(text) : momentOf(text)
  if (at !== null && at >= 0) return at
  throw new InvalidArgumentError(
    "Write a date such as 2026-11-24 (in UTC), a time such as 2026-11-24T12:00:00Z, or how long ago, such as 7d or 1h30m.",
  )
}

function durationOf(text: string): number {
  const parts = text.matchAll(/(\d+)([smhdw])/g)
  return parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (UNIT_MS[unit] ?? 0), 0)
}

function momentOf(text: string): number | null {
  const [, date] = MOMENT.exec(text) ?? []
  if (date === undefined) return null
  // `Date.parse` takes the 30th of February for a day of March.
  const day = Date.parse(date)
  if (!Number.isFinite(day) || !new Date(day).toISOString().startsWith(date)) return null
  const at = Date.parse(text)
  return Number.isFinite(at) ? at : null
}
