/** `datetime`: a moment as milliseconds since 1970 in 64 bits, without leap seconds. Cedar RFC 80. */
import { int64 } from "./long.ts"
import type { Value } from "./value.ts"
import { DAY, asDuration, duration } from "./duration.ts"
import { MALFORMED, WRONG_TYPE, asText } from "./evaluation-error.ts"
import type { Datetime } from "./extension-value.ts"
import { type ExtensionFunctions, binary, unary } from "./extension.ts"

export const DATETIME_FUNCTIONS: ExtensionFunctions = [
  ["datetime", unary((text) => parse(asText(text)))],
  ["offset", binary((left, right) => datetime(int64(asDatetime(left).value + asDuration(right).value)))],
  ["durationSince", binary((left, right) => duration(int64(asDatetime(left).value - asDatetime(right).value)))],
  ["toDate", unary((value) => datetime(int64(asDatetime(value).value - timeOfDay(asDatetime(value)))))],
  ["toTime", unary((value) => duration(timeOfDay(asDatetime(value))))],
]

/** Since the last midnight, before 1970 too. */
function timeOfDay({ value }: Datetime): bigint {
  return ((value % DAY) + DAY) % DAY
}

/** A date alone, or with time and `Z` or an offset; milliseconds have three digits or are left out. */
const SPELLING = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?(?:Z|([+-])(\d\d)(\d\d)))?$/

function parse(text: string): Datetime {
  const found = SPELLING.exec(text)
  if (found === null) throw MALFORMED
  const number = (group: number) => Number(found[group] ?? "0")
  const [year, month, day] = [number(1), number(2), number(3)]
  const [hour, minute, second] = [number(4), number(5), number(6)]
  const [offsetHour, offsetMinute] = [number(9), number(10)]
  // A month that does not exist has no days.
  if (day < 1 || day > daysIn(year, month)) throw MALFORMED
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) throw MALFORMED
  const offset = (offsetHour * 60 + offsetMinute) * (found[8] === "-" ? -1 : 1)
  const minutes = (daysSince1970(year, month, day) * 24 + hour) * 60 + minute - offset
  return datetime(BigInt((minutes * 60 + second) * 1000 + number(7)))
}

/** In the Gregorian calendar, extended to the year 0, which is a leap year. */
function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

/** For a year without a leap day, before each month. */
const DAYS_BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]

function daysBefore(year: number, month: number): number {
  return (DAYS_BEFORE[month - 1] ?? 0) + (month > 2 && isLeap(year) ? 1 : 0)
}

function daysIn(year: number, month: number): number {
  return daysBefore(year, month + 1) - daysBefore(year, month)
}

/** From the first day of the year 0. */
const DAYS_BEFORE_1970 = 719_528

function daysSince1970(year: number, month: number, day: number): number {
  const leapDays = Math.ceil(year / 4) - Math.ceil(year / 100) + Math.ceil(year / 400)
  return year * 365 + leapDays + daysBefore(year, month) + day - 1 - DAYS_BEFORE_1970
}

function datetime(value: bigint): Datetime {
  return { kind: "datetime", key: `datetime(${value})`, value }
}

function asDatetime(value: Value): Datetime {
  if (typeof value !== "object" || !("kind" in value) || value.kind !== "datetime") throw WRONG_TYPE
  return value
}
