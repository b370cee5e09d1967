import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { ProofLog, type Proof } from "../../../src/core/task/proof-log.ts"

const START = 1_800_000_000_000
const FRESH_FOR_MS = 60_000

/** As the edge makes it of what a client signed. @param madeAt milliseconds, by the client's clock */
function proofOf(jti: string, madeAt: number, nonce: string | null): Proof {
  const iat = Math.floor(madeAt / 1000)
  return { jkt: "key", jti: `key.${jti}`, iat, freshUntil: iat * 1000 + FRESH_FOR_MS + 1, nonce }
}

/** The edge's own check of freshness, by a clock that is not the ledger's. */
function passesEdge({ iat, freshUntil }: Proof, now: number): boolean {
  return now < freshUntil && iat * 1000 <= now + 10_000
}

describe("a proof is admitted once", () => {
  test("whatever its clock says, however often the ledger wakes, with any nonce", () => {
    const event = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("wake" as const) }) },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant("make" as const),
          // By how much the client's clock is off.
          skew: fc.integer({ min: -70_000, max: 12_000 }),
          nonce: fc.constantFrom("none", "current", "old", "guess"),
        }),
      },
      // Shown again: one made earlier, by its number from the end.
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant("show" as const),
          which: fc.nat(5),
          edge: fc.integer({ min: -3_000, max: 3_000 }),
        }),
      },
    )
    let admissions = 0
    let challenges = 0
    fc.assert(
      fc.property(fc.array(event, { minLength: 40, maxLength: 120 }), (events) => {
        let now = START
        let lives = 0
        let log = new ProofLog("nonce-0", Number.NEGATIVE_INFINITY)
        const made: Proof[] = []
        const admitted = new Set<string>()
        for (const event of events) {
          if (event.kind === "wait") now += event.ms
          if (event.kind === "wake") log = new ProofLog(`nonce-${++lives}`, now)
          if (event.kind === "make") {
            const nonces = { none: null, current: log.nonce, old: `nonce-${lives - 1}`, guess: "nonce" }
            made.push(proofOf(String(made.length), now + event.skew, nonces[event.nonce]))
          }
          if (event.kind !== "show") continue
          const proof = made.at(-1 - event.which)
          if (!proof || !passesEdge(proof, now + event.edge)) continue
          const verdict = log.check(proof, now)
          if (verdict === "nonce_required") challenges += 1
          if (verdict !== "fresh") continue
          expect(admitted.has(proof.jti)).toBe(false)
          admitted.add(proof.jti)
          log.admit(proof, now)
          admissions += 1
        }
      }),
      { numRuns: 1_000 },
    )
    // It would be easy to admit nothing.
    expect(admissions).toBeGreaterThan(1_000)
    expect(challenges).toBeGreaterThan(500)
  })

  test("a tree that was just opened asks for no nonce", () => {
    const log = new ProofLog("n", Number.NEGATIVE_INFINITY)
    expect(log.check(proofOf("a", START - 50_000, null), START)).toBe("fresh")
  })

  test("a ledger that has woken takes what was made since, or with its nonce", () => {
    const log = new ProofLog("n", START)
    const verdict = (madeAfter: number, nonce: string | null = null) =>
      log.check(proofOf("a", START + madeAfter, nonce), START + 20_000)
    expect(verdict(0)).toBe("nonce_required")
    expect(verdict(15_000)).toBe("nonce_required")
    expect(verdict(16_000)).toBe("fresh")
    expect(verdict(0, "n")).toBe("fresh")
    expect(verdict(0, "another")).toBe("nonce_required")
    // One nonce is remembered for all tasks behind a gateway: another ledger's does no harm to a new proof.
    expect(verdict(16_000, "another")).toBe("fresh")
  })

  test("one that is stale or far ahead by the ledger's clock is neither", () => {
    const log = new ProofLog("n", Number.NEGATIVE_INFINITY)
    expect(log.check(proofOf("a", START, null), START + FRESH_FOR_MS + 1)).toBe("stale")
    expect(log.check(proofOf("a", START + 16_000, null), START)).toBe("stale")
  })
})

test("a proof for a token of this life needs no nonce, and is accepted once all the same", () => {
  const log = new ProofLog("nonce", START)
  const proof = proofOf("a", START, null)
  expect(log.check(proof, START)).toBe("nonce_required")
  expect(log.check(proof, START, START - 1)).toBe("nonce_required")
  expect(log.check(proof, START, START)).toBe("fresh")
  log.admit(proof, START)
  expect(log.check(proof, START, START)).toBe("seen")
})
