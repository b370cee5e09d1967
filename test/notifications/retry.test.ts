import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { nextOf, pauseOf, type ReceiverResponse } from "../../src/notifications/retry.ts"

const NOW = Date.UTC(2026, 10, 26)
const DAY = 86_400_000
const first = { tries: 1, since: NOW, inARow: 1 }
const status = (code: number, retryAfter: string | null = null): ReceiverResponse => ({ status: code, retryAfter })
const answers: fc.Arbitrary<ReceiverResponse> = fc.oneof(
  fc.record({ status: fc.integer({ min: 100, max: 599 }), retryAfter: fc.option(fc.string()) }),
  fc.constantFrom<ReceiverResponse>({ failure: "timeout" }, { failure: "unreachable" }),
)

describe("what follows from an answer", () => {
  test.each([200, 202, 204, 299])("%i: it is delivered", (code) => {
    expect(nextOf(status(code), first, NOW, 0.5)).toEqual({ kind: "done" })
  })

  test("410: the receiver wants nothing more", () => {
    expect(nextOf(status(410), first, NOW, 0.5)).toEqual({ kind: "dead", failure: "gone" })
  })

  test.each([
    [301, "redirected"],
    [302, "redirected"],
    [400, "refused"],
    [401, "refused"],
    [404, "refused"],
  ])("%i: it is tried four times, and others go on meanwhile", (code, failure) => {
    for (const tries of [1, 2, 3])
      expect(nextOf(status(code), { ...first, tries }, NOW, 0.5)).toMatchObject({
        kind: "again",
        failure,
        holdUntil: null,
      })
    expect(nextOf(status(code), { ...first, tries: 4 }, NOW, 0.5)).toEqual({ kind: "dead", failure })
  })

  test.each<readonly [string, ReceiverResponse]>([
    ["408", status(408)],
    ["425", status(425)],
    ["429", status(429)],
    ["500", status(500)],
    ["503", status(503)],
    ["100", status(100)],
    ["no answer in time", { failure: "timeout" }],
    ["no way there", { failure: "unreachable" }],
  ])("%s: it is tried for a day, and nothing else is sent meanwhile", (_, answer) => {
    let [now, tries] = [NOW, 0]
    for (;;) {
      tries += 1
      const next = nextOf(answer, { tries, since: NOW, inARow: tries }, now, 1)
      if (next.kind !== "again") {
        expect(next.kind).toBe("dead")
        break
      }
      expect(next.at).toBeGreaterThan(now)
      expect(next.holdUntil).toBeGreaterThan(now)
      now = next.at
    }
    expect(now - NOW).toBeLessThanOrEqual(DAY)
    expect(now - NOW).toBeGreaterThan(DAY / 2)
    expect(tries).toBeGreaterThan(8)
    expect(tries).toBeLessThan(20)
  })

  test("Retry-After is kept to, in seconds and as a date, up to an hour; what is none is as if it were not there", () => {
    const at = (retryAfter: string | null): number => {
      const next = nextOf(status(503, retryAfter), first, NOW, 1)
      return next.kind === "again" ? next.at - NOW : Number.NaN
    }
    expect(at("120")).toBe(120_000)
    expect(at(new Date(NOW + 90_000).toUTCString())).toBe(90_000)
    expect(at("999999999")).toBe(3_600_000)
    expect(at("Fri, 31 Dec 9999 23:59:59 GMT")).toBe(3_600_000)
    for (const odd of ["0", "-5", "soon", "1e9", "", "Mon, 01 Jan 2001 00:00:00 GMT"]) expect(at(odd)).toBe(5_000)
  })

  test("whatever is answered, it ends: done, dead, or tried again later and within a day", () => {
    fc.assert(
      fc.property(
        answers,
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 0, max: 2 * DAY }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (answer, tries, age, chance) => {
          const next = nextOf(answer, { tries, since: NOW - age, inARow: tries }, NOW, chance)
          if (next.kind !== "again") return
          expect(next.at).toBeGreaterThan(NOW)
          expect(next.at).toBeLessThanOrEqual(NOW - age + DAY)
          if (next.holdUntil !== null) expect(next.holdUntil).toBeLessThanOrEqual(NOW + 3_600_000)
        },
      ),
    )
  })

  test("pauses grow, and no two receivers have to keep the same", () => {
    expect([1, 2, 3, 4].map((tries) => pauseOf(tries, 1))).toEqual([5_000, 20_000, 80_000, 320_000])
    expect(pauseOf(3, 0)).toBe(40_000)
    expect(pauseOf(1_000, 1)).toBe(14_400_000)
  })
})
