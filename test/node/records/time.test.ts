/** What `--since` and `--until` read. */
import { expect, test } from "vitest"
import { readTime } from "../../../cli/records/time.ts"

const NOW = Date.UTC(2026, 10, 29, 12)

test.each([
  ["2026-11-24", Date.UTC(2026, 10, 24)],
  ["2026-11-24T12:00:00Z", Date.UTC(2026, 10, 24, 12)],
  ["2026-11-24 12:00:00z", Date.UTC(2026, 10, 24, 12)],
  ["2026-11-24T12:00:00.5+02:00", Date.UTC(2026, 10, 24, 10, 0, 0, 500)],
  ["90s", NOW - 90_000],
  ["1h30m", NOW - 5_400_000],
  ["7d", NOW - 7 * 86_400_000],
  ["2w", NOW - 14 * 86_400_000],
])("%s", (text, at) => {
  expect(readTime(text, NOW)).toBe(at)
})

test.each([
  "",
  "yesterday",
  "2026-02-30",
  "2026-02-30T00:00:00Z",
  "2026-13-01",
  "2026-11-24T12:00:00",
  "24.11.2026",
  "7",
  "7y",
  "-7d",
  "999999999w",
  "1795565992986",
])("%s is refused, because readers could take it for another time", (text) => {
  expect(() => readTime(text, NOW)).toThrow(/Write a date such as/u)
})
