/**
 * Guardrails against their model where a ledger keeps them: on the real SQLite of an object, with crashes,
 * transactions that fail, and clocks that step back.
 */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Condition } from "../../src/core/guardrails/condition.ts"
import type { Cycle } from "../../src/core/guardrails/cycle.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import type { Storm } from "../../src/core/guardrails/storm.ts"
import { KeptTree } from "../harness/driven-trees.ts"
import {
  concurrency,
  crashing,
  cycle,
  ending,
  failing,
  limit,
  lives,
  releasing,
  repeats,
  sequence,
  several,
  steppingBack,
  storm,
  timed,
  type Asked,
  type Step,
} from "../harness/guardrail-worlds.ts"
import { ModelledLife, openYard, type Promised } from "../harness/modelled-life.ts"
import { longerBy, runsOf } from "../harness/runs.ts"
import { ALICE } from "../harness/trees.ts"

/** A call that every guardrail can read. */
const MODEST: Asked = {
  tool: "files.list",
  by: 0,
  values: { x: 1, y: "a", amount: 0.1 },
  complete: true,
  gateway: "envoy",
  environment: "test",
  country: "DE",
  network: "10.0.0.0/24",
  risk: 90,
}

type World = readonly [readonly Guardrail[], readonly Step[]]

/** All runs in one object, which begins anew for each. */
async function assertKept(
  worlds: readonly [fc.Arbitrary<World[0]>, fc.Arbitrary<World[1]>],
  promised: Promised,
  numRuns: number,
  denialUpdates: (life: ModelledLife) => void = () => undefined,
): Promise<ModelledLife["seen"] & { readonly early: number }> {
  const seen = { admitted: 0, denied: 0, ended: 0, followed: 0, early: 0 }
  await runInDurableObject(env.LEDGER.getByName(crypto.randomUUID()), (_ledger, { storage }) => {
    const property = fc.property(...worlds, (guardrails, steps) => {
      const bundle = openYard(guardrails)
      const tree = new KeptTree(storage, bundle, ALICE)
      const life = new ModelledLife(bundle, tree, ALICE, promised)
      life.go(steps)
      denialUpdates(life)
      seen.early += tree.early
      seen.admitted += life.seen.admitted
      seen.denied += life.seen.denied
      seen.ended += life.seen.ended
      seen.followed += life.seen.followed
    })
    fc.assert(property, { seed: 20261125, numRuns })
  })
  return seen
}

/** What happens most to times: that they move a little. */
const moving: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 4, arbitrary: fc.record({ does: fc.constant("wait"), ms: fc.integer({ min: 1, max: 100 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant("edge"),
      past: fc.nat({ max: 1 }),
      ms: fc.constantFrom(1000, 2000, 5000),
      off: fc.integer({ min: -100, max: 0 }),
    }),
  },
]

/** One over everything, of which a block is more than a call. */
const blocks = fc
  .record({
    limit: fc.constantFrom(200, 300),
    kind: fc.constantFrom("sliding" as const, "sliding" as const, "fixed" as const, "bucket" as const, "life" as const),
  })
  .map(({ limit: most, kind }): readonly Limit[] => {
    const span: Limit["span"] =
      kind === "life" ? { kind } : kind === "bucket" ? { kind, seconds: 2, burst: most } : { kind, seconds: 2 }
    const what = { topic: "window", of: { tools: ["*"] }, per: ["tree"], measure: { kind: "calls" } } as const
    return [{ kind: "limit", id: "g", ...what, limit: most, span, consequence: "deny" }]
  })

const exactly = limit({ large: false })
const KINDS = [
  ["limits", several(exactly, repeats), {}, 0.35],
  ["sequences", several(sequence), {}, 0.35],
  ["circles", several(cycle), { alike: true }, 0.3],
  ["storms", several(storm, storm, exactly), { denied: 10 }, 0.1],
  ["calls in flight", several(concurrency), {}, 0.1],
  ["times that move a little", several(timed), { alike: true, more: moving }, 0.5],
] as const

const FAULTS = [
  {
    what: "calls that come slowly: whenever the object is evicted, all is as it was",
    promise: "exact but for loops",
    faults: [{ weight: 2, arbitrary: crashing }],
  },
  {
    what: "crashes at any point, and clocks that step back: nothing is admitted that all of the past forbids",
    promise: "never more",
    faults: [
      { weight: 2, arbitrary: crashing },
      { weight: 1, arbitrary: failing },
      { weight: 1, arbitrary: steppingBack },
    ],
  },
] as const

describe.each(FAULTS)("$what", ({ promise, faults }) => {
  test.each(KINDS)(
    "%s",
    async (_what, guardrails, happenings, part) => {
      const numRuns = runsOf(330 * part)
      const more = [...faults, ...("more" in happenings ? happenings.more : [])]
      const worlds = [guardrails, lives({ ...happenings, more })] as const
      const { admitted, denied } = await assertKept(worlds, promise, numRuns)
      expect(admitted).toBeGreaterThan(numRuns)
      expect(denied).toBeGreaterThan(numRuns / 4)
    },
    longerBy(60_000),
  )
})

describe("crashes at any point", () => {
  test(
    "limits that are written down in blocks",
    async () => {
      const numRuns = runsOf(80)
      const times = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 150 }))
      const steps = fc.array(
        fc.oneof(
          { weight: 5, arbitrary: times.map((many): Step => ({ does: "call", times: many, ...MODEST })) },
          { weight: 3, arbitrary: fc.constantFrom(1, 500, 999, 1000).map((ms): Step => ({ does: "wait", ms })) },
          { weight: 3, arbitrary: crashing },
        ),
        { minLength: 4, maxLength: 14, size: "max" },
      )
      const { admitted, denied, early } = await assertKept([blocks, steps], "never more", numRuns)
      expect(admitted).toBeGreaterThan(numRuns)
      expect(denied).toBeGreaterThan(numRuns)
      expect(early).toBeGreaterThan(numRuns)
    },
    longerBy(60_000),
  )
})

describe("crashes that chance would seldom find", () => {
  const crash: Step = { does: "crash" }
  const callOf = (tool: string, times = 1): Step => ({ does: "call", ...MODEST, tool, times })

  test("a circle with a crash anywhere in it is closed no more often", async () => {
    const round: Cycle = {
      kind: "cycle",
      id: "g",
      of: { tools: ["*"] },
      longest: 3,
      times: 3,
      per: "task",
      consequence: "deny",
    }
    const steps = fc.record({ of: fc.constantFrom(2, 3), at: fc.nat({ max: 8 }) }).map(({ of, at }) => {
      const calls = Array.from({ length: 9 }, (_, index) =>
        callOf(["files.list", "desk.pay", "files.read"][index % of] ?? ""),
      )
      return calls.toSpliced(at, 0, crash)
    })
    expect((await assertKept([fc.constant([round]), steps], "never more", 60)).denied).toBeGreaterThan(0)
  })

  test("a value that was there again too soon to be written down", async () => {
    const event = { tools: ["files.list"], where: [] }
    const anything = { tools: ["*"], where: [] }
    const conditions: readonly Condition[] = [
      { kind: "not", of: { kind: "formerly", event, seconds: 1 } },
      { kind: "not", of: { kind: "previous", event, seconds: 1, in: "tree" } },
      { kind: "distinct", event: anything, field: "tool", seconds: 1, is: { atMost: 1 } },
    ]
    const sequences = conditions.map((require): Guardrail => {
      return { kind: "sequence", id: "g", of: { tools: ["desk.pay"] }, require, consequence: "deny" }
    })
    const what = { topic: "window", of: { tools: ["*"] }, per: ["tree"], limit: 1 } as const
    const measure = { kind: "distinct", field: "tool" } as const
    const span = { kind: "sliding", seconds: 1 } as const
    const values: Guardrail = { kind: "limit", id: "g", ...what, measure, span, consequence: "deny" }
    const steps = fc
      .record({ ms: fc.integer({ min: 1, max: 100 }), off: fc.integer({ min: -70, max: 0 }), few: fc.nat({ max: 5 }) })
      .map(({ ms, off, few }): readonly Step[] => [
        // Some are written one by one, some are not.
        callOf("files.list", 1 + few),
        { does: "wait", ms },
        callOf("files.list"),
        crash,
        { does: "edge", past: 0, ms: 1000, off },
        callOf("desk.pay"),
      ])
    const worlds = [fc.constantFrom(...sequences, values).map((each) => [each]), steps] as const
    expect((await assertKept(worlds, "never more", 200)).denied).toBeGreaterThan(100)
  })

  test("a call that is repeated anew once all that is written of it is over", async () => {
    const what = { topic: "loop", of: { tools: ["*"] }, per: ["task", "call"], measure: { kind: "calls" } } as const
    const span = { kind: "sliding", seconds: 1 } as const
    const again: Limit = { kind: "limit", id: "g", ...what, limit: 3, span, consequence: "deny" }
    const steps: readonly Step[] = [
      callOf("files.list", 2),
      { does: "wait", ms: 1000 },
      callOf("files.list"),
      crash,
      callOf("files.list", 3),
    ]
    expect((await assertKept([fc.constant([again]), fc.constant(steps)], "never more", 1)).denied).toBe(1)
  })

  const timeout = longerBy(60_000)
  test("a block of which some is left when a span is over, and some is used in the next", { timeout }, async () => {
    const few = fc.integer({ min: 1, max: 4 })
    const steps = fc
      .record({ before: few, ms: fc.constantFrom(1, 2000), after: few })
      .map(({ before, ms, after }): readonly Step[] => [
        callOf("files.list", before),
        { does: "wait", ms },
        callOf("files.list", after),
        crash,
        callOf("files.list", 310),
      ])
    const numRuns = runsOf(13)
    expect((await assertKept([blocks, steps], "never more", numRuns)).denied).toBeGreaterThan(numRuns)
  })
})

/** Milliseconds after which nothing that was counted so far counts in any limit with a span. */
function spanOf({ span, limit: most }: Limit): number {
  if (span.kind === "life") return Number.POSITIVE_INFINITY
  const ms = span.seconds * 1000
  return span.kind === "bucket" ? Math.max(ms, Math.ceil((span.burst * ms) / most)) : ms
}

describe("credit that a crash took is there again once its span has passed", () => {
  const more = [
    { weight: 3, arbitrary: crashing },
    { weight: 1, arbitrary: failing },
    { weight: 1, arbitrary: steppingBack },
  ]

  test.each([
    ["small limits", false, 60, 80],
    ["limits that are written down in blocks", true, 450, 10],
  ])(
    "%s",
    async (_what, large, most, runs) => {
      const numRuns = runsOf(runs)
      const counting = limit({ large }).filter(({ span }) => span.kind !== "life")
      const worlds = [several(counting), lives({ more, times: fc.integer({ min: 1, max: 6 }), maxLength: 12 })] as const
      const { admitted } = await assertKept(worlds, "never more", numRuns, (life) => {
        life.step({ does: "crash" })
        // The clock may have stepped back: the tree's own does not.
        const spans = life.guardrails.map((each) => (each.kind === "limit" ? spanOf(each) : 0))
        life.clock = Math.max(life.clock, life.tree.state.ledger.clock) + Math.max(...spans)
        // From here on all limits are as new.
        life.promised = "exact"
        for (let call = 0; call < most; call++) if (!life.call(MODEST)) break
      })
      expect(admitted).toBeGreaterThan(numRuns)
    },
    longerBy(60_000),
  )

  test(
    "circles, repeated calls and what came before: other calls are admitted, and the same ones in the end",
    async () => {
      const kinds = several(cycle, repeats)
      const worlds = [kinds, lives({ alike: true, more, maxLength: 20 })] as const
      await assertKept(worlds, "never more", runsOf(100), (life) => {
        life.step({ does: "crash" })
        life.clock = Math.max(life.clock, life.tree.state.ledger.clock) + 5000
        // None is like another.
        for (let call = 0; call < 9; call++) expect(life.call({ ...MODEST, values: { x: `new ${call}` } })).toBe(true)
        life.promised = "exact"
        for (let call = 0; call < 20; call++) life.call({ ...MODEST, values: { x: call % 2 } })
      })
    },
    longerBy(60_000),
  )
})

/** Guardrails of which the task may suffer. */
const grave = several(exactly, repeats, sequence, cycle, storm, storm, concurrency).chain((guardrails) =>
  fc
    .array(fc.constantFrom("deny" as const, "deny" as const, "quarantine" as const, "revoke" as const), {
      minLength: guardrails.length,
      maxLength: guardrails.length,
    })
    .map((consequences) =>
      guardrails.map((each, index): Guardrail => ({ ...each, consequence: consequences[index] ?? "deny" })),
    ),
)

describe("ended is ended", () => {
  const ends = [
    { weight: 2, arbitrary: ending },
    { weight: 2, arbitrary: releasing },
    { weight: 1, arbitrary: crashing },
  ]
  const crashes = [
    { weight: 1, arbitrary: crashing },
    { weight: 1, arbitrary: failing },
    { weight: 1, arbitrary: steppingBack },
  ]
  test("of two storms that come at once, the one follows of which the task suffers", async () => {
    const storms = (["deny", "revoke"] as const).map((consequence, index): Storm => {
      return { kind: "storm", id: `g${index}`, of: { tools: ["*"] }, limit: 1, seconds: 5, per: "task", consequence }
    })
    const denied: Step = { does: "call", times: 2, ...MODEST, tool: "no.tool" }
    const steps: readonly Step[] = [denied, { does: "call", times: 1, ...MODEST }]
    const seen = await assertKept([fc.constant(storms), fc.constant(steps)], "exact", 1)
    expect(seen).toMatchObject({ followed: 1, ended: 1 })
  })

  test.each([
    [
      "by operators, agents and guardrails: what is frozen goes on once it is released",
      ends,
      200,
      "exact but for loops",
    ],
    ["through crashes: nothing of a task that has ended, or of one below it", [...ends, ...crashes], 200, "never more"],
  ] as const)(
    "%s",
    async (_what, more, runs, promised) => {
      const numRuns = runsOf(runs)
      const worlds = [grave, lives({ more, denied: 3 })] as const
      const { admitted, ended, followed } = await assertKept(worlds, promised, numRuns)
      expect(admitted).toBeGreaterThan(numRuns)
      expect(ended).toBeGreaterThan(numRuns)
      expect(followed).toBeGreaterThan(numRuns / 15)
    },
    longerBy(60_000),
  )
})
