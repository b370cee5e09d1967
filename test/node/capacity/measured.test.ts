/** What the simulation predicts of some thousand calls, held against what they take on the real Worker. */
import { afterAll, beforeAll, expect, it } from "vitest"
import { check, MOST_ERROR, SEED, type Comparison } from "../../../bench/capacity/check.ts"
import { Lab, PACES } from "../../../bench/lab.ts"

let lab: Lab
let comparisons: readonly Comparison[]

beforeAll(async () => {
  lab = await Lab.open(PACES.quick, () => undefined)
  comparisons = await check(lab, SEED)
}, 500_000)
afterAll(() => lab[Symbol.asyncDispose]())

it("no quantity is off by more than a tenth", () => {
  expect(comparisons.length).toBeGreaterThan(10)
  for (const { what, predicted, counted, error } of comparisons)
    expect(error, `${what}: predicted ${predicted}, counted ${counted}`).toBeLessThanOrEqual(MOST_ERROR)
})
