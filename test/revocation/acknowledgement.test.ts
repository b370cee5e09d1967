/** Whoever tells the switchboard is answered when no isolate can still decide by what it knew before: see DESIGN. */
import { env } from "cloudflare:workers"
import { beforeEach, expect, test, vi } from "vitest"
import { SIGNAL_VERSION } from "../../src/core/signals/stream-change.ts"
import { currentLease } from "../../src/revocation/lease.ts"
import { LEASE_MS, switchboard } from "../../src/revocation/switchboard.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { keepLeases } from "../harness/switches.ts"

beforeEach(keepLeases)
freshIsolateForEach()

const ALICE = { kind: "user", user: "https://idp.test|alice" } as const
const REPORT = { stream: "s", jti: "j", digest: "", until: 9_999_999_999_999 }
const board = () => switchboard(env)
const TOLD: Readonly<Record<string, () => Promise<unknown>>> = {
  "a switch": async () => board().set({ id: "swi_1", stopped: ALICE, before: null }),
  "a risk": async () => board().rate("user", ALICE.user, { level: 50, halfLife: 60_000 }),
  "that a risk is no more": async () => board().rate("user", "https://idp.test|bob", null),
  "that a stream's risk is no more": async () => board().forgetRisk("s", "user", ALICE.user),
  "a token of a stream": async () =>
    board().signal(SIGNAL_VERSION, { ...REPORT, changes: [{ kind: "stop", stopped: ALICE, before: null, at: 1 }] }),
  "the same token again": async () => board().signal(SIGNAL_VERSION, { ...REPORT, changes: [] }),
}

test("is answered only when each lease of before has run out, whatever it was told", async () => {
  await board().read()
  const lentAt = Date.now()
  const waited = await Promise.all(
    Object.entries(TOLD).map(async ([what, tell]) => {
      await tell()
      return [what, Date.now() - lentAt] as const
    }),
  )
  // Clocks tick in milliseconds: the lease began at most one before it was read.
  for (const [what, time] of waited) {
    expect(time, what).toBeGreaterThanOrEqual(LEASE_MS)
    expect(time, what).toBeLessThan(2.5 * LEASE_MS)
  }
})

test("is answered as late when none was read for so long: the board's clock may have made a step", async () => {
  await board().listed()
  await new Promise((resolve) => setTimeout(resolve, LEASE_MS + 200))
  const start = performance.now()
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 26 * 3_600_000 })
  await board().rate("user", ALICE.user, null)
  expect(performance.now() - start).toBeGreaterThanOrEqual(LEASE_MS)
})

test.each([
  ["a second", 1_000],
  ["a second and a half", 1_500],
])("a lease does not last longer where its isolate's clock is set back by %s", async (_text, step) => {
  const background = (work: Promise<unknown>): void => void work
  const first = await currentLease({ env, background })
  expect(first?.switches).toEqual([])
  const start = Date.now()
  const told = board().set({ id: "swi_1", stopped: ALICE, before: null })
  await new Promise((resolve) => setTimeout(resolve, step))
  vi.useFakeTimers({ toFake: ["Date"], now: start })
  await told
  // By this clock no time has passed.
  expect(await currentLease({ env, background })).toMatchObject({ switches: [{ id: "swi_1" }] })
})
