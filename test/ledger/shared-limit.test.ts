import { env } from "cloudflare:workers"
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import {
  LENDING_VERSION,
  type CreditHolder,
  type LentLimit,
  type LentSpan,
  type Settled,
  type Take,
  type TakeAnswer,
} from "../../src/core/guardrails/lending/lending.ts"
import { Ledger } from "../../src/ledger/ledger.ts"
import { sharedLimitOf, type SharedLimit } from "../../src/ledger/shared-limit.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { killObjects } from "../harness/isolate.ts"
import { busiest, type Use } from "../harness/lending.ts"

freshIsolateForEach()

/** One object; each request by a stub of its own, as one that has seen a crash is broken. */
/** The id of a ledger that nobody has touched. */
const ledger = (name: string): string => env.LEDGER.idFromName(name).toString()

class Shared {
  readonly #key = crypto.randomUUID()

  get stub(): DurableObjectStub<SharedLimit> {
    return sharedLimitOf(env, "guardrail", this.#key)
  }

  async take(take: Take): Promise<TakeAnswer> {
    return this.stub.take(LENDING_VERSION, take)
  }

  async settle(holder: string, settled: Settled[]): Promise<void> {
    return this.stub.settle(LENDING_VERSION, holder, settled)
  }

  async used(limit: LentLimit): Promise<number> {
    return (await this.take(askedFor(limit, 0))).used
  }

  /** Its clock, as it reads it. */
  async clock(limit: LentLimit): Promise<number> {
    const answer = await this.take(askedFor(limit, 0))
    return answer.granted === null ? Number.NaN : answer.since
  }

  async inside<Result>(use: (shared: SharedLimit, storage: DurableObjectStorage) => Promise<Result>): Promise<Result> {
    return runInDurableObject(this.stub, async (shared: SharedLimit, { storage }) => use(shared, storage))
  }

  async rows(): Promise<Record<string, number>> {
    return this.inside(async (_, { sql }) => {
      const tables = sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").toArray()
      const own = tables.map(({ name }) => name).filter((name) => !name.startsWith("_"))
      return Object.fromEntries(own.map((name) => [name, sql.exec(`SELECT 1 FROM ${name}`).toArray().length]))
    })
  }

  async alarmAt(): Promise<number> {
    return (await this.inside(async (_, storage) => storage.getAlarm())) ?? Number.NaN
  }

  async alarm(): Promise<void> {
    await runDurableObjectAlarm(this.stub)
  }

  /** Between two requests; none that does not run. */
  async evict(): Promise<void> {
    await this.inside(async () => null)
    await evictDurableObject(this.stub)
  }
}

const LONG: LentSpan = { kind: "sliding", seconds: 3600 }

function limitOf(limit: number, more: Partial<LentLimit> = {}): LentLimit {
  return { measure: { kind: "calls" }, limit, span: LONG, seq: 1, ...more }
}

const askedFor = (limit: LentLimit, amount: number, want = amount, more: Partial<Take> = {}): Take => {
  return { id: crypto.randomUUID(), holder: ledger("a"), limit, amount, want, settled: [], ...more }
}

let clock = 0
function later(milliseconds: number): void {
  clock += milliseconds
  vi.useFakeTimers({ toFake: ["Date"] })
  vi.setSystemTime(clock)
}
beforeEach(() => {
  clock = Date.now()
})

describe("a limit that several trees share", () => {
  test.each([50, 1000])("256 takes at once admit exactly what it allows (%i)", async (most) => {
    const object = new Shared()
    const amount = most / 50
    const takes = Array.from({ length: 256 }, (_, index) => {
      return askedFor(limitOf(most), amount, amount, { holder: ledger(`${index}`) })
    })
    const answers = await Promise.all(takes.map(async (take) => object.take(take)))
    expect(answers.filter(({ granted }) => granted === amount)).toHaveLength(50)
    expect(answers.filter(({ granted }) => granted === null)).toHaveLength(206)
  })

  test("256 ledgers that take credit at once hold no more than the limit, and give it back", async () => {
    const object = new Shared()
    const limit = limitOf(1000)
    const takes = Array.from({ length: 256 }, (_, index) => askedFor(limit, 3, 20, { holder: ledger(`${index}`) }))
    const answers = await Promise.all(takes.map(async (take) => object.take(take)))
    const granted = answers.map((answer) => answer.granted ?? 0)
    expect(granted.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(1000)
    expect(Math.max(...granted)).toBe(13)
    const settle = takes.map(async ({ id, holder }) => object.settle(holder, [{ id, used: 0 }]))
    await Promise.all(settle)
    expect(await object.take(askedFor(limit, 1000))).toMatchObject({ granted: 1000, used: 0 })
  })

  test("evictions and crashes between any two requests: no span holds more than the limit", async () => {
    const step = fc.record({
      does: fc.constantFrom("take", "take", "take", "settle", "evict", "crash"),
      after: fc.constantFrom(0, 1, 400, 1000, 300),
      amount: fc.integer({ min: 1, max: 40 }),
    })
    const property = fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 20, size: "max" }), async (steps) => {
      const object = new Shared()
      const limit = limitOf(150, { span: { kind: "sliding", seconds: 1 } })
      const uses: Use[] = []
      const open = new Map<string, { readonly granted: number; readonly holder: string }>()
      for (const { does, after, amount } of steps) {
        later(after)
        if (does === "evict") await object.evict()
        if (does === "crash") await killObjects()
        const [first] = open
        if (does === "settle" && first) {
          const [id, { granted, holder }] = first
          open.delete(id)
          await object.settle(holder, [{ id, used: granted }])
          const since = await object.clock(limit)
          uses.push({ at: since, count: granted })
        }
        if (does !== "take") continue
        const take = askedFor(limit, amount, amount + 1)
        const answer = await object.take(take)
        if (answer.granted === null) continue
        if (answer.granted === amount) uses.push({ at: answer.since, count: amount })
        else open.set(take.id, { granted: answer.granted, holder: take.holder })
        expect(await object.take(take)).toMatchObject({ granted: answer.granted, since: answer.since })
      }
      const since = await object.clock(limit)
      for (const { granted } of open.values()) uses.push({ at: since, count: granted })
      expect(busiest(uses, 1000)).toBeLessThanOrEqual(150)
    })
    await fc.assert(property, { seed: 20261125, numRuns: 25 })
  })

  test.each<[string, LentLimit]>([
    ["sliding", limitOf(200)],
    ["fixed", limitOf(200, { span: { kind: "fixed", seconds: 86_400 * 31 } })],
    ["bucket", limitOf(1, { span: { kind: "bucket", seconds: 86_400, burst: 200 } })],
  ])("%s: what was granted is there after a crash, and so are open credit and what was settled", async (_, limit) => {
    const object = new Shared()
    const [closed, other] = [askedFor(limit, 40), askedFor(limit, 30, 31)]
    for (const take of [closed, other]) await object.take(take)
    const settled = [{ id: closed.id, used: 15 }]
    await object.settle(ledger("a"), settled)
    const used = limit.span.kind === "bucket" ? 45 : 15 + 31
    const credit = limit.span.kind === "bucket" ? 0 : 1
    for (const fail of [async () => object.evict()]) {
      await fail()
      // What is settled is said for good, and no more to be used.
      await object.settle(ledger("a"), [{ id: closed.id, used: 0 }])
      expect(await object.take(closed)).toMatchObject({ granted: null, waits: 0 })
      expect(await object.take(askedFor(limit, 201 - used))).toMatchObject({ granted: null, used })
      expect(await object.take(other)).toMatchObject({
        granted: 30 + credit,
        used: used - 30 - credit,
      })
    }
    expect(await object.take(askedFor(limit, 200 - used))).toMatchObject({ granted: 200 - used })
  })

  test("distinct values are counted once each, also after a crash", async () => {
    const object = new Shared()
    const limit = limitOf(3, { measure: { kind: "distinct", field: "arguments.account" } })
    const values = (...values: string[]): Take => askedFor(limit, 0, 0, { values })
    expect(await object.take(values("a", "b", "a"))).toMatchObject({ granted: 2, used: 0 })
    const third = values("b", "c")
    expect(await object.take(third)).toMatchObject({ granted: 2, used: 2 })
    await killObjects()
    expect(await object.take(values("d"))).toMatchObject({ granted: null, used: 3 })
    expect(await object.take(values("c", "a"))).toMatchObject({ granted: 2, used: 3 })
    // `c` has been used by another since: what is undone is not that.
    await object.settle(ledger("a"), [{ id: third.id, used: 0 }])
    await killObjects()
    expect(await object.take(values("d"))).toMatchObject({ granted: null, used: 3 })
  })

  test("a limit of its own for each guardrail and value", async () => {
    const limit = limitOf(1)
    for (const [guardrail, key] of [
      ["a", "b"],
      ["a", "c"],
      ["b", "b"],
      ["a,b", ""],
      ["", "a,b"],
    ] as const) {
      const object = sharedLimitOf(env, guardrail, key)
      for (const granted of [1, null]) {
        expect(await object.take(LENDING_VERSION, askedFor(limit, 1))).toMatchObject({ granted })
      }
    }
  })

  test("what makes no sense, and another version, is refused and changes nothing", async () => {
    const object = new Shared()
    await object.inside(async (shared) => {
      await expect(shared.take(LENDING_VERSION, askedFor(limitOf(9), -1))).rejects.toThrow("asked wrongly")
      await expect(shared.take(LENDING_VERSION + 1, askedFor(limitOf(9), 1))).rejects.toThrow("version")
      await expect(shared.settle(LENDING_VERSION + 1, ledger("a"), [])).rejects.toThrow("version")
    })
    expect(await object.rows()).toEqual({})
  })

  test("where storage fails nothing is granted, and memory is what storage has", async () => {
    const object = new Shared()
    const limit = limitOf(10)
    expect(await object.take(askedFor(limit, 4))).toMatchObject({ granted: 4 })
    await object.inside(async (shared, storage) => {
      vi.spyOn(storage, "transactionSync").mockImplementationOnce(() => {
        throw new Error("disk full, by a test")
      })
      await expect(shared.take(LENDING_VERSION, askedFor(limit, 6))).rejects.toThrow("disk full")
    })
    expect(await object.take(askedFor(limit, 6))).toMatchObject({ granted: 6, used: 4 })
  })

  test.each<[string, LentLimit, number[]]>([
    ["of a span", limitOf(1000), [1, 1, 1, 0]],
    ["of a bucket", limitOf(1000, { span: { kind: "bucket", seconds: 3600, burst: 1000 } }), [1, 1, 1, 0]],
  ])(
    "rows written by a take with credit, without, and by its settlement: %s; by a refusal none",
    async (_, limit, expected) => {
      const object = new Shared()
      const first = askedFor(limit, 1, 11)
      await object.take(first)
      const writes = await object.inside(async (shared, { sql }) => {
        const rows: number[] = []
        const exec = sql.exec.bind(sql)
        let cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = []
        vi.spyOn(sql, "exec").mockImplementation((...args: Parameters<typeof exec>) => {
          const cursor = exec(...args)
          cursors.push(cursor)
          return cursor
        })
        const count = (): void => {
          rows.push(cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0))
          cursors = []
        }
        await shared.take(LENDING_VERSION, askedFor(limit, 1, 11))
        count()
        await shared.take(LENDING_VERSION, askedFor(limit, 1))
        count()
        await shared.settle(LENDING_VERSION, ledger("a"), [{ id: first.id, used: 3 }])
        count()
        await shared.take(LENDING_VERSION, askedFor(limit, 999))
        count()
        return rows
      })
      expect(writes).toEqual(expected)
    },
  )
})

const OWN = Object.getOwnPropertyDescriptor(Ledger.prototype, "creditUsed")
afterEach(() => {
  if (OWN) Object.defineProperty(Ledger.prototype, "creditUsed", OWN)
  else Reflect.deleteProperty(Ledger.prototype, "creditUsed")
})

/** What ledgers say of their credit, in place of their own method. */
function ledgersSay(say: CreditHolder["creditUsed"]): ReturnType<typeof vi.fn> {
  const said = vi.fn(say)
  Object.defineProperty(Ledger.prototype, "creditUsed", { value: said, configurable: true, writable: true })
  return said
}

describe("credit that nobody gives back", () => {
  const limit = limitOf(1000)

  async function lend(object: Shared): Promise<Take> {
    const take = askedFor(limit, 1, 11, { holder: ledger(crypto.randomUUID()) })
    expect(await object.take(take)).toMatchObject({ granted: 11 })
    return take
  }

  test("is asked for after ten seconds: what was used stays, what was not comes back, what is in use waits", async () => {
    const object = new Shared()
    const [used, unknown, inUse] = [await lend(object), await lend(object), await lend(object)]
    const said = ledgersSay(async (_version, ids) => {
      if (ids.includes(used.id)) return { [used.id]: 4 }
      return ids.includes(inUse.id) ? { [inUse.id]: null } : {}
    })
    const alarm = await object.alarmAt()
    expect(alarm - clock).toBeGreaterThan(9_000)
    later(9_000)
    await object.alarm()
    expect(said).not.toHaveBeenCalled()
    later(1_500)
    await object.alarm()
    const asked = said.mock.calls.map(([version, ids]) => [version, ids])
    expect(asked).toEqual([used, unknown, inUse].map(({ id }) => [LENDING_VERSION, [id]]))
    expect(await object.used(limit)).toBe(4 + 11)
    // Asked again, by itself and not at once.
    expect(await object.alarmAt()).toBeGreaterThan(clock + 9_000)
    later(11_000)
    await object.alarm()
    expect(said.mock.calls.slice(3).map(([, ids]) => ids)).toEqual([[inUse.id]])
  })

  test("of ledgers out of reach, or that answer nonsense, counts on, and is asked for again", async () => {
    const object = new Shared()
    const take = await lend(object)
    ledgersSay(async () => {
      throw new Error("out of reach, by a test")
    })
    later(10_500)
    await object.alarm()
    expect(await object.used(limit)).toBe(11)
    ledgersSay(async (_version, ids) => Object.fromEntries(ids.map((id) => [id, -1])))
    later(11_000)
    await object.evict()
    await object.alarm()
    expect(await object.used(limit)).toBe(11)
    ledgersSay(async () => ({ [take.id]: 2 }))
    later(60_000)
    await object.alarm()
    expect(await object.used(limit)).toBe(2)
  })

  test("of many ledgers is asked for in turns, all within seconds", async () => {
    const object = new Shared()
    const many = limitOf(100_000)
    const takes = Array.from({ length: 60 }, (_, index) => askedFor(many, 1, 3, { holder: ledger(`${index}`) }))
    // All at one moment, however long they take.
    later(0)
    for (const take of takes) await object.take(take)
    const said = ledgersSay(async () => ({}))
    later(11_000)
    await object.alarm()
    expect(said).toHaveBeenCalledTimes(50)
    expect((await object.alarmAt()) - clock).toBeLessThanOrEqual(1_000)
    later(1_000)
    await object.alarm()
    expect(said).toHaveBeenCalledTimes(60)
    expect(await object.used(many)).toBe(0)
  })

  test("is settled once where the ledger settles it while it is asked", async () => {
    const object = new Shared()
    const take = await lend(object)
    ledgersSay(async () => {
      await object.settle(take.holder, [{ id: take.id, used: 7 }])
      return { [take.id]: 9 }
    })
    later(10_500)
    await object.alarm()
    expect(await object.used(limit)).toBe(7)
  })
})

describe("once nothing in it can matter any more", () => {
  test("the object deletes all it has, and not before", async () => {
    const object = new Shared()
    const limit = limitOf(1000)
    const take = askedFor(limit, 1, 11)
    await object.take(take)
    await object.take(askedFor(limit, 1))
    later(5_000)
    await object.settle(ledger("a"), [{ id: take.id, used: 3 }])
    later(3_594_000)
    await object.evict()
    await object.alarm()
    expect(await object.rows()).toEqual({ state: 1, blocks: 2, slots: 0, seen: 0 })
    later(2_000)
    await object.alarm()
    expect(await object.rows()).toEqual({ state: 1, blocks: 1, slots: 0, seen: 0 })
    later(5_000)
    await object.alarm()
    expect(await object.rows()).toEqual({})
    expect(await object.alarmAt()).toBeNaN()
    expect(await object.take(askedFor(limit, 1000))).toMatchObject({ granted: 1000, used: 0 })
    await object.evict()
    expect(await object.take(askedFor(limit, 1))).toMatchObject({ granted: null, used: 1000 })
  })

  test("what was only asked, and refused, goes too", async () => {
    const object = new Shared()
    expect(await object.take(askedFor(limitOf(3), 4))).toMatchObject({ granted: null, waits: null })
    expect(await object.rows()).toMatchObject({ state: 1, blocks: 0 })
    later(3_601_000)
    await object.alarm()
    expect(await object.rows()).toEqual({})
  })
})
