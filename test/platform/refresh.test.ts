/**
 * One refresh of a cached value, under any sequence of calls, of answers of its source, and of time: a model of what
 * may be in flight, with a clock of its own.
 */
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { Refresh, Refreshes, type RefreshPolicy, type RefreshRequest } from "../../src/platform/refresh.ts"

const POLICY: RefreshPolicy = {
  refreshAfter: 30,
  waitAfter: 60,
  unusableAfter: 600,
  staleWait: 10,
  coldWait: 20,
  timeout: 50,
  pause: 40,
  longestPause: 160,
}
/** After its time limit, until an attempt whose request was cut off counts as lost. */
const LOST_AFTER = POLICY.timeout + 1_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] })
})
afterEach(() => {
  vi.useRealTimers()
})

type Answer = { readonly kind: "value" | "failure"; readonly after: number } | { readonly kind: "never" }

/** A source, an isolate that caches its value, and what has happened. */
class World {
  readonly refresh = new Refresh<number>()
  next: Answer = { kind: "value", after: 0 }
  readonly attempts: { readonly at: number; ended: number | null; ok: boolean }[] = []
  readonly failures: unknown[] = []
  checkedAt = Number.NEGATIVE_INFINITY

  age = (): number => Date.now() - this.checkedAt

  request(): RefreshRequest<number> {
    const now = Date.now()
    return {
      now,
      background: () => undefined,
      attempt: async () => {
        const { next } = this
        const attempt = { at: now, ended: null as number | null, ok: false }
        this.attempts.push(attempt)
        if (next.kind === "never") return new Promise<never>(() => undefined)
        await new Promise((resolve) => setTimeout(resolve, next.after))
        attempt.ended = Date.now()
        if (next.kind === "failure") throw new Error("the source is down")
        attempt.ok = true
        this.checkedAt = now
        return now
      },
      onFailure: (error) => this.failures.push(error),
    }
  }

  /** A call: how long it has waited. */
  async call(): Promise<number> {
    const begun = Date.now()
    const age = this.age()
    await this.refresh.keep(age, POLICY, this.request())
    return Date.now() - begun
  }
}

const until = async (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds)

/** Runs it to its end, however long it waits. */
async function ended<Value>(work: Promise<Value>): Promise<Value> {
  await until(10_000)
  return work
}

const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({ kind: fc.constantFrom("value", "failure"), after: fc.constantFrom(0, 1, 5, 15, 45, 70) }),
  fc.constant({ kind: "never" } as const),
)
const step = fc.oneof(
  fc.record({ kind: fc.constant("call"), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant("time"), milliseconds: fc.constantFrom(1, 4, 12, 31, 61, 200, 700) }),
  fc.record({ kind: fc.constant("answer"), answer }),
)

describe("a refresh", () => {
  test("under any load and any source: one attempt at a time, pauses after failures, and no call waits longer than it may", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const world = new World()
        const calls: Promise<void>[] = []
        for (const each of steps) {
          if (each.kind === "time") await until(each.milliseconds)
          if (each.kind === "answer") world.next = each.answer
          if (each.kind !== "call") continue
          for (let count = 0; count < each.count; count++) {
            const age = world.age()
            const most = age < POLICY.waitAfter ? 0 : age < POLICY.unusableAfter ? POLICY.staleWait : POLICY.coldWait
            const before = world.attempts.length
            const call = world.call().then((waited) => expect(waited).toBeLessThanOrEqual(most))
            if (age < POLICY.refreshAfter) expect(world.attempts).toHaveLength(before)
            calls.push(call)
          }
        }
        await until(10_000)
        await Promise.all(calls)

        let failures = 0
        for (const [index, { at }] of world.attempts.entries()) {
          const before = world.attempts[index - 1]
          if (!before) continue
          // It ends by its time limit, even if its source does not.
          const end = Math.min(before.ended ?? Infinity, before.at + POLICY.timeout)
          const isFailed = !before.ok || before.at + POLICY.timeout < (before.ended ?? 0)
          expect(at).toBeGreaterThanOrEqual(end)
          failures = isFailed ? failures + 1 : 0
          if (isFailed) {
            const pause = Math.min(POLICY.longestPause, POLICY.pause * 2 ** (failures - 1))
            expect(at - end).toBeGreaterThanOrEqual(pause)
          }
        }

        // The source is back: once all pauses are over, one call is enough.
        world.next = { kind: "value", after: 1 }
        await until(POLICY.unusableAfter)
        const last = world.call()
        await until(1)
        await last
        expect(world.age()).toBe(1)
      }),
      { seed: 20261128, numRuns: 300 },
    )
  })

  test("of a fresh value is none; of an older one it is beside the call; of one too old the call waits", async () => {
    const world = new World()
    world.next = { kind: "value", after: 5 }
    const waits: number[] = []
    const waitAt = async (age: number): Promise<void> => {
      world.checkedAt = Date.now() - age
      waits.push(await ended(world.call()))
    }
    for (const age of [29, 30, 59, 60, 599, 600, Infinity]) await waitAt(age)
    expect(waits).toEqual([0, 0, 0, 5, 5, 5, 5])
    expect(world.attempts).toHaveLength(6)
  })

  test("is one of many calls that find no value; the others go on when it ends, each with the value", async () => {
    const world = new World()
    world.next = { kind: "value", after: 15 }
    const first = world.call()
    await until(3)
    const others = [1, 2, 3].map(async () => world.refresh.wait(POLICY, world.request(), POLICY.coldWait))
    await until(11)
    expect(world.checkedAt).toBe(Number.NEGATIVE_INFINITY)
    await until(1)
    expect(await first).toBe(15)
    // They look again after half of what they have waited.
    await until(6)
    expect(await Promise.all(others)).toEqual([world.checkedAt, world.checkedAt, world.checkedAt])
    expect(world.attempts).toHaveLength(1)
  })

  test("that is slow is waited for once for a while, and counts as failed until it succeeds", async () => {
    const world = new World()
    world.next = { kind: "value", after: 45 }
    const slow = world.call()
    await until(POLICY.coldWait)
    expect(await slow).toBe(POLICY.coldWait)
    expect(await world.call()).toBe(0)
    await until(25)
    expect(world.age()).toBe(45)
    expect(world.failures).toEqual([])
    await until(POLICY.waitAfter)
    expect(await ended(world.call())).toBe(POLICY.staleWait)
    expect(world.attempts).toHaveLength(2)
  })

  test("that fails where the value may still be used: afterwards the one call that tries again waits", async () => {
    const world = new World()
    world.checkedAt = Date.now() - POLICY.waitAfter
    world.next = { kind: "failure", after: 5 }
    const both = [world.call(), world.call()]
    expect(await ended(Promise.all(both))).toEqual([5, expect.closeTo(6, -1)])
    world.checkedAt = Date.now() - POLICY.waitAfter
    const again = [world.call(), world.call(), world.call()]
    expect(await ended(Promise.all(again))).toEqual([5, 0, 0])
    expect(world.failures).toHaveLength(2)
  })

  test("that fails again and again pauses twice as long each time, up to a bound", async () => {
    const world = new World()
    world.next = { kind: "failure", after: 0 }
    for (let time = 0; time < 1_000; time++) {
      void world.call()
      await until(1)
    }
    const pauses = world.attempts.slice(1).map(({ at }, index) => at - (world.attempts[index]?.at ?? 0))
    expect(pauses).toEqual([40, 80, 160, 160, 160, 160, 160])
  })

  test("that has no end has failed at its time limit", async () => {
    const world = new World()
    world.next = { kind: "never" }
    world.refresh.beside(POLICY, world.request())
    await until(POLICY.timeout)
    expect(world.failures).toHaveLength(1)
    await until(POLICY.pause)
    await ended(world.call())
    expect(world.attempts).toHaveLength(2)
  })

  test("whose request was cut off is given up, and not before", async () => {
    const world = new World()
    world.next = { kind: "never" }
    world.refresh.beside(POLICY, world.request())
    // Nothing of a request that was cut off goes on, not even its time limit.
    vi.clearAllTimers()
    world.next = { kind: "value", after: 0 }
    await until(LOST_AFTER - 1)
    const before = world.call()
    await until(0)
    expect(world.attempts).toHaveLength(1)
    await until(1)
    const after = world.call()
    await until(0)
    expect(world.attempts).toHaveLength(2)
    expect(await ended(before)).toBe(0)
    await after
  })

  test("goes on at once when the clock has been set back by a day, and pauses no longer than it says", async () => {
    const world = new World()
    world.next = { kind: "failure", after: 0 }
    await ended(world.call())
    vi.setSystemTime(Date.now() - 86_400_000)
    await ended(world.call())
    expect(world.attempts).toHaveLength(2)
  })

  test("because of what the value lacks: once in a cooldown, and all wait for it", async () => {
    const world = new World()
    world.next = { kind: "value", after: 5 }
    const miss = async (): Promise<number> => {
      const begun = Date.now()
      await world.refresh.onMiss(POLICY, world.request(), 500)
      return Date.now() - begun
    }
    const many = [miss(), miss(), miss()]
    await until(9)
    for (const waited of await Promise.all(many)) expect(waited).toBeGreaterThanOrEqual(5)
    await until(490)
    expect(await miss()).toBe(0)
    await until(1)
    const late = miss()
    await until(5)
    expect(await late).toBe(5)
    expect(world.attempts).toHaveLength(2)
  })

  test("of one key is not that of another, and is remembered", () => {
    const refreshes = new Refreshes()
    const first = refreshes.of("a")
    expect(refreshes.of("b")).not.toBe(first)
    expect(refreshes.of("a")).toBe(first)
    for (let index = 0; index < 1_000; index++) refreshes.of(String(index))
    expect(refreshes.of("a")).not.toBe(first)
  })
})
