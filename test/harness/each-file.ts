/**
 * Before and after each file of tests. Files share an isolate, as the tests of one file do, and what keeps those apart keeps files
 * apart: storage and the Worker's caches are empty, and nothing is feigned any more.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from "vitest"
import { app } from "../../src/app.ts"
import worker from "../../src/index.ts"
import { described, undescribed } from "./description.ts"
import { freshIsolate } from "./isolate.ts"
import { giveLeasesBack } from "./switches.ts"

const LOOKED_AT = Symbol.for("narrowgate.described")
// Files share the Worker's modules, which are wrapped once: its door, and the one that its pages and some tests use.
for (const door of [worker, app]) {
  if (!Object.hasOwn(door, LOOKED_AT)) Object.assign(door, { fetch: described(door.fetch), [LOOKED_AT]: true })
}

/** The isolate's own timers. In an isolate whose timers are feigned for good, every later file would wait for ever. */
const CLOCK = Symbol.for("narrowgate.clock")
const clock = (): readonly unknown[] => [Date, setTimeout, clearTimeout, setInterval, clearInterval]
if (!Object.hasOwn(globalThis, CLOCK)) Object.assign(globalThis, { [CLOCK]: clock() })

beforeAll(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await freshIsolate()
})

afterAll(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  const isOwn = clock().every((part, index) => part === Object(Reflect.get(globalThis, CLOCK))[index])
  expect(isOwn, "this file leaves a clock of its own to the next").toBe(true)
})

beforeEach(giveLeasesBack)

afterEach(() => {
  const found = undescribed()
  expect(found, ["docs/reference/openapi.json does not say so:", ...found].join("\n")).toEqual([])
})
