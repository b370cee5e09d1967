/**
 * `date`: a date or a moment between two others (RFC 3339). A date is the whole day in UTC, from its first moment to its
 * last, so a date is within a bound if all of that day is.
 */
import * as z from "zod"
import type { DateBound } from "./definition.ts"
import { outside, remembered, unclear, type BoundKind } from "./kind.ts"

/** Nanoseconds since the epoch, both inclusive: programs write up to nine digits of a second. */
interface Interval {
  readonly first: bigint
  readonly last: bigint
}

/** `full-date` and `date-time` of RFC 3339, section 5.6, in capitals. `-00:00` says that the offset is not known. */
const WRITTEN = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|(?!-00:00)([+-])(\d\d):(\d\d)))?$/

/** Null if it is neither. A leap second is none here: readers refuse it, or take it for another. */
function read(text: string): Interval | null {
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

const rangeOf = remembered(({ from, to }: DateBound) => ({
  first: from === undefined ? null : (read(from)?.first ?? null),
  last: to === undefined ? null : (read(to)?.last ?? null),
}))

const moment = z.string().refine((text) => read(text) !== null, {
  error: "neither a date nor a moment",
  params: { fix: "Write `2026-12-31`, or `2026-12-31T18:00:00Z` with an offset from UTC." },
})

export const date: BoundKind<DateBound> = {
  definition: z
    .strictObject({
      from: moment.exactOptional().describe("The first that is within: `2026-01-01`, `2026-01-01T08:00:00+01:00`."),
      to: moment.exactOptional().describe("The last that is within; a date is within to its end."),
    })
    .readonly()
    .refine(({ from, to }) => from !== undefined || to !== undefined, {
      error: "neither `from` nor `to`",
      params: { fix: "Write at least one of them." },
    })
    .describe(
      "The argument is a date or a moment with its offset (RFC 3339) in this range, or a list of such. A date is the whole day in UTC.",
    ),
  judgesWhole: false,
  isOfObjects: () => false,
  judge: (bound, value) => {
    const interval = typeof value === "string" && value.length <= 64 ? read(value) : null
    if (!interval) return unclear("it is no date or moment that all readers take alike")
    const { first, last } = rangeOf(bound)
    if (first !== null && interval.first < first) return outside("it is before")
    return last !== null && interval.last > last ? outside("it is after") : null
  },
  words: ({ from, to }) =>
    `is a date${from === undefined ? "" : ` from ${from}`}${to === undefined ? "" : ` up to ${to}`}`,
  contradiction: (bound) => {
    const { first, last } = rangeOf(bound)
    return first !== null && last !== null && first > last ? `\`from\` ${bound.from} is after \`to\` ${bound.to}` : null
  },
  implies: (one, other) => {
    const [narrow, wide] = [rangeOf(one), rangeOf(other)]
    return (
      (wide.first === null || (narrow.first !== null && narrow.first >= wide.first)) &&
      (wide.last === null || (narrow.last !== null && narrow.last <= wide.last))
    )
  },
}
