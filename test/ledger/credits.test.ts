/** What a ledger says of credit that it was lent: never less than it may have used. */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import type { Take, TakeAnswer } from "../../src/core/guardrails/lending/lending.ts"
import { ownerOf } from "../../src/core/guardrails/limit-meter.ts"
import { Memory } from "../../src/core/guardrails/memory.ts"
import { CreditRequest } from "../../src/ledger/credit-request.ts"
import { Credits } from "../../src/ledger/credits.ts"
import { CREDITS_SCHEMA, Settlements } from "../../src/ledger/settlements.ts"
import { SharedLimit } from "../../src/ledger/shared-limit.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { window } from "../harness/guardrails.ts"

freshIsolateForEach()

const asking = (): CreditRequest => new CreditRequest(1, Number.MAX_SAFE_INTEGER)

/** A window that trees share. */
const sharedLimit = (limit: number): Limit =>
  window({ id: "shared", tools: ["*"], per: "tree", limit, seconds: 60 }, { per: [] })

/** What one call needs of it. */
const needOf = (limit: Limit) => ({
  owner: ownerOf(limit),
  key: "",
  place: "",
  limit,
  amount: 1,
  values: null,
  over: null,
  hasRoom: false,
  look: false,
  fleet: null,
})

async function inLedger(use: (ctx: DurableObjectState) => Promise<void>): Promise<void> {
  const stub = env.LEDGER.getByName(crypto.randomUUID())
  await runInDurableObject(stub, async (_ledger, ctx) => {
    ctx.storage.sql.exec(CREDITS_SCHEMA)
    await use(ctx)
  })
}

describe("what was used of a block", () => {
  test("is kept, also after a wake, until its object has heard it", async () => {
    await inLedger(async (ctx) => {
      const settle = vi.spyOn(SharedLimit.prototype, "settle").mockRejectedValue(new Error("out of reach, by a test"))
      const settlements = new Settlements(ctx, env)
      const count = { guardrail: "shared", key: "a" }
      settlements.write("one", count, 5)
      settlements.add("one", count, 3)
      settlements.sendSoon()
      await vi.waitFor(() => expect(settle).toHaveBeenCalled())
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(settlements.usedOf("one")).toBe(3)
      const woken = new Settlements(ctx, env)
      woken.load()
      expect(woken.usedOf("one")).toBe(5)
      settle.mockResolvedValue()
      woken.sendSoon()
      await vi.waitFor(() => expect(woken.usedOf("one")).toBeUndefined())
      expect(ctx.storage.sql.exec("SELECT * FROM credits").toArray()).toEqual([])
    })
  })

  test("is said to its own object, and to no other of the same guardrail or key", async () => {
    await inLedger(async (ctx) => {
      const said: string[] = []
      vi.spyOn(SharedLimit.prototype, "settle").mockImplementation(async (_version, _holder, settled) => {
        said.push(settled.map(({ id }) => id).join())
      })
      const settlements = new Settlements(ctx, env)
      for (const guardrail of ["a", "b"])
        for (const key of ["a", "b"]) settlements.add(`${guardrail}${key}`, { guardrail, key }, 1)
      settlements.sendSoon()
      await vi.waitFor(() => expect(said.toSorted()).toEqual(["aa", "ab", "ba", "bb"]))
    })
  })
})

test("a take that is under way is not disowned: it may still be used", async () => {
  await inLedger(async (ctx) => {
    const asked: Take[] = []
    let isAnswered = false
    vi.spyOn(SharedLimit.prototype, "take").mockImplementation(async (_version, take): Promise<TakeAnswer> => {
      asked.push(take)
      while (!isAnswered) await new Promise((resolve) => setTimeout(resolve, 5))
      return { granted: 1, used: 0, since: Date.now(), lasts: 0 }
    })
    const memory = new Memory()
    const credits = new Credits(ctx, env, () => memory)
    const need = needOf(sharedLimit(10))
    const deciding = credits.with(memory, [need], asking(), () => memory.credits.find(need.owner, "")?.left)
    await vi.waitFor(() => expect(asked).toHaveLength(1))
    const id = asked[0]?.id ?? ""
    expect(credits.usedOf([id, "unheard-of"])).toEqual({ [id]: null })
    isAnswered = true
    expect(await deciding).toBe(1)
    // Nothing of it was used in the end: its object is told so, when it asks and else.
    expect(credits.usedOf([id])).toEqual({ [id]: 0 })
  })
})

test("of a block nothing is said as long as some of it may be used", async () => {
  await inLedger(async (ctx) => {
    const asked: Take[] = []
    vi.spyOn(SharedLimit.prototype, "take").mockImplementation(async (_version, take): Promise<TakeAnswer> => {
      asked.push(take)
      return { granted: take.amount + 1, used: 0, since: Date.now(), lasts: 2_000 }
    })
    const memory = new Memory()
    const credits = new Credits(ctx, env, () => memory)
    const need = needOf(sharedLimit(1000))
    expect(await credits.with(memory, [need], asking(), () => memory.credits.find(need.owner, "")?.left)).toBe(2)
    const id = asked[0]?.id ?? ""
    expect(credits.usedOf([id])).toEqual({ [id]: null })
    // What is given back is none to be used any more.
    vi.spyOn(SharedLimit.prototype, "settle").mockRejectedValue(new Error("out of reach, by a test"))
    credits.returnAllCredit(memory)
    expect(credits.usedOf([id])).toEqual({ [id]: 0 })
    expect(memory.credits.find(need.owner, "")?.left ?? 0).toBe(0)
    await new Promise((resolve) => setTimeout(resolve, 20))
  })
})

test.each([
  ["as soon as it came", 0, 1],
  ["half a second later", 500, 1],
  ["later", 501, undefined],
  ["by a clock that has stepped back meanwhile", -1, undefined],
])("what was granted to one call is used %s (%i ms): %j", async (_, after, left) => {
  await inLedger(async (ctx) => {
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: start })
    vi.spyOn(SharedLimit.prototype, "settle").mockResolvedValue()
    vi.spyOn(SharedLimit.prototype, "take").mockImplementation(async (): Promise<TakeAnswer> => {
      vi.setSystemTime(start + after)
      return { granted: 1, used: 0, since: start, lasts: 0 }
    })
    const need = needOf(sharedLimit(10))
    const memory = new Memory()
    const decide = (): number | undefined => memory.credits.find(need.owner, "")?.left
    expect(await new Credits(ctx, env, () => memory).with(memory, [need], asking(), decide)).toBe(left)
    await new Promise((resolve) => setTimeout(resolve, 20))
  })
})

test("an object whose answers come late is asked for what may be used later, and no grant is thrown away any more", async () => {
  await inLedger(async (ctx) => {
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: start })
    const settled: Take["settled"][number][] = []
    vi.spyOn(SharedLimit.prototype, "settle").mockImplementation(async (_version, _holder, each) => {
      settled.push(...each)
    })
    const asked: Take[] = []
    vi.spyOn(SharedLimit.prototype, "take").mockImplementation(async (_version, take): Promise<TakeAnswer> => {
      asked.push(take)
      vi.setSystemTime(start + asked.length * 900)
      return { granted: 1, used: 0, since: start, lasts: 0 }
    })
    const need = needOf(sharedLimit(10))
    const memory = new Memory()
    const credits = new Credits(ctx, env, () => memory)
    const use = (): boolean => {
      const credit = memory.credits.find(need.owner, "")
      if (!credit || credit.left < 1) return false
      memory.credits.set(need.owner, "", { ...credit, left: credit.left - 1 })
      return true
    }
    const used: boolean[] = []
    for (let call = 0; call < 3; call++) used.push(await credits.with(memory, [need], asking(), use))
    expect(used).toEqual([false, true, true])
    expect(asked.map(({ open }) => open)).toEqual([false, true, true])
    // The first is given back by the second, which is settled by the third.
    const said = [...asked.flatMap((take) => take.settled), ...settled]
    expect(said).toContainEqual({ id: asked[0]?.id, used: 0 })
    expect(said).toContainEqual({ id: asked[1]?.id, used: 1 })
  })
})
