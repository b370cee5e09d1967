/** Which positions files have together, for as many checkpoints and sections as there may be. */
import { expect, test } from "vitest"
import { Coverage } from "../../../src/core/proof/coverage.ts"

const AT = { file: "records.ndjson", line: 1 }

test("a year of checkpoints, one a minute, is taken in one after the other", () => {
  const coverage = new Coverage()
  let wrong = 0
  for (let minute = 0; minute < 525_600; minute++) {
    coverage.add("records-0", { from: minute, to: minute + 1, ...AT })
    wrong += Number(coverage.missingIn("records-0", minute, minute + 2) !== 1)
  }
  expect(wrong).toBe(0)
  expect(coverage.gaps("records-0", 525_601)).toEqual([{ from: 525_600, to: 525_601, ...AT }])
}, 60_000)

test("a file of nothing but sections that have gaps between them is read to its end", () => {
  const coverage = new Coverage()
  for (let from = 0; from < 400_000; from += 2) coverage.add("records-0", { from, to: from + 1, ...AT })
  expect(coverage.rangeOf("records-0")).toEqual({ from: 0, to: 399_999 })
  expect(coverage.missingIn("records-0", 0, 400_000)).toBe(200_000)
})
