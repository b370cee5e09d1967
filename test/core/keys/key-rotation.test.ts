import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { AHEAD_MS, OVERLAP_MS, ROTATE_AFTER_MS, scheduleOf, type RingKey } from "../../../src/core/keys/key-rotation.ts"

const START = 1_800_000_000_000
/** What a verifier may hold of the set, and a signer of a key, before they look again. */
const CACHED_MS = 300_000
const SIGNER_HOLDS_MS = 60_000
const TOKEN_LIFE_MS = 900_000

describe("rotation", () => {
  test("a token verifies for as long as it lives, by any set of keys that was cached, whenever the ring is looked at", () => {
    const steps = fc.array(fc.integer({ min: 1, max: ROTATE_AFTER_MS / 40 }), { minLength: 100, maxLength: 200 })
    let rotations = 0
    fc.assert(
      fc.property(steps, (waits) => {
        let keys: readonly RingKey[] = []
        let now = START
        const published: { readonly at: number; readonly kids: ReadonlySet<string> }[] = []
        const signed: { readonly kid: string; readonly at: number }[] = []
        for (const wait of waits) {
          now += wait
          let schedule = scheduleOf(keys, now)
          if (schedule.makes) {
            keys = [...schedule.retained, { kid: `${keys.length}-${now}`, madeAt: now }]
            schedule = scheduleOf(keys, now)
            rotations += 1
          }
          keys = schedule.retained
          published.push({ at: now, kids: new Set(schedule.retained.map(({ kid }) => kid)) })
          if (!schedule.signing) throw new Error("a ring without a key")
          signed.push({ kid: schedule.signing.kid, at: now })
        }
        for (const { kid, at } of signed) {
          for (const set of published) {
            // Signed with a key held for a while, verified by a set cached for a while, in the token's life.
            const isUsed = set.at >= at - CACHED_MS && set.at <= at + SIGNER_HOLDS_MS + TOKEN_LIFE_MS
            const isFirst = set.at < (published[0]?.at ?? 0) + AHEAD_MS
            if (isUsed && !isFirst) expect(set.kids.has(kid)).toBe(true)
          }
        }
      }),
      { numRuns: 30 },
    )
    // More than the first key of each run, or nothing was rotated.
    expect(rotations).toBeGreaterThan(36)
  })

  test("a key is published before it signs, and dropped when the last of its tokens is gone", () => {
    const [old, fresh] = [
      { kid: "old", madeAt: START },
      { kid: "new", madeAt: START + ROTATE_AFTER_MS },
    ]
    const at = (after: number) => {
      const { signing, retained: kept } = scheduleOf([old, fresh], fresh.madeAt + after)
      return `${signing?.kid}: ${kept.map(({ kid }) => kid).join(" ")}`
    }
    expect(at(0)).toBe("old: new old")
    expect(at(AHEAD_MS - 1)).toBe("old: new old")
    expect(at(AHEAD_MS)).toBe("new: new old")
    expect(at(AHEAD_MS + OVERLAP_MS - 1)).toBe("new: new old")
    expect(at(AHEAD_MS + OVERLAP_MS)).toBe("new: new")
  })

  test("the first key signs at once, and an empty ring makes one", () => {
    expect(scheduleOf([], START)).toMatchObject({ signing: null, makes: true })
    expect(scheduleOf([{ kid: "a", madeAt: START }], START)).toMatchObject({ signing: { kid: "a" }, makes: false })
  })
})
