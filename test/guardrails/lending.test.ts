import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { Lending, type LentLimit, type LentSpan, type Take, type TakeAnswer } from "../../src/guardrails/lending.ts"
import { busiest, busiestPeriod, overflow, SECOND, START, Store, World, type Use } from "../harness/lending.ts"

const SEED = 20261125
const SPAN = 10

function limitOf(limit: number, span: LentSpan, more: Partial<LentLimit> = {}): LentLimit {
  return { measure: { kind: "calls" }, limit, span, seq: 1, ...more }
}

const after = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 0, 1) },
  fc.integer({ min: 0, max: 3 * SECOND }),
  fc.constantFrom(SPAN * SECOND - 1, SPAN * SECOND, SPAN * SECOND + 1, -1, -700, -SPAN * SECOND, -60_000),
)
const moment = fc.constantFrom(0, 0, 0.5, 1, 1)
const which = fc.nat()

/** Shares of a limit, in hundredths. */
const share = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constantFrom(1, 1, 2))

const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant("take" as const),
      holder: fc.constantFrom("a", "b", "c"),
      share,
      more: share,
      isLost: fc.constantFrom(false, false, false, true),
      moment,
      after,
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("again" as const), which, moment, after }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant("use" as const), which, share, moment, after }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant("settle" as const),
      which,
      undo: fc.constantFrom(false, false, true),
      isLost: fc.constantFrom(false, false, false, true),
      after,
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("settled again" as const), which, after }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("wake" as const), after }) },
)
type Event = typeof event extends fc.Arbitrary<infer Each> ? Each : never

const events = fc.array(event, { minLength: 5, maxLength: 80, size: "max" })

function nth<Each>(all: Iterable<Each>, index: number): Each | undefined {
  const list = [...all]
  return list.length === 0 ? undefined : list[index % list.length]
}

function live(world: World, all: readonly Event[]): void {
  const { limit, span } = world.limit
  const most = span.kind === "bucket" ? span.burst : limit
  const part = (hundredths: number): number => Math.max(1, Math.floor((most * hundredths) / 100))
  for (const each of all) {
    world.now += each.after
    if (each.does === "take") {
      const amount = part(each.share)
      world.take(each.holder, amount, amount + (each.share % 2) * part(each.more), each.isLost, each.moment)
    }
    if (each.does === "again") repeat(world, nth(world.takes, each.which), each.moment)
    if (each.does === "use") {
      const id = nth(world.held.keys(), each.which)
      if (id !== undefined) world.use(id, part(each.share), each.moment)
    }
    if (each.does === "settle") {
      const id = nth(world.held.keys(), each.which)
      if (id !== undefined) world.settle(id, each.undo, each.isLost)
    }
    if (each.does === "settled again") {
      const settlement = nth(world.settlements, each.which)
      if (settlement) world.arrive(settlement)
    }
    if (each.does === "wake") world.reload()
  }
  world.end()
}

/** The same answer as long as its ledger has the block. */
function repeat(world: World, take: Take | undefined, moment: number): void {
  if (!take) return
  const held = world.held.get(take.id)
  const answer = world.ask(take, false, moment)
  if (held && held.granted > take.amount) expect(answer).toMatchObject({ granted: held.granted, since: held.since })
}

const limits = fc.constantFrom(1, 3, 20, 99, 100, 250, 1000, 5000)

describe("no over-admission by a shared limit", () => {
  const tried = { granted: 0, denied: 0, open: 0 }

  function seen(world: World): void {
    tried.granted += world.granted
    tried.denied += world.denied
    tried.open += world.takes.filter(({ want, amount }) => want > amount).length
  }

  test("sliding: whenever each use was, no span holds more than the limit", () => {
    const property = fc.property(events, limits, (all, limit) => {
      const world = new World(limitOf(limit, { kind: "sliding", seconds: SPAN }))
      live(world, all)
      seen(world)
      expect(busiest(world.uses, SPAN * SECOND)).toBeLessThanOrEqual(limit)
    })
    fc.assert(property, { seed: SEED, numRuns: 2000 })
  })

  test("fixed: no period holds more than the limit", () => {
    const property = fc.property(events, limits, (all, limit) => {
      const world = new World(limitOf(limit, { kind: "fixed", seconds: SPAN }))
      live(world, all)
      seen(world)
      expect(busiestPeriod(world.uses, SPAN * SECOND)).toBeLessThanOrEqual(limit)
    })
    fc.assert(property, { seed: SEED, numRuns: 2000 })
  })

  test("bucket: between no two moments is more used than its burst and what flowed in", () => {
    const property = fc.property(events, limits, fc.constantFrom(1, 5, 120, 3000), (all, limit, burst) => {
      const world = new World(limitOf(limit, { kind: "bucket", seconds: SPAN, burst }))
      live(world, all)
      seen(world)
      expect(overflow(world.uses, limit, burst, SPAN * SECOND)).toBeLessThanOrEqual(0n)
    })
    fc.assert(property, { seed: SEED, numRuns: 2000 })
  })

  test("and all of this was tried", () => {
    for (const count of Object.values(tried)) expect(count, JSON.stringify(tried)).toBeGreaterThan(20_000)
  })

  test("distinct: no span has more values than the limit", () => {
    const letters = fc.array(fc.constantFrom(..."abcdefgh"), { minLength: 0, maxLength: 4 })
    const does = fc.constantFrom("take", "take", "take", "again", "undo", "wake")
    const all = fc.array(fc.record({ does, letters, which, after }), { minLength: 5, maxLength: 80, size: "max" })
    const kinds = fc.constantFrom("sliding" as const, "fixed" as const)
    let denied = 0
    const property = fc.property(all, fc.integer({ min: 1, max: 6 }), kinds, (all, most, kind) => {
      const limit = limitOf(most, { kind, seconds: SPAN }, { measure: { kind: "distinct", field: "user" } })
      const store = new Store()
      let lending = new Lending(null)
      const takes: Take[] = []
      const used = new Map<string, { readonly value: string; readonly at: number }[]>()
      let now = START
      const ask = (take: Take): void => {
        const answer = lending.take(take, now)
        const at = answer.granted === null ? null : answer.since
        if (at === null) denied += 1
        else if (used.has(take.id) || takes.at(-1) === take) {
          const before = used.get(take.id) ?? []
          used.set(take.id, [...before, ...(take.values ?? []).map((value) => ({ value, at }))])
        }
      }
      for (const { does, letters, which, after } of all) {
        now += after
        if (does === "take") {
          const id = `take-${takes.length}`
          takes.push({ id, holder: "a", limit, amount: 0, want: 0, values: letters, settled: [] })
        }
        const take = does === "take" ? takes.at(-1) : nth(takes, which)
        if (take && (does === "take" || does === "again")) ask(take)
        if (take && does === "undo") {
          lending.settle("a", [{ id: take.id, used: 0 }], now)
          used.delete(take.id)
        }
        store.save(lending.drain())
        if (does === "wake") lending = new Lending(store.load())
      }
      const uses = [...used.values()].flat()
      const spans = uses.map(({ at: from }) =>
        kind === "sliding"
          ? uses.filter(({ at }) => at >= from && at < from + SPAN * SECOND)
          : uses.filter(({ at }) => Math.floor(at / SPAN / SECOND) === Math.floor(from / SPAN / SECOND)),
      )
      for (const span of spans) expect(new Set(span.map(({ value }) => value)).size).toBeLessThanOrEqual(most)
    })
    fc.assert(property, { seed: SEED, numRuns: 2000 })
    expect(denied).toBeGreaterThan(1000)
  })
})

describe("no refusal without a reason", () => {
  const steps = fc.array(
    fc.record({
      after: fc.oneof(fc.nat(900), fc.constantFrom(0, SPAN * SECOND)),
      amount: fc.integer({ min: 1, max: 7 }),
    }),
    { minLength: 1, maxLength: 60 },
  )
  const kinds = fc.constantFrom("sliding" as const, "fixed" as const)

  function take(lending: Lending, limit: LentLimit, now: number, amount: number): TakeAnswer {
    return lending.take({ id: crypto.randomUUID(), holder: "a", limit, amount, want: amount, settled: [] }, now)
  }

  test("what is used at once is counted exactly, and waiting as long as told is enough", () => {
    const property = fc.property(steps, fc.integer({ min: 1, max: 12 }), kinds, (steps, most, kind) => {
      const limit = limitOf(most, { kind, seconds: SPAN })
      const lending = new Lending(null)
      const uses: Use[] = []
      let now = START
      const counted = (at: number): number => {
        const since = kind === "sliding" ? at - SPAN * SECOND + 1 : at - (at % (SPAN * SECOND))
        return uses.filter((use) => use.at >= since).reduce((sum, { count }) => sum + count, 0)
      }
      for (const { after, amount } of steps) {
        now += after
        const used = counted(now)
        const answer = take(lending, limit, now, amount)
        if (answer.granted === null) {
          expect(used + amount).toBeGreaterThan(most)
          expect(answer.waits === null).toBe(amount > most)
          if (answer.waits === null) continue
          expect(counted(now + answer.waits - 1) + amount).toBeGreaterThan(most)
          now += answer.waits
          expect(take(lending, limit, now, amount).granted).toBe(amount)
        } else expect(answer).toEqual({ granted: amount, used, since: now })
        uses.push({ at: now, count: amount })
      }
    })
    fc.assert(property, { seed: SEED, numRuns: 400 })
  })

  test("a bucket refills to the token, and no further than its burst", () => {
    const property = fc.property(
      steps,
      fc.constantFrom(1, 3, 7, 40),
      fc.integer({ min: 1, max: 12 }),
      (steps, most, burst) => {
        const limit = limitOf(most, { kind: "bucket", seconds: SPAN, burst })
        const lending = new Lending(null)
        let [now, level] = [START, burst * SPAN * SECOND]
        for (const { after, amount } of steps) {
          now += after
          level = Math.min(burst * SPAN * SECOND, level + after * most)
          const answer = take(lending, limit, now, amount)
          if (answer.granted === null) {
            expect(level).toBeLessThan(amount * SPAN * SECOND)
            const missing = amount * SPAN * SECOND - level
            expect(answer.waits).toBe(amount > burst ? null : Math.ceil(missing / most))
            continue
          }
          expect(level).toBeGreaterThanOrEqual(amount * SPAN * SECOND)
          expect(answer.used).toBe(burst - Math.floor(level / SPAN / SECOND))
          level -= amount * SPAN * SECOND
        }
      },
    )
    fc.assert(property, { seed: SEED, numRuns: 400 })
  })

  test("credit that comes back unused can be lent again, all of it, after a wake too", () => {
    const spans = fc.constantFrom<LentSpan>(
      { kind: "sliding", seconds: SPAN },
      { kind: "fixed", seconds: SPAN },
      { kind: "bucket", seconds: SPAN, burst: 500 },
    )
    const property = fc.property(
      spans,
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 }),
      (span, amounts) => {
        const world = new World(limitOf(500, span))
        const granted = amounts.map((amount) => world.take("a", amount, amount + 5, false, 0))
        expect(granted.every((answer) => answer.granted !== null)).toBe(true)
        for (const id of [...world.held.keys()]) world.settle(id, true, false)
        world.reload()
        expect(take(world.lending, world.limit, world.now, 500)).toEqual({ granted: 500, used: 0, since: START })
      },
    )
    fc.assert(property, { seed: SEED, numRuns: 200 })
  })
})
