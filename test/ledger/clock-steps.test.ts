/**
 * A platform's clock that makes steps of a second to 26 hours, in either direction, while a tree is called; and is right
 * in the end. True time is the driver's. Nothing is admitted in a span of true time beyond its limit. A leap ahead of every
 * earlier time counts as time that has passed: the ledger cannot distinguish it from a pause (docs/reference/faults.md).
 */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Condition } from "../../src/core/guardrails/condition.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit, Span } from "../../src/core/guardrails/limit-definition.ts"
import { TOOLS } from "../harness/guardrail-worlds.ts"
import { inKeptLife, type KeptLife } from "../harness/kept-life.ts"
import { START } from "../harness/trees.ts"

const SPAN_MS = 60_000
const SECONDS = SPAN_MS / 1000
const HOUR_MS = 3_600_000
const COMMON = { id: "g", of: { tools: ["files.*"] }, consequence: "deny" } as const

const limit = (most: number, span: Span, more: Partial<Limit> = {}): Limit => {
  const counted = { topic: "window", per: ["tree"], measure: { kind: "calls" } } as const
  return { kind: "limit", ...COMMON, ...counted, limit: most, span, ...more }
}
const sliding = { kind: "sliding", seconds: SECONDS } as const
const fixed = { kind: "fixed", seconds: SECONDS } as const
const bucket = { kind: "bucket", seconds: SECONDS, burst: 6 } as const
const distinct = { measure: { kind: "distinct", field: "arguments.x" } } as const
const looped = { topic: "loop", per: ["task", "call"] } as const
const event = { tools: ["files.*"], where: [] }
const sequence = (require: Condition): Guardrail => ({ kind: "sequence", ...COMMON, require })
const not = (of: Condition): Condition => ({ kind: "not", of })

interface Admitted {
  /** True time in milliseconds, with leaps ahead. */
  readonly at: number
  readonly x: number
}

interface Kind {
  readonly guardrail: Guardrail
  /** Whether a call at this time would be one too many. */
  readonly isOver: (past: readonly Admitted[], call: Admitted) => boolean
  /** How many are admitted at once, of calls with other values each, where nothing counts. */
  readonly most: number
  /** What the calls of the test have in `x`, so that it has something to count. */
  readonly values: number
}

const within = (past: readonly Admitted[], { at }: Admitted): readonly Admitted[] =>
  past.filter((each) => each.at > at - SPAN_MS)
const inPeriod = (past: readonly Admitted[], { at }: Admitted): readonly Admitted[] =>
  past.filter((each) => each.at >= Math.floor(at / SPAN_MS) * SPAN_MS)
const valuesOf = (calls: readonly Admitted[]): number => new Set(calls.map(({ x }) => x)).size

function overflows(past: readonly Admitted[], call: Admitted): boolean {
  let used = 0
  let before = Number.NEGATIVE_INFINITY
  for (const { at } of [...past, call]) {
    used = Math.max(0, used - ((at - before) * 6) / SPAN_MS) + 1
    before = at
  }
  return used > bucket.burst + 1e-6
}

const counted = (most: number, guardrail: Guardrail): Kind => {
  return { guardrail, most, values: 1_000_000, isOver: (past, call) => within(past, call).length >= most }
}

const KINDS: Readonly<Record<string, Kind>> = {
  window: counted(6, limit(6, sliding)),
  "window in blocks": counted(120, limit(120, sliding)),
  budget: counted(6, limit(6, sliding, { topic: "budget" })),
  "fixed window": { ...counted(6, limit(6, fixed)), isOver: (past, call) => inPeriod(past, call).length >= 6 },
  "fixed window in blocks": {
    ...counted(120, limit(120, fixed)),
    isOver: (past, call) => inPeriod(past, call).length >= 120,
  },
  bucket: { ...counted(6, limit(6, bucket)), isOver: overflows },
  distinct: {
    ...counted(6, limit(6, sliding, distinct)),
    values: 12,
    isOver: (past, call) => valuesOf([...within(past, call), call]) > 6,
  },
  "distinct of a fixed span": {
    ...counted(6, limit(6, fixed, distinct)),
    values: 12,
    isOver: (past, call) => valuesOf([...inPeriod(past, call), call]) > 6,
  },
  repeats: {
    guardrail: limit(2, sliding, looped),
    most: 6,
    values: 3,
    isOver: (past, call) => within(past, call).filter(({ x }) => x === call.x).length >= 2,
  },
  formerly: counted(1, sequence(not({ kind: "formerly", event, seconds: SECONDS }))),
  previous: counted(1, sequence(not({ kind: "previous", event, seconds: SECONDS, in: "tree" }))),
  count: counted(6, sequence({ kind: "count", event, seconds: SECONDS, is: { atMost: 6 } })),
  "distinct in a sequence": {
    ...counted(6, sequence({ kind: "distinct", event, field: "arguments.x", seconds: SECONDS, is: { atMost: 6 } })),
    values: 12,
    isOver: (past, call) => valuesOf([...within(past, call), call]) > 6,
  },
  concurrency: {
    ...counted(6, { kind: "concurrency", ...COMMON, limit: 6, per: ["tree"] }),
    isOver: (past, call) => past.filter(({ at }) => at > call.at - TOOLS["files.read"].duration * 1000).length >= 6,
  },
}

/** A tree, and what the driver knows of it. */
class Driven {
  readonly #life: KeptLife
  readonly #kind: Kind
  /** Milliseconds: what a calendar on the wall shows, and with leaps ahead. */
  #wall = START
  #leapt = 0
  #off = 0
  readonly #past: Admitted[] = []
  #made = 0
  /** The longest leap ahead. */
  ahead = 0

  constructor(life: KeptLife, kind: Kind) {
    this.#life = life
    this.#kind = kind
  }

  #tick(): void {
    this.#life.now = this.#wall + this.#off
  }

  wait(milliseconds: number): void {
    this.#wall += milliseconds
    this.#tick()
  }

  /** @returns whether it was admitted */
  call(x = this.#made++ % this.#kind.values): boolean {
    const call = { at: this.#wall + this.#leapt, x }
    const isAdmitted = this.#life.call("files.read", { x: `v${x}` }) === "allowed"
    if (!isAdmitted) return false
    expect(this.#kind.isOver(this.#past, call)).toBe(false)
    this.#past.push(call)
    return true
  }

  calls(many: number): number {
    return Array.from({ length: many }, () => this.call()).filter(Boolean).length
  }

  /** After a call that was admitted, and so is stored: otherwise a later life does not know of this time. */
  crash(): void {
    if (this.call()) this.#life.crash()
  }

  /** @param off milliseconds by which the clock is ahead of true time from now on */
  step(off: number, dies: boolean): void {
    const isKnown = this.call()
    if (off > Math.max(0, this.#off)) {
      this.#leapt += off - Math.max(0, this.#off)
      this.ahead = Math.max(this.ahead, off)
    }
    this.#off = off
    this.#tick()
    if (dies && isKnown) this.#life.crash()
    this.call()
    // Where the clock was set back, the life of a token was cut short.
    this.#life.renew()
    this.call()
  }
}

type Step =
  | { readonly does: "call"; readonly many: number }
  | { readonly does: "wait"; readonly ms: number }
  | { readonly does: "crash" }
const step = fc.oneof<fc.Arbitrary<Step>[]>(
  fc.record({ does: fc.constant("call" as const), many: fc.constantFrom(1, 3, 8) }),
  fc.record({
    does: fc.constant("wait" as const),
    ms: fc.constantFrom(1, 900, 10_000, 29_000, 59_999, 60_000, 90_000),
  }),
  fc.constant({ does: "crash" as const }),
)
const steps = fc.array(step, { maxLength: 5 })
const anyLength = fc.oneof(
  fc.constantFrom(1_000, 5_000, 30_000, 61_000, 300_000, HOUR_MS, 26 * HOUR_MS),
  fc.integer({ min: 1_000, max: 26 * HOUR_MS }),
)
/** What is first counted while the clock is wrong is of a fixed span that begins by it: here, when the true one does. */
const wholeSpans = anyLength.map((ms) => Math.ceil(ms / SPAN_MS) * SPAN_MS)
const excursionsOf = (by: fc.Arbitrary<number>, mayBeAhead: boolean) => {
  const behind = fc
    .array(
      by.map((ms) => -ms),
      { minLength: 1, maxLength: 2 },
    )
    .map((all) => all.toSorted((one, other) => other - one))
  const ahead = by.map((ms) => [ms])
  const excursion = fc.record({
    before: steps,
    /** How far the clock is off, one after the other: further and further behind, or ahead. */
    offs: mayBeAhead ? fc.oneof({ weight: 3, arbitrary: behind }, ahead) : behind,
    dies: fc.boolean(),
    meanwhile: steps,
  })
  return fc.array(excursion, { minLength: 1, maxLength: 3 })
}

function drive(driven: Driven, all: readonly Step[], bulk: number): void {
  for (const each of all) {
    if (each.does === "wait") driven.wait(each.ms)
    else if (each.does === "crash") driven.crash()
    else driven.calls(each.many * bulk)
  }
}

describe.each(Object.entries(KINDS))("%s", (name, kind) => {
  const runs = kind.most > 100 ? 40 : 150
  const bulk = kind.most > 100 ? 20 : 1
  // A fixed span begins by the clock: one that leaps ahead begins another one.
  const isFixed = name.includes("fixed")

  test("is never exceeded in a span of true time, and all of it is back after a span", async () => {
    const excursions = excursionsOf(name.startsWith("distinct of") ? wholeSpans : anyLength, !isFixed)
    const property = fc.asyncProperty(excursions, async (all) => {
      await inKeptLife([kind.guardrail], (life) => {
        const driven = new Driven(life, kind)
        for (const { before, offs, dies, meanwhile } of all) {
          drive(driven, before, bulk)
          for (const off of offs) {
            driven.step(off, dies)
            // A pause that is as long as a step would be taken for one.
            const least = Math.min(...offs.map((each, index) => Math.abs(each - (offs[index - 1] ?? 0))))
            drive(
              driven,
              meanwhile.filter((each) => each.does !== "wait" || each.ms < least),
              bulk,
            )
          }
          driven.step(0, dies)
        }
        driven.calls(3)
        driven.wait(SPAN_MS)
        // A pause that is as long as the clock was ahead does not count: that clock may have come forward again.
        if (driven.ahead > 0) {
          driven.call()
          driven.wait(SPAN_MS)
        }
        expect(driven.calls(kind.most)).toBe(kind.most)
      })
    })
    await fc.assert(property, { seed: 20261203, numRuns: runs })
  })

  test.each([
    ["a second", 1_000],
    ["five minutes", 300_000],
    ["26 hours", 26 * HOUR_MS],
  ])("half of it used, half with the clock %s behind, and none once it is right", async (_text, ms) => {
    for (const dies of [false, true])
      await inKeptLife([kind.guardrail], (life) => {
        const driven = new Driven(life, kind)
        const half = Math.ceil(kind.most / 2)
        expect(driven.calls(half)).toBe(half)
        driven.wait(2_000)
        driven.step(-ms, dies)
        driven.calls(kind.most)
        driven.wait(20_000)
        driven.step(0, dies)
        driven.calls(kind.most)
        driven.wait(20_000)
        driven.calls(kind.most)
      })
  })
})
