/**
 * `date`: a date or a moment between two others (RFC 3339). A date is the whole day in UTC, from its first moment to its
 * last, so a date is within a bound if all of that day is. `today` is the date on which the call is decided, in UTC.
 */
import * as z from "zod"
import type { DateBound } from "./definition.ts"
import { outside, unclear, type BoundKind } from "./kind.ts"

/** Nanoseconds since the epoch, both inclusive: programs write up to nine digits of a second. */
interface Interval {
  readonly first: bigint
  readonly last: bigint
}

/** `full-date` and `date-time` of RFC 3339, section 5.6, in capitals. `-00:00` says that the offset is not known. */
const WRITTEN = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|(?!-00:00)([+-])(\d\d):(\d\d)))?$/

/** Null if it is neither. A leap second is none here: readers refuse it, or take it for another. */
function intervalIn(text: string): Interval | null {
  const [, date, time, fraction = "", sign, hours = "0", minutes = "0"] = WRITTEN.exec(text) ?? []
  if (date === undefined) return null
  const seconds = secondsOf(`${date}T${time ?? "00:00:00"}`)
  if (seconds === null) return null
  const start = seconds * SECOND
  if (time === undefined) return { first: start, last: start + DAY - 1n }
  if (Number(hours) > 23 || Number(minutes) > 59) return null
  const offset = (BigInt(hours) * 60n + BigInt(minutes)) * MINUTE
  const at = start + BigInt(fraction.padEnd(9, "0")) - (sign === "-" ? -offset : offset)
  return { first: at, last: at }
}
const SECOND = 1_000_000_000n
const MINUTE = 60n * SECOND
const DAY = 86_400n * SECOND

/** Since the epoch, of a time in UTC that there is: no 30th of February, no 24 o'clock. */
function secondsOf(text: string): bigint | null {
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = text.split(/[-T:]/).map(Number)
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  const days = month === 2 && isLeap ? 29 : (DAYS_OF_MONTH[month - 1] ?? 0)
  if (day < 1 || day > days || hours > 23 || minutes > 59 || seconds > 59) return null
  // A year that begins in March ends with its leap day.
  const [since, nth] = month > 2 ? [year, month - 3] : [year - 1, month + 9]
  const leapDays = Math.floor(since / 4) - Math.floor(since / 100) + Math.floor(since / 400)
  const daysBefore = since * 365 + leapDays + Math.floor((nth * 153 + 2) / 5) + day - 1 - DAYS_TO_EPOCH
  return BigInt(daysBefore) * 86_400n + BigInt(hours * 3_600 + minutes * 60 + seconds)
}
const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
/** From the first of March of the year 0. */
const DAYS_TO_EPOCH = 719_468

/** An end of a range: of it an interval, or of how many days from today. */
type End = { readonly at: Interval } | { readonly days: number }

const RELATIVE = /^today(?:([+-])([1-9]\d{0,4})d)?$/

function endOf(text: string): End | null {
  const relative = RELATIVE.exec(text)
  if (relative) return { days: Number(`${relative[1] ?? ""}${relative[2] ?? 0}`) }
  const at = intervalIn(text)
  return at && { at }
}

const rangeOf = ({ from, to }: DateBound) => ({
  from: from === undefined ? null : endOf(from),
  to: to === undefined ? null : endOf(to),
})

/** Null if it depends on a time that is not known. */
function intervalOf(end: End, now: number | null): Interval | null {
  if ("at" in end) return end.at
  if (now === null) return null
  const first = BigInt(Math.floor(now / MILLISECONDS_OF_DAY) + end.days) * DAY
  return { first, last: first + DAY - 1n }
}
const MILLISECONDS_OF_DAY = 86_400_000

/** Whether one is certainly no later than the other, whatever today is. */
function isBefore(one: End, other: End, of: "first" | "last"): boolean {
  if ("days" in one) return "days" in other && one.days <= other.days
  return "at" in other && one.at[of] <= other.at[of]
}

const moment = z.string().refine((text) => endOf(text) !== null, {
  error: "neither a date nor a moment",
  params: { fix: "Write `2026-12-31`, `2026-12-31T18:00:00Z` with an offset from UTC, or `today-31d`." },
})

export const date: BoundKind<DateBound, Interval> = {
  definition: z
    .strictObject({
      from: moment
        .exactOptional()
        .describe("The first that is within: `2026-01-01`, `2026-01-01T08:00:00+01:00`, `today`, `today-31d`."),
      to: moment
        .exactOptional()
        .describe("The last that is within; a date is within to its end: `2026-12-31`, `today+7d`."),
    })
    .readonly()
    .refine(({ from, to }) => from !== undefined || to !== undefined, {
      error: "neither `from` nor `to`",
      params: { fix: "Write at least one of them." },
    })
    .describe(
      "The argument is a date or a moment with its offset (RFC 3339) in this range, or a list of such. A date is the whole day in UTC, and `today` the one on which the call is decided.",
    ),
  judgesWhole: false,
  isOfObjects: () => false,
  read: (value) =>
    (typeof value === "string" && value.length <= 64 ? intervalIn(value) : null) ??
    unclear("it is no date or moment that all readers take alike"),
  units: () => 300,
  compile: (bound) => {
    const { from, to } = rangeOf(bound)
    return {
      units: 40,
      judge: (interval, { now }) => {
        const [first, last] = [from && intervalOf(from, now), to && intervalOf(to, now)]
        if (first && interval.first < first.first) return outside("it is before")
        return last && interval.last > last.last ? outside("it is after") : null
      },
    }
  },
  dependsOnTime: (bound) => {
    const { from, to } = rangeOf(bound)
    return [from, to].some((end) => end !== null && "days" in end)
  },
  words: ({ from, to }) =>
    `is a date${from === undefined ? "" : ` from ${from}`}${to === undefined ? "" : ` up to ${to}`}`,
  contradiction: (bound) => {
    const { from, to } = rangeOf(bound)
    if (!from || !to) return null
    const isEmpty = "days" in from ? "days" in to && from.days > to.days : "at" in to && from.at.first > to.at.last
    return isEmpty ? `\`from\` ${bound.from} is after \`to\` ${bound.to}` : null
  },
  // Of two ends of which one alone depends on today, either may come first.
  implies: (one, other) => {
    const [narrow, wide] = [rangeOf(one), rangeOf(other)]
    return (
      (wide.from === null || (narrow.from !== null && isBefore(wide.from, narrow.from, "first"))) &&
      (wide.to === null || (narrow.to !== null && isBefore(narrow.to, wide.to, "last")))
    )
  },
}
