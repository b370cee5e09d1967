/** The kinds of guardrails of docs/guides/guardrails.md, each with the calls that try it. */
import type { Concurrency } from "../../src/core/guardrails/concurrency.ts"
import type { Condition, Pattern } from "../../src/core/guardrails/condition.ts"
import type { Cycle } from "../../src/core/guardrails/cycle.ts"
import type { Field } from "../../src/core/guardrails/definition.ts"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import type { Sequence } from "../../src/core/guardrails/sequence.ts"
import type { Storm } from "../../src/core/guardrails/storm.ts"
import { SequenceModel } from "./conditions.ts"
import type { Dice } from "./dice.ts"
import { AmountModel, BucketModel, ValuesModel } from "./limits.ts"
import { CycleModel, FlightsModel, StormModel } from "./loops.ts"
import type { Asked } from "./model.ts"
import type { Kind } from "./run.ts"

const HOUR = 3_600
const DAY = 86_400
const ALL = { tools: ["*"] } as const

type Ask = Kind["ask"]

const asked = (tool: string, values: Asked["values"] = {}, by = 0, country: string | null = null): Asked => ({
  tool,
  by,
  values,
  country,
})
const CALLED = ["files.list", "files.read", "vault.read", "desk.search", "desk.pay", "burst.go"] as const
/** Any tool, by any task, about one of so many things of which few come up often. */
const anything =
  (things = 1): Ask =>
  (dice) =>
    asked(dice.pick(CALLED), { x: dice.skewed(things) }, dice.below(4))
/** Money, at times in ten-thousandths. */
const amount = (dice: Dice): number => (dice.chance(0.3) ? (1 + dice.below(40_000)) / 10_000 : 1 + dice.below(3))
const payment =
  (things: number): Ask =>
  (dice) =>
    asked("desk.pay", { x: dice.skewed(things), amount: amount(dice) }, dice.below(4))
/** One value, or a list of some. */
const naming =
  (values: number): Ask =>
  (dice) => {
    const one = (): string => `value-${dice.chance(0.5) ? dice.below(values) : dice.skewed(values)}`
    const y = dice.chance(0.2) ? Array.from({ length: 1 + dice.below(3) }, one) : one()
    return asked("desk.search", { x: 0, y }, dice.below(4))
  }

interface LimitKind extends Omit<Kind, "guardrail" | "model"> {
  readonly of: Pick<Limit, "topic" | "per" | "measure" | "span">
  /** Of a bucket, by its limit. */
  readonly burst?: (limit: number) => number
}

function limitKind({ of, burst, ...kind }: LimitKind): Kind {
  const guardrail = (limit: number): Limit => {
    const span = of.span.kind === "bucket" && burst ? { ...of.span, burst: burst(limit) } : of.span
    return { kind: "limit", id: "g", of: ALL, consequence: "deny", ...of, span, limit }
  }
  const model: Kind["model"] = (limit) => {
    const definition = guardrail(limit)
    if (burst) return new BucketModel(definition, burst)
    return of.measure.kind === "distinct" ? new ValuesModel(definition) : new AmountModel(definition)
  }
  return { ...kind, guardrail, model }
}

const CALLS = { kind: "calls" } as const
const COST = { kind: "cost" } as const
const SUM = { kind: "sum", field: "arguments.amount" } as const
const NAMES = { kind: "distinct", field: "arguments.y" } as const
const every = (seconds: number, uses: number) => (limit: number) => (seconds * 1000 * uses) / limit

const LIMITS: readonly LimitKind[] = [
  {
    name: "window, sliding, calls",
    part: 0.2,
    of: { topic: "window", per: ["tree"], measure: CALLS, span: { kind: "sliding", seconds: 60 } },
    thresholds: [50, 20, 80, 1],
    ask: anything(),
    gap: every(60, 1),
  },
  {
    name: "window, sliding, calls, many keys",
    part: 0.1,
    of: { topic: "window", per: ["task", "arguments.x"], measure: CALLS, span: { kind: "sliding", seconds: 60 } },
    thresholds: [3, 5],
    ask: anything(2_000),
    gap: every(60, 1 / 50),
  },
  {
    name: "window, sliding, cost, in hundredths",
    part: 0.1,
    of: { topic: "window", per: ["task"], measure: COST, span: { kind: "sliding", seconds: 10 } },
    thresholds: [1_000, 150, 5_000],
    ask: anything(),
    gap: every(10, 8 / 6 / 4),
  },
  {
    name: "window, sliding, 100,000 in 24 h",
    part: 0.2,
    of: { topic: "window", per: ["tree"], measure: CALLS, span: { kind: "sliding", seconds: DAY } },
    thresholds: [100_000, 30_000],
    ask: anything(),
    gap: every(DAY, 1),
    crashEvery: 20_000,
  },
  {
    name: "window, fixed, calls",
    part: 0.15,
    of: { topic: "window", per: ["tree"], measure: CALLS, span: { kind: "fixed", seconds: 10 } },
    thresholds: [200, 40],
    ask: anything(),
    gap: every(10, 1),
  },
  {
    name: "window, bucket, cost",
    part: 0.15,
    of: { topic: "window", per: ["task"], measure: COST, span: { kind: "bucket", seconds: 60, burst: 30 } },
    burst: () => 30,
    thresholds: [600, 60],
    ask: anything(),
    gap: every(60, 8 / 6 / 4),
  },
  {
    name: "window, bucket, calls, many keys",
    part: 0.1,
    of: {
      topic: "window",
      per: ["tree", "arguments.x"],
      measure: CALLS,
      span: { kind: "bucket", seconds: 1, burst: 1 },
    },
    burst: (limit) => Math.ceil(limit / 2),
    thresholds: [100, 7],
    ask: anything(1_000),
    gap: every(1, 1 / 20),
  },
  {
    name: "budget, within, 200,000 calls",
    part: 0.25,
    of: { topic: "budget", per: ["tree"], measure: CALLS, span: { kind: "sliding", seconds: DAY } },
    thresholds: [200_000],
    ask: anything(),
    gap: every(DAY, 1),
    crashEvery: 200_000,
  },
  {
    name: "budget, within 31 days, 200,000 calls",
    part: 0.25,
    of: { topic: "budget", per: ["tree"], measure: CALLS, span: { kind: "sliding", seconds: 31 * DAY } },
    thresholds: [200_000],
    ask: anything(),
    gap: every(31 * DAY, 1),
    crashEvery: 200_000,
  },
  {
    name: "budget, every, cost, many keys",
    part: 0.1,
    of: { topic: "budget", per: ["tree", "arguments.x"], measure: COST, span: { kind: "fixed", seconds: DAY } },
    thresholds: [20, 300],
    ask: anything(3_000),
    gap: every(DAY, 1 / 400),
  },
  {
    name: "budget, for life, calls, many keys",
    part: 0.1,
    of: { topic: "budget", per: ["task", "arguments.x"], measure: CALLS, span: { kind: "life" } },
    thresholds: [90, 400, 150],
    ask: anything(2_000),
    gap: every(60, 1),
    crashEvery: 100_000,
  },
  {
    name: "budget, within, sum",
    part: 0.15,
    of: { topic: "budget", per: ["tree"], measure: SUM, span: { kind: "sliding", seconds: HOUR } },
    thresholds: [5_000_000, 1_000_000, 20_000_000],
    ask: payment(1),
    gap: every(HOUR, 20_000),
  },
  {
    name: "budget, every, sum, keys",
    part: 0.1,
    of: { topic: "budget", per: ["tree", "arguments.x"], measure: SUM, span: { kind: "fixed", seconds: 60 } },
    thresholds: [50_000, 990_000],
    ask: payment(10),
    gap: every(60, 3_000),
  },
  {
    name: "budget, within, distinct",
    part: 0.1,
    of: { topic: "budget", per: ["tree"], measure: NAMES, span: { kind: "sliding", seconds: 60 } },
    thresholds: [30, 100, 12],
    ask: naming(200),
    gap: every(60, 1),
  },
  {
    name: "budget, within, distinct, many values",
    part: 0.1,
    of: { topic: "budget", per: ["tree"], measure: NAMES, span: { kind: "sliding", seconds: HOUR } },
    thresholds: [4_000, 1_000],
    ask: naming(50_000),
    gap: every(HOUR, 1),
  },
  {
    name: "budget, every, distinct",
    part: 0.05,
    of: { topic: "budget", per: ["task"], measure: NAMES, span: { kind: "fixed", seconds: 60 } },
    thresholds: [30, 100],
    ask: naming(300),
    gap: every(60, 0.3),
  },
  {
    name: "budget, for life, distinct, keys",
    part: 0.05,
    of: { topic: "budget", per: ["tree", "arguments.x"], measure: NAMES, span: { kind: "life" } },
    thresholds: [3, 8, 5],
    ask: (dice, turn) => ({
      ...naming(40)(dice, turn),
      values: { x: Math.floor(dice.next() * (1 + turn / 200)), y: `value-${dice.skewed(20)}` },
    }),
    gap: every(60, 1),
  },
]
export const LIMIT_KINDS: readonly Kind[] = LIMITS.map(limitKind)

const called =
  (calls: number): Ask =>
  (dice) =>
    asked("files.read", { x: dice.skewed(calls) }, dice.below(2))

const cycle = (times: number): Cycle => ({
  kind: "cycle",
  id: "g",
  of: ALL,
  consequence: "deny",
  longest: 4,
  times,
  per: "task",
})
const storm = (limit: number): Storm => ({
  kind: "storm",
  id: "g",
  of: ALL,
  consequence: "deny",
  limit,
  seconds: 60,
  per: "task",
})
const atOnce =
  (...per: Field[]) =>
  (limit: number): Concurrency => ({ kind: "concurrency", id: "g", of: ALL, consequence: "deny", limit, per })

const REPEATS = { topic: "loop", per: ["task", "call"], measure: CALLS } as const

/** The next step of a circle that is gone round, now and then another call. */
const circling: Ask = (dice, turn) => {
  const length = 1 + (Math.floor(turn / 97) % 5)
  return asked("files.list", { x: dice.chance(0.06) ? dice.below(20) : turn % length }, Math.floor(turn / 1_000) % 2)
}
const knocking: Ask = (dice, turn) => {
  const isTrying = Math.floor(turn / 300) % 3 !== 0
  const tool = isTrying && dice.chance(0.5) ? dice.pick(["no.tool", "files.forbidden"]) : "files.list"
  return asked(tool, {}, dice.below(2))
}
const flying: Ask = (dice) => asked(dice.pick(["files.read", "vault.read", "desk.pay"]), {}, dice.below(4))

export const LOOP_KINDS: readonly Kind[] = [
  limitKind({
    name: "loop, repeats",
    part: 0.3,
    of: { ...REPEATS, span: { kind: "sliding", seconds: 60 } },
    thresholds: [5, 3, 20],
    ask: called(200),
    gap: every(60, 1 / 20),
  }),
  limitKind({
    name: "loop, repeats, from 100",
    part: 0.1,
    of: { ...REPEATS, span: { kind: "sliding", seconds: 60 } },
    thresholds: [100, 400],
    ask: called(20),
    gap: every(60, 1 / 10),
  }),
  limitKind({
    name: "loop, repeats, many calls",
    part: 0.1,
    of: { ...REPEATS, span: { kind: "sliding", seconds: HOUR } },
    thresholds: [5],
    ask: (dice, turn) => asked("files.read", { x: dice.chance(0.3) ? `often-${dice.below(40)}` : turn }, 0),
    gap: () => (HOUR * 1000) / 40_000,
  }),
  {
    name: "loop, cycles",
    part: 0.3,
    guardrail: cycle,
    thresholds: [3, 2, 6],
    model: (times) => new CycleModel(cycle(times)),
    ask: circling,
    gap: () => 1_000,
  },
  {
    name: "loop, denials",
    part: 0.2,
    guardrail: storm,
    thresholds: [10, 100, 3],
    model: (limit) => new StormModel(storm(limit)),
    ask: knocking,
    gap: every(60, 1),
  },
  limitKind({
    name: "deviation",
    of: {
      topic: "deviation",
      per: ["task"],
      measure: { kind: "distinct", field: "country" },
      span: { kind: "sliding", seconds: 60 },
    },
    thresholds: [1, 3],
    ask: (dice) => asked("files.list", {}, dice.below(2), dice.pick(["DE", "DE", "DE", "FR", "", "AT", "PL"])),
    gap: () => 12_000,
  }),
  {
    name: "concurrency",
    part: 0.8,
    guardrail: atOnce("task"),
    thresholds: [2, 5, 1],
    model: (limit) => new FlightsModel(atOnce("task")(limit)),
    ask: flying,
    gap: (limit) => 500 / limit,
  },
  {
    name: "concurrency, keys",
    part: 0.2,
    guardrail: atOnce("tree", "tool"),
    thresholds: [40, 90],
    model: (limit) => new FlightsModel(atOnce("tree", "tool")(limit)),
    ask: flying,
    gap: (limit) => 400 / limit,
  },
]

const such = (tools: readonly string[], ...ties: readonly (readonly [past: Field, present: Field])[]): Pattern => ({
  tools,
  where: ties.map(([past, present]) => ({ past, present })),
})
const SAME: readonly [Field, Field] = ["arguments.x", "arguments.x"]
const SAME_TASK: readonly [Field, Field] = ["task", "task"]
const not = (of: Condition): Condition => ({ kind: "not", of })

/** Calls to read, to write, to close, about one of so many things. */
const work =
  (things: number): Ask =>
  (dice) => {
    const tool = dice.pick(["files.read", "files.read", "desk.pay", "desk.pay", "vault.read", "desk.search"])
    return asked(tool, { x: dice.skewed(things), y: `value-${dice.skewed(60)}`, amount: amount(dice) }, dice.below(3))
  }

interface SequenceKind extends Omit<Kind, "guardrail" | "model"> {
  readonly require: (threshold: number) => Condition
  /** Which are judged; absent: payments. */
  readonly judged?: readonly string[]
}

function sequenceKind({ require, judged = ["desk.pay"], ...kind }: SequenceKind): Kind {
  const guardrail = (threshold: number): Sequence => ({
    kind: "sequence",
    id: "g",
    of: { tools: judged },
    consequence: "deny",
    require: require(threshold),
  })
  return { ...kind, guardrail, model: (threshold) => new SequenceModel(guardrail, threshold) }
}

const READ = such(["files.read"], SAME)
const PAID = such(["desk.pay"])
const atMost = (most: number) => ({ atMost: most })
const atLeast = (least: number) => ({ atLeast: least })

const SEQUENCES: readonly SequenceKind[] = [
  {
    name: "sequence, require formerly",
    part: 0.1,
    require: () => ({ kind: "formerly", event: READ, seconds: 60 }),
    thresholds: [1],
    ask: work(500),
    gap: () => 200,
  },
  {
    name: "sequence, forbid formerly",
    part: 0.1,
    require: () => not({ kind: "formerly", event: such(["files.read"], SAME, SAME_TASK), seconds: 60 }),
    thresholds: [1],
    ask: work(500),
    gap: () => 200,
  },
  {
    name: "sequence, require previous",
    part: 0.1,
    require: () => ({ kind: "previous", event: READ, seconds: 10, in: "task" }),
    thresholds: [1],
    ask: work(3),
    gap: () => 2_000,
  },
  {
    name: "sequence, forbid previous in the tree",
    part: 0.1,
    require: () => not({ kind: "previous", event: such(["files.read"]), seconds: 10, in: "tree" }),
    thresholds: [1],
    ask: work(3),
    gap: () => 2_000,
  },
  {
    name: "sequence, require since",
    part: 0.1,
    require: () => ({ kind: "since", event: READ, undoneBy: such(["desk.search"], SAME), seconds: 60 }),
    thresholds: [1],
    ask: work(300),
    gap: () => 200,
  },
  {
    name: "sequence, forbid since",
    part: 0.1,
    require: () => not({ kind: "since", event: such(["vault.read"]), undoneBy: such(["desk.search"]), seconds: 60 }),
    thresholds: [1],
    ask: work(3),
    gap: () => 10_000,
  },
  {
    name: "sequence, count at most",
    part: 0.15,
    require: (most) => ({ kind: "count", event: PAID, seconds: 60, is: atMost(most) }),
    thresholds: [10, 100, 3],
    ask: work(3),
    gap: every(60, 1 / 3),
  },
  {
    name: "sequence, count at most, long",
    part: 0.2,
    require: (most) => ({ kind: "count", event: PAID, seconds: HOUR, is: atMost(most) }),
    thresholds: [1_000, 20_000],
    ask: work(3),
    gap: every(HOUR, 1 / 3),
  },
  {
    name: "sequence, require count at least",
    part: 0.1,
    require: (least) => ({ kind: "count", event: such(["files.read"]), seconds: 60, is: atLeast(least) }),
    thresholds: [5, 40, 500],
    ask: work(3),
    gap: every(60, 1 / 3),
  },
  {
    name: "sequence, forbid count at least, of others",
    part: 0.1,
    require: (least) => not({ kind: "count", event: such(["files.read"]), seconds: 60, is: atLeast(least) }),
    thresholds: [10, 100, 1_000],
    ask: work(3),
    gap: () => 200,
  },
  {
    name: "sequence, count at most, of others",
    part: 0.1,
    require: (most) => ({ kind: "count", event: such(["files.read", "vault.read"]), seconds: 60, is: atMost(most) }),
    thresholds: [100, 10, 2_000],
    ask: work(3),
    gap: () => 200,
  },
  {
    name: "sequence, forbid distinct at least, of others",
    part: 0.1,
    require: (least) =>
      not({ kind: "distinct", event: such(["files.read"]), field: "arguments.y", seconds: 60, is: atLeast(least) }),
    thresholds: [5, 30, 50],
    ask: work(3),
    gap: () => 1_000,
  },
  {
    name: "sequence, sum at most, of others",
    part: 0.1,
    require: (most) => ({
      kind: "sum",
      event: such(["files.read"], SAME),
      field: "arguments.amount",
      seconds: 60,
      is: atMost(most),
    }),
    thresholds: [200_000, 30_000, 5_000_000],
    ask: work(2),
    gap: () => 2_000,
  },
  {
    name: "sequence, count at most, keys",
    part: 0.1,
    require: (most) => ({ kind: "count", event: such(["desk.pay"], SAME), seconds: 600, is: atMost(most) }),
    thresholds: [3, 30],
    ask: work(500),
    gap: every(600, 1 / 40),
  },
  {
    name: "sequence, distinct at most",
    part: 0.1,
    require: (most) => ({ kind: "distinct", event: PAID, field: "arguments.y", seconds: 60, is: atMost(most) }),
    thresholds: [5, 20, 2],
    ask: work(3),
    gap: every(60, 1 / 6),
  },
  {
    name: "sequence, require distinct at least",
    part: 0.1,
    require: (least) => ({
      kind: "distinct",
      event: such(["files.read"]),
      field: "arguments.y",
      seconds: 60,
      is: atLeast(least),
    }),
    thresholds: [5, 20, 2],
    ask: work(3),
    gap: every(60, 1 / 6),
  },
  {
    name: "sequence, sum at most",
    part: 0.1,
    require: (most) => ({ kind: "sum", event: PAID, field: "arguments.amount", seconds: 60, is: atMost(most) }),
    thresholds: [200_000, 30_000, 5_000_000],
    ask: work(3),
    gap: every(60, 6_000),
  },
  {
    name: "sequence, require sum at least",
    part: 0.1,
    require: (least) => ({
      kind: "sum",
      event: such(["files.read"]),
      field: "arguments.amount",
      seconds: 60,
      is: atLeast(least),
    }),
    thresholds: [200_000, 30_000, 5_000_000],
    ask: work(3),
    gap: every(60, 6_000),
  },
  {
    name: "sequence, all, any, not, when",
    part: 0.1,
    require: (most) => ({
      kind: "all",
      of: [
        {
          kind: "any",
          of: [
            { kind: "formerly", event: READ, seconds: 60 },
            not({ kind: "count", event: such(["vault.read"]), seconds: 60, is: atLeast(2) }),
          ],
        },
        not({
          kind: "all",
          of: [
            { kind: "distinct", event: PAID, field: "arguments.y", seconds: 60, is: atLeast(most) },
            { kind: "sum", event: PAID, field: "arguments.amount", seconds: 60, is: atLeast(20_000 * most) },
          ],
        }),
        not({
          kind: "formerly",
          event: { ...such(["desk.search"], SAME), when: { kind: "previous", event: READ, seconds: 60, in: "task" } },
          seconds: 60,
        }),
      ],
    }),
    thresholds: [4, 10],
    ask: work(6),
    gap: () => 2_500,
  },
]
export const SEQUENCE_KINDS: readonly Kind[] = SEQUENCES.map(sequenceKind)
