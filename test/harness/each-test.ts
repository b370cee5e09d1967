/** Around each test of a file that asks the Worker: nothing of one test reaches the next. */
import { afterEach, beforeEach, vi } from "vitest"
import { publish, yard } from "./bundles.ts"
import { freshIsolate } from "./isolate.ts"

/** After each test time is real, nothing is replaced, and the isolate is fresh. */
export function freshIsolateForEach(): void {
  afterEach(async () => {
    vi.useRealTimers()
    vi.restoreAllMocks()
    await freshIsolate()
  })
}

/** The same, and before each test the tests' own policies are published. */
export function yardForEach(): void {
  beforeEach(async () => {
    await publish(await yard())
  })
  freshIsolateForEach()
}
