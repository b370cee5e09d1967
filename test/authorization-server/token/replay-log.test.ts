import { env } from "cloudflare:workers"
import { runInDurableObject } from "cloudflare:test"
import { describe, expect, test, vi } from "vitest"
import { OnceLog, markUsed, type SingleUse } from "../../../src/authorization-server/token/replay-log.ts"
import { sha256Hex } from "../../../src/core/encoding/hash.ts"
import { killObjects } from "../../harness/isolate.ts"

const once = (more: Partial<SingleUse> = {}): SingleUse => ({
  what: "assertion",
  issuer: "agent",
  jti: crypto.randomUUID(),
  until: Date.now() + 60_000,
  ...more,
})
const logOf = ({ what, issuer, jti }: SingleUse) =>
  env.ONCE_LOG.getByName(sha256Hex(JSON.stringify([what, issuer, jti])).slice(0, 2))

/** As many values of the log of this one as it takes to examine all of its rows. */
const useMore = async (of: SingleUse): Promise<void> => {
  const shard = sha256Hex(JSON.stringify([of.what, of.issuer, of.jti])).slice(0, 2)
  for (let value = 0; value < 16; value++) await logOf(of).take(`${shard}-${value}`, Date.now() + 60_000)
}

describe("what may be used once", () => {
  test("is used once by a hundred at the same time", async () => {
    const one = once()
    const answers = await Promise.all(Array.from({ length: 100 }, async () => markUsed(env, [one])))
    expect(answers.filter((answer) => answer === null)).toHaveLength(1)
    expect(answers.filter((answer) => answer === one)).toHaveLength(99)
  })

  test("is still used after a crash", async () => {
    const one = once()
    expect(await markUsed(env, [one])).toBeNull()
    await killObjects()
    expect(await markUsed(env, [one])).toEqual(one)
  })

  test("is told apart by what it is, whose, and which", async () => {
    const one = once({ jti: "same" })
    for (const other of [
      one,
      { ...one, what: "subject" as const },
      { ...one, issuer: "x" },
      { ...one, jti: "other" },
    ]) {
      expect(await markUsed(env, [other])).toBeNull()
    }
    // Not by what two names look like when joined.
    expect(await markUsed(env, [once({ issuer: "a|b", jti: "c" })])).toBeNull()
    expect(await markUsed(env, [once({ issuer: "a", jti: "b|c" })])).toBeNull()
  })

  test("without a jti counts as used", async () => {
    expect(await markUsed(env, [once({ jti: "" })])).toMatchObject({ jti: "" })
  })

  test("is forgotten when it would be refused as expired anyway, and not before", async () => {
    const [short, long] = [once(), once({ until: Date.now() + 600_000 })]
    for (const one of [short, long]) expect(await markUsed(env, [one])).toBeNull()
    vi.useFakeTimers({ toFake: ["Date"] })
    vi.setSystemTime(Date.now() + 200_000)
    for (const one of [short, long]) await useMore(one)
    const kept = async (one: SingleUse): Promise<number> =>
      runInDurableObject(logOf(one), (_log, { storage }) => {
        const key = sha256Hex(JSON.stringify([one.what, one.issuer, one.jti]))
        return storage.sql.exec("SELECT 1 FROM used WHERE key = ?", key).toArray().length
      })
    expect(await kept(short)).toBe(0)
    expect(await kept(long)).toBe(1)
    expect(await markUsed(env, [long])).toEqual(long)
    // Forgotten, and yet not usable: it has expired by the clock that forgot it, whatever the asker's says.
    expect(await markUsed(env, [short])).toEqual(short)
    vi.useRealTimers()
  })

  test("is still used where the log goes on by a clock that is behind the one by which it last forgot", async () => {
    const one = once()
    const start = Date.now()
    expect(await markUsed(env, [one])).toBeNull()
    vi.useFakeTimers({ toFake: ["Date"], now: one.until + 100_000 })
    await useMore(one)
    await killObjects()
    vi.setSystemTime(start + 30_000)
    expect(await markUsed(env, [one])).toEqual(one)
    vi.useRealTimers()
  })

  test("costs two rows, one of which is deleted by later ones, and no more of them than are live stay for long", async () => {
    const log = logOf(once())
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"] })
    for (let value = 0; value < 300; value++) {
      vi.setSystemTime(start + value * 10_000)
      await log.take(sha256Hex(String(value)), Date.now() + 60_000)
    }
    vi.useRealTimers()
    await runInDurableObject(log, async (_log, { storage }) => {
      // Eighteen of them have not expired by a clock that is two minutes behind.
      expect(storage.sql.exec("SELECT 1 FROM used").toArray().length).toBeLessThan(18 * 2)
      expect(await storage.getAlarm()).toBeNull()
    })
  })

  test("out of reach is an outage, not a first use", async () => {
    const broken = vi.spyOn(OnceLog.prototype, "take").mockImplementation(() => {
      throw new Error("out of reach, by a test")
    })
    await expect(markUsed(env, [once()])).rejects.toThrow("out of reach")
    broken.mockRestore()
  })
})
