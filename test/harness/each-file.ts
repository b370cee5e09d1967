/**
 * Before each file of tests. Files share an isolate, as the tests of one file do, and what keeps those apart keeps files
 * apart: storage and the Worker's caches are empty, and nothing is feigned any more.
 */
import { beforeAll, vi } from "vitest"
import { freshIsolate } from "./isolate.ts"

beforeAll(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await freshIsolate()
})
