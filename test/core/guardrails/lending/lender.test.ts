import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { Lender } from "../../../../src/core/guardrails/lending/lender.ts"
import {
  type LentLimit,
  type LentSpan,
  type Take,
  type TakeAnswer,
} from "../../../../src/core/guardrails/lending/lending.ts"
import { busiest, busiestPeriod, overflow, SECOND, START, Store, World, type Use } from "../../../harness/lending.ts"

const SEED = 20261125
const SPAN = 10

function limitOf(limit: number, span: LentSpan, more: Partial<LentLimit> = {}): LentLimit {
  return { measure: { kind: "calls" }, limit, span, seq: 1, ...more }
}

const after = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 0, 1) },
  fc.integer({ min: 0, max: 3 * SECOND }),
  fc.constantFrom(SPAN * SECOND - 1, SPAN * SECOND, SPAN * SECOND + 1),
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
  { weight: 1, arbitrary: fc.record({ does: fc.constantFrom("wake" as const, "tidy" as const), after }) },
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
    world.pass(each.after)
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
    if (each.does === "tidy") world.tidy()
  }
  world.end()
}

/** The same answer as long as its ledger has the block. */
function repeat(world: World, take: Take | undefined, moment: number): void {
  if (!take) return
  const held = world.held.get(take.id)
  const answer = world.ask(take, false, moment)
  if (held && held.granted > take.amount) expect(answer.granted).toBe(held.granted)
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
    for (const count of Object.values(tried)) expect(count, JSON.stringify(tried)).toBeGreaterThan(10_000)
  })

  test("distinct: no span has more values than the limit", () => {
    const letters = fc.array(fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h"), { minLength: 0, maxLength: 4 })
    const does = fc.constantFrom("take", "take", "take", "again", "undo", "wake", "tidy")
    const all = fc.array(fc.record({ does, letters, which, after }), { minLength: 5, maxLength: 80, size: "max" })
    const kinds = fc.constantFrom("sliding" as const, "fixed" as const)
    let denied = 0
    const property = fc.property(all, fc.integer({ min: 1, max: 6 }), kinds, (all, most, kind) => {
      const limit = limitOf(most, { kind, seconds: SPAN }, { measure: { kind: "distinct", field: "user" } })
      const store = new Store()
      let lender = new Lender(null)
      const takes: Take[] = []
      const used = new Map<string, { readonly value: string; readonly at: number }[]>()
      let now = START
      const ask = (take: Take): void => {
        const answer = lender.take(take, now)
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
          lender.settle("a", [{ id: take.id, used: 0 }], now)
          used.delete(take.id)
        }
        store.save(lender.drain(does === "tidy"))
        if (does === "wake") lender = new Lender(store.load())
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

  function take(lender: Lender, limit: LentLimit, now: number, amount: number): TakeAnswer {
    return lender.take({ id: crypto.randomUUID(), holder: "a", limit, amount, want: amount, settled: [] }, now)
  }

  test("what is used at once is counted exactly, and waiting as long as told is enough", () => {
    const property = fc.property(steps, fc.integer({ min: 1, max: 12 }), kinds, (steps, most, kind) => {
      const limit = limitOf(most, { kind, seconds: SPAN })
      const lender = new Lender(null)
      const uses: Use[] = []
      let now = START
      const counted = (at: number): number => {
        const since = kind === "sliding" ? at - SPAN * SECOND + 1 : at - (at % (SPAN * SECOND))
        return uses.filter((use) => use.at >= since).reduce((sum, { count }) => sum + count, 0)
      }
      for (const { after, amount } of steps) {
        now += after
        const used = counted(now)
        const answer = take(lender, limit, now, amount)
        if (answer.granted === null) {
          expect(used + amount).toBeGreaterThan(most)
          expect(answer.waits === null).toBe(amount > most)
          if (answer.waits === null) continue
          expect(counted(now + answer.waits - 1) + amount).toBeGreaterThan(most)
          now += answer.waits
          expect(take(lender, limit, now, amount).granted).toBe(amount)
        } else expect(answer).toEqual({ granted: amount, used, since: now, lasts: 0 })
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
        const lender = new Lender(null)
        let [now, level] = [START, burst * SPAN * SECOND]
        for (const { after, amount } of steps) {
          now += after
          level = Math.min(burst * SPAN * SECOND, level + after * most)
          const answer = take(lender, limit, now, amount)
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
        expect(take(world.lender, world.limit, world.now, 500)).toEqual({
          granted: 500,
          used: 0,
          since: START,
          lasts: 0,
        })
      },
    )
    fc.assert(property, { seed: SEED, numRuns: 200 })
  })
})

describe("what is given back unused was never there", () => {
  const step = fc.record({
    does: fc.constantFrom("use", "use", "deny", "deny", "give back", "wake"),
    after: fc.oneof(fc.nat(700), fc.constantFrom(0, 0, 1, 3 * SECOND)),
    amount: fc.integer({ min: 1, max: 9 }),
    which,
  })
  const steps = fc.array(step, { minLength: 2, maxLength: 40, size: "max" })

  /** Two counts, one of which hears of denied calls too. */
  class Twins {
    readonly store = new Store()
    readonly limit: LentLimit
    told = new Lender(null)
    readonly untold = new Lender(null)
    readonly denied: (Take & { readonly at: number })[] = []
    now = START

    constructor(limit: LentLimit) {
      this.limit = limit
    }

    take(amount: number, want: number, isDenied: boolean): void {
      const take = { id: crypto.randomUUID(), holder: "a", limit: this.limit, amount, want, settled: [] }
      const answer = this.told.take(take, this.now)
      if (answer.granted !== null && isDenied) this.denied.push({ ...take, at: this.now })
      if (answer.granted !== null && !isDenied) expect(this.untold.take(take, this.now).granted).not.toBeNull()
      this.store.save(this.told.drain())
    }

    giveBack(take: (typeof this.denied)[number] | undefined): void {
      if (!take) return
      this.denied.splice(this.denied.indexOf(take), 1)
      this.told.settle("a", [{ id: take.id, used: 0 }], this.now)
      this.store.save(this.told.drain())
    }

    wake(): void {
      this.told = new Lender(this.store.load())
    }
  }

  test.each<[string, LentSpan]>([
    ["sliding", { kind: "sliding", seconds: SPAN }],
    ["fixed", { kind: "fixed", seconds: SPAN }],
    ["bucket", { kind: "bucket", seconds: SPAN, burst: 20 }],
    ["bucket of one", { kind: "bucket", seconds: 1, burst: 9 }],
  ])("%s: as much is left as without the calls that were denied, however many there were at once", (_, span) => {
    let given = 0
    const property = fc.property(steps, fc.constantFrom(4, 20, 200), (all, most) => {
      const twins = new Twins(limitOf(most, span))
      for (const { does, after, amount, which } of all) {
        twins.now += after
        for (const take of twins.denied.filter(({ at }) => twins.now >= at + 55 * SECOND)) twins.giveBack(take)
        if (does === "use") twins.take(amount, amount, false)
        if (does === "deny") twins.take(amount, amount + (which % 2), true)
        if (does === "give back") twins.giveBack(nth(twins.denied, which))
        if (does === "wake") twins.wake()
      }
      given += twins.denied.length
      for (const take of [...twins.denied]) twins.giveBack(take)
      const probe: Take = { id: "probe", holder: "a", limit: twins.limit, amount: 0, want: 0, settled: [] }
      const full: Take = { ...probe, id: "full", amount: 9, want: 9 }
      for (const take of [probe, full]) {
        expect(twins.told.take(take, twins.now)).toEqual(twins.untold.take(take, twins.now))
      }
    })
    fc.assert(property, { seed: SEED, numRuns: 500 })
    expect(given).toBeGreaterThan(200)
  })

  test("a bucket that is always in use holds after a wake what it held, whatever left it, or came again", () => {
    const span: LentSpan = { kind: "bucket", seconds: SPAN, burst: 10 }
    const step = fc.record({ after: fc.nat(2_500), which: fc.nat(9), isNewer: fc.boolean(), wakes: fc.boolean() })
    const steps = fc.array(step, { minLength: 60, maxLength: 150, size: "max" })
    const property = fc.property(steps, (all) => {
      const store = new Store()
      let [awake, now, seq] = [new Lender(null), START, 1]
      for (const { after, which, isNewer, wakes } of all) {
        now += after
        seq += isNewer ? 1 : 0
        const limit = limitOf(10, span, { seq })
        const take = { holder: "a", limit, settled: [] }
        awake.take({ ...take, id: `${which}`, amount: 1, want: 1 }, now)
        awake.take({ ...take, id: crypto.randomUUID(), amount: 1, want: 1 }, now)
        store.save(awake.drain())
        const woken = new Lender(store.load())
        const probe = { ...take, id: "probe", amount: 9, want: 9 }
        const nothing = { ...take, id: "nothing", amount: 0, want: 0 }
        expect(woken.take(nothing, now)).toEqual(awake.take(nothing, now))
        expect(woken.take(probe, now)).toEqual(awake.take(probe, now))
        awake.settle("a", [{ id: "probe", used: 0 }], now)
        store.save(awake.drain())
        if (wakes) awake = new Lender(store.load())
      }
    })
    fc.assert(property, { seed: SEED, numRuns: 100, endOnFailure: true })
  })

  test("of many takes of a bucket the older are told apart no more, and count on", () => {
    const limit = limitOf(1, { kind: "bucket", seconds: 86_400, burst: 3000 })
    const store = new Store()
    let lender = new Lender(null)
    const take = (id: string, amount: number): TakeAnswer =>
      lender.take({ id, holder: "a", limit, amount, want: amount, settled: [] }, START)
    for (let index = 0; index < 3000; index++) {
      expect(take(`${index}`, 1).granted).toBe(1)
      store.save(lender.drain())
    }
    lender.settle("a", [{ id: "2999", used: 0 }], START)
    store.save(lender.drain())
    expect(store.rows).toBeLessThanOrEqual(2001)
    for (const wakes of [false, true]) {
      if (wakes) lender = new Lender(store.load())
      expect(take("much", 2)).toMatchObject({ granted: null, used: 2999 })
    }
    expect(take("one", 1).granted).toBe(1)
  })

  test("distinct: a value stays as long as one has it that was admitted, and no longer", () => {
    const letters = fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { minLength: 1, maxLength: 3 })
    const all = fc.array(fc.record({ step, letters }), { minLength: 2, maxLength: 40, size: "max" })
    const kinds = fc.constantFrom("sliding" as const, "fixed" as const)
    let given = 0
    const property = fc.property(all, kinds, (all, kind) => {
      const limit = limitOf(4, { kind, seconds: SPAN }, { measure: { kind: "distinct", field: "user" } })
      const [told, untold] = [new Lender(null), new Lender(null)]
      const denied: Take[] = []
      let now = START
      for (const { step, letters } of all) {
        now += step.after
        const id = crypto.randomUUID()
        const take = { id, holder: "a", limit, amount: 0, want: 0, values: letters, settled: [] }
        if (step.does === "give back") {
          const [given] = denied.splice(step.which % Math.max(1, denied.length), 1)
          if (given) told.settle("a", [{ id: given.id, used: 0 }], now)
        } else if (told.take(take, now).granted !== null) {
          if (step.does === "deny") denied.push(take)
          else expect(untold.take(take, now).granted).not.toBeNull()
        }
      }
      given += denied.length
      for (const { id } of denied) told.settle("a", [{ id, used: 0 }], now)
      for (const values of [[], ["x"], ["x", "y", "z"], ["v", "w", "x", "y"]]) {
        const probe = { id: crypto.randomUUID(), holder: "a", limit, amount: 0, want: 0, values, settled: [] }
        const answer = untold.take(probe, now)
        expect(told.take(probe, now)).toEqual(answer)
        for (const lender of [told, untold]) lender.settle("a", [{ id: probe.id, used: 0 }], now)
      }
    })
    fc.assert(property, { seed: SEED, numRuns: 500 })
    expect(given).toBeGreaterThan(200)
  })

  test("distinct: calls that had the same value at once leave it behind together", () => {
    const limit = limitOf(1, { kind: "fixed", seconds: 60 }, { measure: { kind: "distinct", field: "user" } })
    const ids = ["one", "two", "three"]
    for (const order of [ids, ids.toReversed(), ["two", "three", "one"]]) {
      const lender = new Lender(null)
      const take = (id: string, value: string): TakeAnswer =>
        lender.take({ id, holder: "a", limit, amount: 0, want: 0, values: [value], settled: [] }, START)
      for (const id of ids) expect(take(id, "a").granted).toBe(1)
      for (const id of order) {
        expect(take(`other-${id}`, "b").granted).toBeNull()
        lender.settle("a", [{ id, used: 0 }], START)
      }
      expect(take("other", "b")).toEqual({ granted: 1, used: 0, since: START, lasts: 0 })
    }
  })

  test("distinct: who was admitted long ago keeps its value, whoever gives it back since", () => {
    const limit = limitOf(1, { kind: "sliding", seconds: 600 }, { measure: { kind: "distinct", field: "user" } })
    const lender = new Lender(null)
    const take = (id: string, value: string, now: number): TakeAnswer =>
      lender.take({ id, holder: "a", limit, amount: 0, want: 0, values: [value], settled: [] }, now)
    expect(take("first", "a", START).granted).toBe(1)
    for (let index = 1; index <= 40; index++) expect(take(`${index}`, "a", START + index * 2 * SECOND).granted).toBe(1)
    for (let index = 1; index <= 40; index++) lender.settle("a", [{ id: `${index}`, used: 0 }], START + 82 * SECOND)
    expect(take("other", "b", START + 82 * SECOND).granted).toBeNull()
  })

  test("distinct: a take that comes again once some of its values have left is counted anew", () => {
    const limit = limitOf(2, { kind: "sliding", seconds: SPAN }, { measure: { kind: "distinct", field: "user" } })
    const lender = new Lender(null)
    const take = (id: string, values: readonly string[], now: number): TakeAnswer =>
      lender.take({ id, holder: "a", limit, amount: 0, want: 0, values, settled: [] }, now)
    expect(take("one", ["a", "b"], START).granted).toBe(2)
    expect(take("two", ["a"], START + 5 * SECOND).granted).toBe(1)
    const again = START + 11 * SECOND
    expect(take("one", ["a", "b"], again)).toEqual({ granted: 2, used: 1, since: again, lasts: 0 })
    expect(take("three", ["c"], again).granted).toBeNull()
  })

  test("distinct: more values than there may be never fit, however long one waits", () => {
    const limit = limitOf(1, { kind: "sliding", seconds: SPAN }, { measure: { kind: "distinct", field: "user" } })
    const lender = new Lender(null)
    const take = { id: "one", holder: "a", limit, amount: 0, want: 0, values: ["a", "b"], settled: [] }
    expect(lender.take(take, START)).toEqual({ granted: null, used: 0, waits: null })
  })

  test("distinct: what was used is not undone, and an undone value that comes back takes no time back", () => {
    const limit = limitOf(1, { kind: "sliding", seconds: SPAN }, { measure: { kind: "distinct", field: "user" } })
    const store = new Store()
    const lender = new Lender(null)
    const take = (id: string, value: string) => {
      return { id, holder: "a", limit, amount: 0, want: 0, values: [value], settled: [] }
    }
    expect(lender.take(take("one", "a"), START).granted).toBe(1)
    lender.settle("a", [{ id: "one", used: 1 }], START)
    expect(lender.take(take("other", "b"), START).granted).toBeNull()
    store.save(lender.drain())
    // The same value again, once the first use has left the span: its row is the only one, and goes.
    expect(lender.take(take("two", "a"), START + 11 * SECOND).granted).toBe(1)
    store.save(lender.drain())
    lender.settle("a", [{ id: "two", used: 0 }], START + 11 * SECOND)
    store.save(lender.drain())
    const woken = new Lender(store.load())
    // Half a span after the first use by a clock that is behind: nothing may count as used then.
    expect(woken.take(take("other", "b"), START + 5 * SECOND)).toMatchObject({ since: START + 5 * SECOND })
  })

  test("distinct: after a wake too, unless others may have had it", () => {
    const limit = limitOf(1, { kind: "sliding", seconds: 60 }, { measure: { kind: "distinct", field: "user" } })
    const store = new Store()
    let lender = new Lender(null)
    const take = (id: string, value: string): TakeAnswer => {
      const answer = lender.take({ id, holder: "a", limit, amount: 0, want: 0, values: [value], settled: [] }, START)
      store.save(lender.drain())
      lender = new Lender(store.load())
      return answer
    }
    const giveBack = (id: string): void => {
      lender.settle("a", [{ id, used: 0 }], START)
      store.save(lender.drain())
      lender = new Lender(store.load())
    }
    expect(take("one", "a").granted).toBe(1)
    giveBack("one")
    expect(take("two", "b").granted).toBe(1)
    expect(take("three", "b").granted).toBe(1)
    giveBack("three")
    expect(take("four", "c").granted).toBeNull()
  })
})

describe("a clock that makes steps", () => {
  const SPAN_MS = SPAN * SECOND
  const kinds: readonly [string, LentSpan, (uses: readonly Use[], limit: number) => boolean][] = [
    ["sliding", { kind: "sliding", seconds: SPAN }, (uses, limit) => busiest(uses, SPAN_MS) > limit],
    ["fixed", { kind: "fixed", seconds: SPAN }, (uses, limit) => busiestPeriod(uses, SPAN_MS) > limit],
    ["bucket", { kind: "bucket", seconds: SPAN, burst: 6 }, (uses, limit) => overflow(uses, limit, 6, SPAN_MS) > 0n],
  ]
  const act = fc.oneof(
    { weight: 3, arbitrary: fc.record({ does: fc.constant("take" as const), amount: fc.constantFrom(1, 2, 6) }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant("settle" as const), which }) },
    {
      weight: 2,
      arbitrary: fc.record({ does: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 12_000 }) }),
    },
    fc.record({ does: fc.constantFrom("die" as const, "tidy" as const) }),
  )
  const acts = fc.array(act, { maxLength: 8 })
  const length = fc.oneof(
    fc.constantFrom(1_000, 5_000, 61_000, 300_000, 26 * 3_600_000),
    fc.integer({ min: 1_000, max: 26 * 3_600_000 }),
  )
  const excursion = (mayBeAhead: boolean) =>
    fc.record({
      before: acts,
      behind: fc.array(length, { minLength: 1, maxLength: 2 }),
      ahead: mayBeAhead ? fc.option(length, { freq: 3 }) : fc.constant(null),
      dies: fc.boolean(),
      meanwhile: acts,
    })

  function drive(
    world: World,
    all: readonly (typeof act extends fc.Arbitrary<infer Each> ? Each : never)[],
    least = Infinity,
  ) {
    const most = world.limit.limit > 100 ? 20 : 1
    for (const each of all) {
      if (each.does === "take") world.take("a", each.amount * most, each.amount * most * 2, false, 1)
      // A pause that is as long as a step would be taken for one.
      else if (each.does === "pass") world.wait(Math.min(each.ms, least - 1))
      else if (each.does === "tidy") world.tidy()
      else if (each.does === "die") world.reload()
      else if (each.does === "settle") {
        const id = nth(world.held.keys(), each.which)
        if (id !== undefined) world.settle(id, false, false)
      }
    }
  }

  describe.each(kinds)("%s", (kind, span, isOver) => {
    test.each([6, 1000])("is never over %i in a span of true time, and all of it is back after a span", (limit) => {
      const property = fc.property(fc.array(excursion(kind !== "fixed"), { minLength: 1, maxLength: 3 }), (all) => {
        const lent = { ...limitOf(limit, span), ...(span.kind === "bucket" && { limit: 6 }) }
        const world = new World(lent)
        let longest = 0
        for (const { before, behind, ahead, dies, meanwhile } of all) {
          drive(world, before)
          const offs = ahead === null ? behind.toSorted((a, b) => a - b).map((ms) => -ms) : [ahead]
          const least = Math.min(...offs.map((each, at) => Math.abs(each - (offs[at - 1] ?? 0))))
          if (least < SECOND) return
          for (const off of offs) {
            world.step(off)
            // A life that had seen nothing stored begins by the clock that it finds.
            if (dies) world.reload()
            drive(world, meanwhile, least)
          }
          world.step(0)
          if (dies) world.reload()
          if (ahead !== null) longest = Math.max(longest, ahead)
        }
        for (const id of [...world.held.keys()]) world.settle(id, false, false)
        world.pass(SPAN_MS)
        if (longest > 0) {
          world.step(0)
          world.pass(SPAN_MS)
        }
        const most = span.kind === "bucket" ? span.burst : limit
        expect(world.take("b", most, most, false, 0).granted).toBe(most)
        world.end()
        expect(isOver(world.uses, lent.limit)).toBe(false)
      })
      fc.assert(property, { seed: SEED, numRuns: 600 })
    })
  })
})

describe("credit", () => {
  const SLIDING: LentSpan = { kind: "sliding", seconds: SPAN }
  const asked = (id: string, limit: LentLimit, amount: number, want: number, more: Partial<Take> = {}): Take => {
    return { id, holder: "a", limit, amount, want, settled: [], ...more }
  }

  test("is at most a hundredth of the limit, less as the limit comes near, and none under a limit of a hundred", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 50 }), (most, amount) => {
        const limit = limitOf(most, SLIDING)
        const lender = new Lender(null)
        let used = 0
        for (let index = 0; index < 400; index++) {
          const answer = lender.take(asked(`${index}`, limit, amount, amount + 10_000), START)
          if (answer.granted === null) {
            expect(used + amount).toBeGreaterThan(most)
            return
          }
          const credit = answer.granted - amount
          expect(answer.used).toBe(used)
          expect(credit).toBeLessThanOrEqual(most < 100 ? 0 : most / 100)
          expect(credit).toBeLessThanOrEqual((most - used - amount) / 10)
          if (index === 0 && amount <= most / 2) expect(credit).toBe(most < 100 ? 0 : Math.floor(most / 100))
          used += answer.granted
        }
      }),
      { seed: SEED, numRuns: 100 },
    )
  })

  test("is not lent beyond a thousand open blocks", () => {
    const limit = limitOf(1_000_000, SLIDING)
    const lender = new Lender(null)
    const granted = Array.from({ length: 1001 }, (_, index) => {
      return lender.take(asked(`${index}`, limit, 1, 3), START).granted
    })
    expect(granted).toEqual([...Array.from({ length: 1000 }, () => 3), 1])
  })

  test("is settled with the next take, before that is judged, and once", () => {
    const limit = limitOf(200, SLIDING)
    const lender = new Lender(null)
    const lent = { granted: 102, used: 0, since: START, lasts: 300 }
    expect(lender.take(asked("one", limit, 100, 102), START)).toEqual(lent)
    expect(lender.take(asked("two", limit, 99, 99), START + 5)).toEqual({ granted: null, used: 102, waits: 10_000 })
    const settled = [{ id: "one", used: 101 }]
    const answer = { granted: 99, used: 101, since: START + 9, lasts: 0 }
    expect(lender.take(asked("two", limit, 99, 99, { settled }), START + 9)).toEqual(answer)
    expect(lender.take(asked("two", limit, 99, 99, { settled }), START + 10)).toEqual(answer)
    // Said otherwise later, it is heard no more; and what comes late of it is not to be used.
    lender.settle("a", [{ id: "one", used: 3 }], START + 11)
    expect(lender.take(asked("one", limit, 100, 102), START + 12)).toEqual({ granted: null, used: 99, waits: 0 })
    expect(lender.take(asked("three", limit, 1, 1), START + 12)).toMatchObject({ used: 200, waits: 9997 })
  })

  test("is settled with no more than was granted, and what is closed never with more than was said", () => {
    const limit = limitOf(200, SLIDING)
    const lender = new Lender(null)
    lender.take(asked("open", limit, 10, 12), START)
    lender.take(asked("closed", limit, 10, 10), START)
    lender.settle("a", [{ id: "closed", used: 11 }], START)
    lender.settle("a", [{ id: "open", used: 150 }], START)
    expect(lender.take(asked("x", limit, 1, 1), START)).toMatchObject({ granted: 1, used: 22 })
  })

  test("that comes back after a wake counts from no earlier than it was granted, whatever the clock says then", () => {
    const limit = limitOf(200, SLIDING)
    const store = new Store()
    const lender = new Lender(null)
    lender.take(asked("first", limit, 0, 0), START)
    store.save(lender.drain())
    lender.take(asked("open", limit, 1, 3), START + 5 * SECOND)
    store.save(lender.drain())
    const woken = new Lender(store.load())
    woken.settle("a", [{ id: "open", used: 3 }], START)
    const used = (now: number): number => woken.take(asked("probe", limit, 0, 0), now).used
    // The clock is right again, and no time has passed.
    expect(used(START + 5 * SECOND)).toBe(3)
    expect(used(START + 15 * SECOND - 1)).toBe(3)
    expect(used(START + 15 * SECOND)).toBe(0)
  })

  test("of another holder is settled by nobody else, and no take is another's", () => {
    const limit = limitOf(200, SLIDING)
    const lender = new Lender(null)
    lender.take(asked("open", limit, 10, 12), START)
    lender.take(asked("closed", limit, 10, 10), START)
    for (const id of ["open", "closed"]) {
      lender.settle("b", [{ id, used: 0 }], START)
      expect(() => lender.take(asked(id, limit, 10, 10, { holder: "b" }), START)).toThrow("another's")
    }
    expect(lender.take(asked("x", limit, 1, 1), START)).toMatchObject({ used: 22 })
  })

  test("that is not settled is asked about after ten seconds, ever more seldom, at least every five minutes", () => {
    const limit = limitOf(1000, SLIDING)
    const lender = new Lender(null)
    lender.take(asked("one", limit, 1, 5, { holder: "first" }), START)
    lender.take(asked("two", limit, 1, 5, { holder: "second" }), START + 1)
    expect(lender.untilCheck(START)).toBe(9_999)
    expect([...lender.overdue(START + 9_999, 9)]).toEqual([])
    expect([...lender.overdue(START + 10_001, 1)]).toEqual([["first", ["one"]]])
    expect(lender.untilCheck(START + 10_001)).toBe(0)
    // Of whom it is time to ask the credit counts all the same.
    expect(lender.isForgettable(START + 10_001)).toBe(false)
    expect([...lender.overdue(START + 10_001, 1)]).toEqual([["second", ["two"]]])
    const asks: number[] = []
    for (let now = START + 10_001; now < START + 3_200_000;) {
      now += lender.untilCheck(now) ?? Number.NaN
      const named = [...lender.overdue(now, 9).keys()]
      if (named.includes("first")) asks.push(now - START)
    }
    expect(asks.slice(0, 6)).toEqual([20_002, 40_004, 80_008, 160_016, 320_032, 620_032])
    expect(asks.at(-1)).toBeGreaterThan(2_900_000)
    lender.settle("first", [{ id: "one", used: 5 }], START + 3_600_000)
    lender.settle("second", [{ id: "two", used: 0 }], START + 3_600_000)
    // The definition stays until nobody can come with an older one.
    expect(lender.untilCheck(START + 3_600_000)).toBe(120_000)
    expect(lender.isForgettable(START + 3_719_999)).toBe(false)
    expect(lender.isForgettable(START + 3_720_000)).toBe(true)
  })

  test("of many closed blocks the older are merged, as late as the last of their slot, and never earlier", () => {
    const limit = limitOf(3000, SLIDING)
    const store = new Store()
    let lender = new Lender(null)
    for (let index = 0; index < 3000; index++) {
      expect(lender.take(asked(`${index}`, limit, 1, 1), START + index).granted).toBe(1)
      store.save(lender.drain())
    }
    expect(store.slots.size).toBe(101)
    for (const wakes of [false, true]) {
      if (wakes) lender = new Lender(store.load())
      const early = lender.take(asked(`early${wakes}`, limit, 10, 10), START + 10_008)
      expect(early).toEqual({ granted: null, used: 3000, waits: 1 })
    }
    expect(lender.take(asked("much", limit, 11, 11), START + 10_009)).toMatchObject({ granted: null, used: 2990 })
    expect(lender.take(asked("enough", limit, 10, 10), START + 10_009)).toMatchObject({ granted: 10 })
  })

  test("and counts take a bounded number of rows, however many takes there are", () => {
    const spans = fc.constantFrom<LentSpan>(
      { kind: "sliding", seconds: SPAN },
      { kind: "fixed", seconds: SPAN },
      { kind: "bucket", seconds: SPAN, burst: 6000 },
    )
    const times = fc.record({ every: fc.constantFrom(0, 2, 3), open: fc.constantFrom(2, 7, 1000) })
    const property = fc.property(spans, fc.constantFrom(2100, 3000), times, (span, most, { every, open }) => {
      const world = new World(limitOf(most, span))
      let rows = 0
      for (let index = 0; index < 7000; index++) {
        world.pass(every)
        world.take("a", 1, index % open === 0 ? 3 : 1, false, 1)
        for (const id of [...world.held.keys()].slice(0, -20)) {
          if (index % 3 === 0) world.use(id, 1, 0.5)
          world.settle(id, index % 11 === 0, false)
        }
        rows = Math.max(rows, world.store.rows)
        if (index % 1000 === 999) world.reload()
      }
      world.end()
      const span10 = SPAN * SECOND
      if (span.kind === "sliding") expect(busiest(world.uses, span10)).toBeLessThanOrEqual(most)
      if (span.kind === "fixed") expect(busiestPeriod(world.uses, span10)).toBeLessThanOrEqual(most)
      // Those told apart, slots, open ones, and what waits to be deleted.
      expect(rows).toBeLessThanOrEqual(2001 + 1001 + 21 + 64)
    })
    fc.assert(property, { seed: SEED, numRuns: 8 })
  })
})

describe("the newest bundle's definition", () => {
  const SLIDING: LentSpan = { kind: "sliding", seconds: SPAN }
  const ask = (lender: Lender, limit: LentLimit, amount: number, now: number, want = amount): TakeAnswer =>
    lender.take({ id: crypto.randomUUID(), holder: "a", limit, amount, want, settled: [] }, now)

  test("holds, for an older bundle too, after a wake as well", () => {
    const [older, newer] = [limitOf(10, SLIDING), limitOf(3, SLIDING, { seq: 2 })]
    const store = new Store()
    const lender = new Lender(null)
    expect(ask(lender, older, 2, START).granted).toBe(2)
    expect(ask(lender, newer, 2, START).granted).toBeNull()
    store.save(lender.drain())
    const woken = new Lender(store.load())
    expect(ask(woken, older, 2, START)).toEqual({ granted: null, used: 2, waits: SPAN * SECOND })
    expect(ask(woken, older, 1, START).granted).toBe(1)
    expect(ask(woken, limitOf(4, SLIDING, { seq: 3 }), 1, START).granted).toBe(1)
  })

  test("is kept as long as an older bundle may come, however long ago anything was used", () => {
    const [older, newer] = [limitOf(10, SLIDING), limitOf(3, SLIDING, { seq: 2 })]
    const lender = new Lender(null)
    expect(ask(lender, older, 2, START).granted).toBe(2)
    expect(ask(lender, newer, 4, START + 100 * SECOND).granted).toBeNull()
    expect(lender.isForgettable(START + 219_999)).toBe(false)
    expect(ask(lender, older, 4, START + 219_999).granted).toBeNull()
    expect(lender.isForgettable(START + 220_000)).toBe(true)
  })

  test("counts what was in use before, between all kinds of spans", () => {
    const spans: readonly LentSpan[] = [
      SLIDING,
      { kind: "sliding", seconds: 3 },
      { kind: "fixed", seconds: SPAN },
      { kind: "bucket", seconds: SPAN, burst: 200 },
      { kind: "bucket", seconds: 7, burst: 300 },
    ]
    const each = fc.constantFrom(...spans)
    const property = fc.property(
      each,
      each,
      fc.integer({ min: 100, max: 300 }),
      fc.nat(90),
      (from, to, most, amount) => {
        const store = new Store()
        let lender = new Lender(null)
        const open = ask(lender, limitOf(200, from), 5, START, 7).granted ?? 0
        expect(open).toBeGreaterThan(5)
        if (amount > 0) expect(ask(lender, limitOf(200, from), amount, START).granted).toBe(amount)
        const next = limitOf(most, to, { seq: 2 })
        expect(ask(lender, next, 1, START).granted).toBe(1)
        store.save(lender.drain())
        lender = new Lender(store.load())
        const room = (to.kind === "bucket" ? to.burst : most) - open - amount - 1
        expect(ask(lender, next, room + 1, START).granted).toBeNull()
        if (room > 0)
          expect(ask(lender, next, room, START)).toMatchObject({ granted: room, used: open + amount + 1, since: START })
      },
    )
    fc.assert(property, { seed: SEED, numRuns: 300 })
  })

  describe("makes a span of a bucket that counts what was used in the span", () => {
    const HOUR = 3600
    const hourly = (limit: number, seq: number) => limitOf(limit, { kind: "sliding", seconds: HOUR }, { seq })
    const burst = (limit: number, most: number, seq: number, seconds = HOUR) =>
      limitOf(limit, { kind: "bucket", seconds, burst: most }, { seq })
    const woken = (lender: Lender): Lender => {
      const store = new Store()
      store.save(lender.drain(true))
      return new Lender(store.load())
    }
    const room = (lender: Lender, limit: LentLimit, now: number): number => {
      let many = 0
      while (ask(lender, limit, 1, now).granted === 1) many += 1
      return many
    }

    test.each([
      ["a bucket of a smaller burst", [burst(60, 20, 2)]],
      ["a bucket that is full again at once", [burst(100_000, 1, 2, 1)]],
      ["two buckets after each other", [burst(60, 20, 2), burst(600, 5, 3, 60)]],
      ["a bucket that never fills", [burst(0, 20, 2)]],
    ])("before it became %s", (_what, between) => {
      let lender = new Lender(null)
      expect(room(lender, hourly(100, 1), START)).toBe(100)
      let now = START
      for (const limit of between) {
        now += 180 * SECOND
        ask(lender, limit, 5000, now)
        now += 180 * SECOND
        lender = woken(lender)
        expect(lender.isForgettable(now)).toBe(false)
      }
      expect(room(lender, hourly(101, 9), now)).toBe(1)
    })

    test("and while it was one, after a wake as well", () => {
      let lender = new Lender(null)
      const often = burst(100, 2, 1)
      let now = START
      let used = 0
      for (; now < START + HOUR * SECOND; now += 30 * SECOND) {
        if (ask(lender, often, 1, now).granted === 1) used += 1
        if (now % 7 === 0) lender = woken(lender)
      }
      expect(used).toBeGreaterThan(90)
      expect(room(lender, hourly(used + 3, 2), now)).toBe(3)
    })

    const SIXTEENTH = 225 * SECOND
    const SLOT = Math.ceil(START / SIXTEENTH) * SIXTEENTH

    test.each([
      ["of one sixteenth of its length count as late as the last of them", SLOT, SLOT + SIXTEENTH - 1, 98],
      ["of two count by themselves", SLOT - 1, SLOT + SIXTEENTH - 2, 99],
      ["of the next two do, too", SLOT + SIXTEENTH - 1, SLOT + SIXTEENTH, 99],
    ])("where uses %s", (_what, first, second, left) => {
      const lender = new Lender(null)
      for (const at of [first, second]) expect(ask(lender, burst(60, 20, 1), 1, at).granted).toBe(1)
      // The first one has left the span, and the second has not.
      expect(room(woken(lender), hourly(100, 2), first + HOUR * SECOND)).toBe(left)
    })

    test("of which a row has as many as there are sixteenths, and one that is not over", () => {
      const lender = new Lender(null)
      let most = 0
      for (let now = START; now < START + 3 * HOUR * SECOND; now += 60 * SECOND) {
        ask(lender, burst(1000, 20, 1), 1, now)
        most = Math.max(most, lender.drain(true).state?.before?.past.uses.length ?? 0)
      }
      expect(most).toBe(17)
    })

    test("and nothing that has left it", () => {
      const lender = new Lender(null)
      expect(room(lender, hourly(100, 1), START)).toBe(100)
      ask(lender, burst(100_000, 1, 2, 1), 5000, START)
      expect(room(lender, hourly(100, 3), START + HOUR * SECOND)).toBe(100)
      const other = new Lender(null)
      expect(room(other, burst(100_000, 50, 1, 1), START)).toBe(50)
      expect(room(other, limitOf(100, { kind: "fixed", seconds: 1 }, { seq: 2 }), START + SECOND)).toBe(100)
    })
  })

  test("leaves what is in a bucket as it is, to the part of a token", () => {
    const of = (limit: number, burst: number, seq: number, seconds = 60) =>
      limitOf(limit, { kind: "bucket", seconds, burst }, { seq })
    const lender = new Lender(null)
    expect(ask(lender, of(60, 4, 1), 4, START).granted).toBe(4)
    expect(ask(lender, of(600, 4, 2), 1, START + 999)).toEqual({ granted: null, used: 4, waits: 1 })
    expect(ask(lender, of(600, 4, 2), 1, START + 1000).granted).toBe(1)
    // 0.009 of a token are left, and after 50 ms half a token more; the other half fills by the figures of then.
    expect(ask(lender, of(300, 4, 3, 60), 1, START + 1050)).toMatchObject({ granted: null, waits: 99 })
    expect(ask(lender, of(100, 4, 4, 20), 1, START + 1148)).toMatchObject({ granted: null, waits: 1 })
    expect(ask(lender, of(100, 4, 5, 20), 1, START + 1149).granted).toBe(1)
  })

  test("lets a bucket of which less than before fits in be empty, and one be below it that was", () => {
    const of = (limit: number, burst: number, seq: number) =>
      limitOf(limit, { kind: "bucket", seconds: 1, burst }, { seq })
    const lender = new Lender(null)
    expect(ask(lender, of(50, 50, 1), 50, START).granted).toBe(50)
    expect(ask(lender, of(10, 4, 2), 1, START)).toEqual({ granted: null, used: 4, waits: 100 })
    const over = { id: "over", holder: "a", limit: of(10, 4, 2), amount: 3, want: 3, settled: [], over: true }
    expect(lender.take(over, START).granted).toBe(3)
    expect(ask(lender, of(10, 2, 3), 1, START)).toEqual({ granted: null, used: 5, waits: 400 })
    expect(ask(lender, of(10, 2, 3), 1, START + 400).granted).toBe(1)
  })

  test("starts anew where it measures otherwise; who measures as before is told to come with a newer bundle", () => {
    const calls = limitOf(100, SLIDING)
    const sum = limitOf(100, SLIDING, { measure: { kind: "sum", field: "arguments.amount" }, seq: 2 })
    const lender = new Lender(null)
    const store = new Store()
    const first = { id: "one", holder: "a", limit: calls, amount: 60, want: 61, settled: [] }
    expect(lender.take(first, START).granted).toBe(61)
    expect(ask(lender, sum, 100, START)).toEqual({ granted: 100, used: 0, since: START, lasts: 0 })
    expect(() => ask(lender, calls, 1, START)).toThrow("measures otherwise")
    lender.settle("a", [{ id: "one", used: 0 }], START)
    store.save(lender.drain())
    expect(ask(new Lender(store.load()), sum, 1, START)).toMatchObject({ granted: null, used: 100 })
  })

  test("starts anew with other values too, after a wake as well", () => {
    const by = (field: "user" | "agent", seq: number) =>
      limitOf(1, SLIDING, { measure: { kind: "distinct", field }, seq })
    const take = (limit: LentLimit, value: string): Take => {
      return { id: `of-${value}`, holder: "a", limit, amount: 0, want: 0, values: [value], settled: [] }
    }
    const lender = new Lender(null)
    const store = new Store()
    expect(lender.take(take(by("user", 1), "alice"), START).granted).toBe(1)
    store.save(lender.drain())
    expect(lender.take(take(by("agent", 2), "first"), START).granted).toBe(1)
    store.save(lender.drain())
    const woken = new Lender(store.load())
    const later = START + SPAN * SECOND - 1
    expect(woken.take(take(by("agent", 2), "second"), later)).toEqual({ granted: null, used: 1, waits: 1 })
  })

  test("that is another bundle's and the same changes nothing", () => {
    const span: LentSpan = { kind: "bucket", seconds: SPAN, burst: 10 }
    const lender = new Lender(null)
    const take = { id: "one", holder: "a", limit: limitOf(10, span), amount: 10, want: 10, settled: [] }
    expect(lender.take(take, START).granted).toBe(10)
    expect(ask(lender, limitOf(10, span, { seq: 2 }), 1, START + 999)).toEqual({ granted: null, used: 10, waits: 1 })
    lender.settle("a", [{ id: "one", used: 0 }], START + 999)
    expect(ask(lender, limitOf(10, span, { seq: 3 }), 10, START + 999)).toMatchObject({ granted: 10 })
  })
})

describe("what makes no sense is not counted", () => {
  const limit = limitOf(10, { kind: "sliding", seconds: SPAN })
  const distinct = { ...limit, measure: { kind: "distinct" as const, field: "user" as const } }
  const sane: Take = { id: "one", holder: "a", limit, amount: 1, want: 1, settled: [] }

  test.each<[string, Partial<Take>]>([
    ["a negative amount", { amount: -1 }],
    ["a fraction", { amount: 0.5 }],
    ["no number", { amount: Number.NaN, want: Number.NaN }],
    ["an amount that is not safe", { amount: 2 ** 53, want: 2 ** 53 }],
    ["endless want", { want: Number.POSITIVE_INFINITY }],
    ["wanting less than is needed", { amount: 2 }],
    ["no id", { id: "" }],
    ["a long id", { id: "x".repeat(513) }],
    ["no holder", { holder: "" }],
    ["values of what is no distinct", { values: [] }],
    ["no values of a distinct", { limit: distinct }],
    ["a long value", { limit: distinct, values: ["x".repeat(513)] }],
    ["a bucket of values", { limit: { ...distinct, span: { kind: "bucket", seconds: 1, burst: 1 } }, values: [] }],
    ["a limit that is none", { limit: { ...limit, limit: -1 } }],
    ["a span of nothing", { limit: { ...limit, span: { kind: "sliding", seconds: 0 } } }],
    ["a span of months", { limit: { ...limit, span: { kind: "fixed", seconds: 2_678_401 } } }],
    ["a burst that is none", { limit: { ...limit, span: { kind: "bucket", seconds: 1, burst: 1.5 } } }],
    ["a bundle that is none", { limit: { ...limit, seq: -1 } }],
    ["a negative settlement", { settled: [{ id: "x", used: -1 }] }],
    ["a settlement of nothing", { settled: [{ id: "", used: 0 }] }],
    ["values without end", { limit: distinct, values: Array.from({ length: 10_001 }, (_, index) => `${index}`) }],
    ["settlements without end", { settled: Array.from({ length: 10_001 }, () => ({ id: "x", used: 0 })) }],
  ])("%s", (_, wrong) => {
    const lender = new Lender(null)
    expect(() => lender.take({ ...sane, ...wrong }, START)).toThrow("asked wrongly")
    if (wrong.settled) expect(() => lender.settle("a", wrong.settled ?? [], START)).toThrow("asked wrongly")
    expect(lender.drain()).toEqual({ state: null, blocks: new Map(), slots: new Map(), values: new Map() })
    expect(lender.take(sane, START)).toEqual({ granted: 1, used: 0, since: START, lasts: 0 })
  })

  test("10,000 values or settlements are not too many", () => {
    const values = Array.from({ length: 10_000 }, (_, index) => `${index}`)
    const settled = values.map((id) => ({ id, used: 0 }))
    const lender = new Lender(null)
    lender.settle("a", settled, START)
    const many = { ...sane, amount: 0, want: 0, limit: { ...distinct, limit: 10_000 }, values, settled }
    expect(lender.take(many, START)).toMatchObject({ granted: 10_000 })
  })
})
