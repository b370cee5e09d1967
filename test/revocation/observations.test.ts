import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { isChanged } from "../../src/core/catalog/drift.ts"
import { currentLease, forgetSwitches } from "../../src/revocation/lease.ts"
import { MAX_OBSERVATIONS, OBSERVATION_VERSION } from "../../src/core/signals/leased-observations.ts"
import { Switchboard, switchboard } from "../../src/revocation/switchboard.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { killObjects } from "../harness/isolate.ts"
import { observe, observed } from "../harness/observations.ts"
import { stop } from "../harness/switches.ts"

freshIsolateForEach()

const [A, B, C] = ["a".repeat(64), "b".repeat(64), "c".repeat(64)] as const
const sighting = (seen: string, pinned: string = A, tool = "desk.search") => ({ tool, pinned, seen })
const NOW = Date.now()

/** One after the other; each is [bundle, its pin, what was seen, when]. */
async function after(...reports: readonly (readonly [bundle: number, pinned: string, seen: string, at: number])[]) {
  for (const [bundle, pinned, seen, at] of reports) {
    await observe({ bundle, at: NOW + at, sightings: [sighting(seen, pinned)] })
  }
  return (await observed()).tools.map(([, seen]) => seen)
}

describe("an observation", () => {
  test("is kept where it differs from the pin, and goes when the server goes back", async () => {
    expect(await after([1, A, A, -9])).toEqual([])
    expect(await after([1, A, B, -8])).toEqual([B])
    expect(await after([1, A, C, -7])).toEqual([C])
    await killObjects()
    expect((await observed()).tools).toEqual([["desk.search", C]])
    expect(await after([1, A, A, -6])).toEqual([])
  })

  test("of two that look at once the one who looked later stands, whoever comes first", async () => {
    expect(await after([1, A, B, -5], [1, A, A, -6])).toEqual([B])
    expect(await after([1, A, C, -6])).toEqual([B])
    expect(await after([1, A, A, -4])).toEqual([])
    // What was lifted leaves nothing to compare with: this errs towards denying.
    expect(await after([1, A, B, -5])).toEqual([B])
  })

  test("by a clock that runs ahead does not shut out the others", async () => {
    expect(await after([1, A, B, 3_600_000])).toEqual([B])
    await observe({ at: Date.now(), sightings: [sighting(A)] })
    expect((await observed()).tools).toEqual([])
  })

  test("by an isolate with an older bundle lifts nothing: what was pinned then is kept as seen", async () => {
    expect(await after([2, B, A, -9])).toEqual([A])
    // It is as the older bundle pinned it, which is what the newer one denies.
    expect(await after([1, A, A, -8])).toEqual([A])
    expect(await after([2, B, B, -7])).toEqual([])
    expect(await after([1, A, A, -6])).toEqual([A])
    await observe({ bundle: 1, outdated: [{ kind: "tool", name: "desk.search" }] })
    expect((await observed()).tools).toHaveLength(1)
    await observe({ bundle: 2, outdated: [{ kind: "tool", name: "desk.search" }] })
    expect((await observed()).tools).toHaveLength(0)
  })

  test("of headers comes and goes likewise", async () => {
    const headers = (enforced: boolean) => ({ headers: { server: "desk", enforced } })
    await observe(headers(true))
    expect((await observed()).headers).toEqual([])
    await observe({ bundle: 2, ...headers(false) })
    expect((await observed()).headers).toEqual(["desk"])
    await observe({ bundle: 1, ...headers(true) })
    expect((await observed()).headers).toEqual(["desk"])
    await observe({ bundle: 2, ...headers(true) })
    expect((await observed()).headers).toEqual([])
  })

  test("is no switch: lifting one does not find it", async () => {
    await after([1, A, B, -1])
    for (const id of ["desk.search", "tool", B]) expect(await switchboard(env).lift(id)).toBe("unknown")
    expect((await observed()).tools).toHaveLength(1)
    expect(JSON.parse(await switchboard(env).read()).switches).toEqual([])
  })

  test("beyond what is kept is not kept, and every pinned tool is in doubt until there is room", async () => {
    const many = Array.from({ length: MAX_OBSERVATIONS + 10 }, (_, index) => sighting(B, A, `desk.t${index}`))
    await observe({ sightings: many.slice(0, MAX_OBSERVATIONS - 1) })
    expect((await observed()).full).toBe(false)
    await observe({ sightings: many })
    expect(await observed()).toMatchObject({ full: true })
    expect((await observed()).tools).toHaveLength(MAX_OBSERVATIONS)
    // One that is there is still kept up to date.
    await observe({ sightings: [sighting(C, A, "desk.t0")] })
    expect(new Map((await observed()).tools).get("desk.t0")).toBe(C)
    forgetSwitches()
    const lease = await currentLease({ env, background: () => undefined })
    expect(lease?.observations?.full).toBe(true)
    await observe({ sightings: [sighting(A, A, "desk.t0")] })
    expect((await observed()).full).toBe(false)
  })
})

describe("a lease", () => {
  const lease = async () => {
    forgetSwitches()
    return currentLease({ env, background: () => undefined })
  }

  test("has both, and of no observations none", async () => {
    const id = await stop({ kind: "tool", tool: "files.read" })
    expect(await lease()).toMatchObject({ switches: [{ id }], observations: null })
    await observe({ sightings: [sighting(B)], headers: { server: "shed", enforced: false } })
    const { switches, observations } = (await lease()) ?? {}
    expect(switches).toMatchObject([{ id }])
    expect([...(observations?.tools ?? [])]).toEqual([["desk.search", B]])
    expect([...(observations?.headers ?? [])]).toEqual(["shed"])
    expect(isChanged(sighting(B))).toBe(true)
  })

  test("that says the same as the one before is another one all the same", async () => {
    await observe({ sightings: [sighting(B)] })
    const start = Date.now()
    vi.useFakeTimers({ now: start, toFake: ["Date"] })
    try {
      const first = await lease()
      const asked = vi.spyOn(Switchboard.prototype, "read")
      const current = async (after: number) => {
        vi.setSystemTime(start + after)
        const { observations } = (await currentLease({ env, background: () => undefined })) ?? {}
        return [observations === first?.observations, asked.mock.calls.length]
      }
      expect(await current(900)).toEqual([true, 0])
      expect(await current(2_001)).toEqual([true, 1])
      expect(await current(2_900)).toEqual([true, 1])
    } finally {
      vi.useRealTimers()
    }
  })

  test.each([
    "[]",
    "{}",
    "null",
    '{"switches":[]}',
    '{"switches":[],"observations":{"tools":[]}}',
    '{"switches":[],"observations":{"tools":[],"headers":[],"full":false}}',
    '{"switches":[],"observations":{"tools":[],"headers":[],"full":false},"risks":[],"more":[]}',
    '{"switches":[{"id":"x","before":null,"stopped":{"kind":"everything"},"more":1}],"observations":{"tools":[],"headers":[],"full":false},"risks":[]}',
    "[",
  ])("%s of a switchboard that runs other code is none: every call is denied", async (text) => {
    vi.spyOn(Switchboard.prototype, "read").mockReturnValue(text)
    expect(await lease()).toBeNull()
  })

  test("report of another version is not understood, and changes nothing", async () => {
    const report = { bundle: 1, at: NOW, sightings: [sighting(B)] }
    expect(await switchboard(env).observe(OBSERVATION_VERSION + 1, report)).toBe(false)
    expect((await observed()).tools).toEqual([])
  })
})
