import { exportJWK, generateKeyPair, type JWK } from "jose"
import { beforeEach, describe, expect, test } from "vitest"
import {
  forgetOwnKeys,
  keepOwnKeys,
  areOwnKeysDue,
  KeysUnavailable,
  ownKeys,
} from "../../../src/credentials/key-sets/own-keys.ts"

const START = 1_800_000_000_000
const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

async function publicKey(kid: string): Promise<JWK> {
  const { publicKey } = await generateKeyPair("ES256", { extractable: true })
  return { ...(await exportJWK(publicKey)), kid, alg: "ES256" }
}

/** What the ring does: answers after a while, fails, or never answers. */
class Ring {
  keys: readonly JWK[] = []
  asked = 0
  delay = 0
  mode: "answers" | "fails" | "hangs" = "answers"

  async publicKeys(): Promise<readonly JWK[]> {
    this.asked += 1
    if (this.delay > 0) await new Promise((resolve) => setTimeout(resolve, this.delay))
    if (this.mode === "hangs") await new Promise(() => {})
    if (this.mode === "fails") throw new Error("out of reach, by a test")
    return this.keys
  }
}

let ring = new Ring()
let work: Promise<unknown>[] = []
const at = (now: number) =>
  ownKeys({
    fetchKeys: async () => ring.publicKeys(),
    now,
    background: (promise) => work.push(promise),
  })
const has = async (kid: string, now = START): Promise<boolean> => (await at(now).find(kid)) !== null

/** How long it takes at most, in milliseconds. */
async function within(limit: number, something: () => Promise<void>): Promise<void> {
  const start = Date.now()
  await something()
  expect(Date.now() - start).toBeLessThan(limit)
}

beforeEach(async () => {
  forgetOwnKeys()
  ring = new Ring()
  ring.keys = [await publicKey("a")]
  work = []
})

describe("our own keys", () => {
  test("are asked for once by many calls that find none", async () => {
    ring.delay = 200
    const found = await Promise.all(Array.from({ length: 50 }, async () => has("a")))
    expect(new Set(found)).toEqual(new Set([true]))
    expect(ring.asked).toBe(1)
  })

  test("are renewed beside the calls, by one of them", async () => {
    await has("a")
    ring.delay = 1_000
    ring.keys = [await publicKey("b")]
    await within(500, async () => {
      for (let index = 0; index < 50; index++) expect(await has("a", START + 5 * MINUTE + index)).toBe(true)
    })
    expect(ring.asked).toBe(2)
    await Promise.all(work)
    expect(await has("b", START + 5 * MINUTE + 100)).toBe(true)
    expect(ring.asked).toBe(2)
  })

  test.each(["fails", "hangs"] as const)(
    "hold for an hour where the ring %s, and no call waits for it",
    async (mode) => {
      await has("a")
      ring.mode = mode
      await within(3_000, async () => {
        for (let second = 300; second < 3_600; second += 5) expect(await has("a", START + second * SECOND)).toBe(true)
      })
      // Not by each call: an attempt that hangs is given up in time, one that fails is followed by a pause.
      expect(ring.asked).toBeGreaterThan(2)
      expect(ring.asked).toBeLessThan(mode === "fails" ? 150 : 350)
    },
  )

  test(
    "are no more after an hour, and a ring that hangs is not waited for without end",
    { timeout: 20_000 },
    async () => {
      await has("a")
      ring.mode = "hangs"
      const began = Date.now()
      await within(6_500, async () => expect(has("a", START + HOUR)).rejects.toBeInstanceOf(KeysUnavailable))
      const asked = ring.asked
      // The pause begins when the attempt has ended, not when it began; a busy machine ends it late.
      const ended = START + HOUR + Date.now() - began
      await within(500, async () => expect(has("a", ended + 100)).rejects.toBeInstanceOf(KeysUnavailable))
      expect(ring.asked).toBe(asked)
      ring.mode = "answers"
      expect(await has("a", ended + 2 * SECOND)).toBe(true)
    },
  )

  test("are asked for an unknown key once in a cooldown", async () => {
    await has("a")
    for (let forged = 0; forged < 40; forged++) expect(await has(`forged-${forged}`, START + 11 * SECOND)).toBe(false)
    expect(ring.asked).toBe(2)
    ring.keys = [...ring.keys, await publicKey("b")]
    expect(await has("b", START + 22 * SECOND)).toBe(true)
    expect(ring.asked).toBe(3)
  })

  test("are asked for an unknown key by one of many, for whom all wait", async () => {
    await has("a")
    ring.keys = [await publicKey("b")]
    ring.delay = 200
    const found = await Promise.all(Array.from({ length: 20 }, async () => has("b", START + 11 * SECOND)))
    expect(new Set(found)).toEqual(new Set([true]))
    expect(ring.asked).toBe(2)
  })

  test("that a lease brings need no request, and are due again before a call would have them requested", async () => {
    expect(areOwnKeysDue(START)).toBe(true)
    await keepOwnKeys([await publicKey("leased")], START)
    expect(await has("leased", START + MINUTE)).toBe(true)
    expect([areOwnKeysDue(START + 2 * MINUTE), areOwnKeysDue(START + 3 * MINUTE)]).toEqual([false, true])
    // A clock that was set back.
    expect(areOwnKeysDue(START - HOUR)).toBe(true)
    expect(ring.asked).toBe(0)
  })

  test("do not become older by what comes late", async () => {
    await keepOwnKeys([await publicKey("newer")], START + SECOND)
    await keepOwnKeys([await publicKey("older")], START)
    expect(await has("newer", START + SECOND)).toBe(true)
  })

  test("as published are never older than five minutes while the ring answers", async () => {
    await at(START).published()
    ring.keys = [await publicKey("b")]
    const [published] = await at(START + 30 * MINUTE).published()
    expect(published?.kid).toBe("b")
  })

  test("as published are asked for at most once in two seconds, however many read them", async () => {
    for (let second = 0; second < 30; second++) {
      await at(START + second * SECOND).published()
      await Promise.all(work)
    }
    expect(ring.asked).toBe(15)
  })
})
