/**
 * Before each file of tests. Files share an isolate, as the tests of one file do, and what keeps those apart keeps files
 * apart: storage and the Worker's caches are empty, and nothing is feigned any more.
 */
import { afterEach, beforeAll, expect, vi } from "vitest"
import { app } from "../../src/app.ts"
import { described, undescribed } from "./description.ts"
import { freshIsolate } from "./isolate.ts"

const LOOKED_AT = Symbol.for("narrowgate.described")
// Files share the Worker's modules: it is wrapped once, before `index.ts` takes it.
if (!Object.hasOwn(app, LOOKED_AT)) Object.assign(app, { fetch: described(app.fetch), [LOOKED_AT]: true })

beforeAll(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await freshIsolate()
})

afterEach(() => {
  expect(undescribed(), "docs/reference/openapi.json does not say so").toEqual([])
})
