/** Which positions files have together, for as many checkpoints and sections as there may be. */
import { expect, test } from "vitest"
import { Coverage } from "../../../src/core/proof/coverage.ts"

const AT = { file: "records.ndjson", line: 1 }

test("a year of checkpoints, one a minute, takes no longer for each than a day of them", () => {
  const coverage = new Coverage()
  const begin = performance.now()
  for (let minute = 0; minute < 525_600; minute++) {
    coverage.add("records-0", { from: minute, to: minute + 1, ...AT })
    expect(coverage.missingIn("records-0", minute, minute + 2)).toBe(1)
    if (performance.now() - begin > 20_000) throw new Error(`only ${minute} in 20 s`)
  }
  expect(coverage.gaps("records-0", 525_601)).toEqual([{ from: 525_600, to: 525_601, ...AT }])
}, 60_000)

test("a file of nothing but sections that have gaps between them is read to its end", () => {
  const coverage = new Coverage()
  for (let from = 0; from < 400_000; from += 2) coverage.add("records-0", { from, to: from + 1, ...AT })
  expect(coverage.rangeOf("records-0")).toEqual({ from: 0, to: 399_999 })
  expect(coverage.missingIn("records-0", 0, 400_000)).toBe(200_000)
})
