/** Guardrails and lives of a tree as fast-check makes them, small enough that everything meets everything. */
import fc from "fast-check"
import type { ArgumentBounds } from "../../src/core/catalog/bounds/definition.ts"
import type { Concurrency } from "../../src/core/guardrails/concurrency.ts"
import type { Condition, Pattern, Threshold } from "../../src/core/guardrails/condition.ts"
import type { Cycle } from "../../src/core/guardrails/cycle.ts"
import type { Field, Selector } from "../../src/core/guardrails/definition.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit, Span } from "../../src/core/guardrails/limit-definition.ts"
import type { Sequence } from "../../src/core/guardrails/sequence.ts"
import type { Storm } from "../../src/core/guardrails/storm.ts"

/** Of the yard, with what guardrails tell tools apart by. */
export const TOOLS = {
  "files.list": { labels: [], cost: 1 },
  "files.read": { labels: ["l:a"], cost: 3, duration: 1 },
  "vault.read": { labels: ["l:a", "l:b"], cost: 1, duration: 2 },
  "desk.search": { labels: ["l:b"], cost: 2 },
  "desk.pay": { labels: [], cost: 1, duration: 1 },
  "burst.go": { labels: [], cost: 0 },
} as const
export type ToolName = keyof typeof TOOLS
const TOOL_NAMES: readonly ToolName[] = [
  "files.list",
  "files.read",
  "vault.read",
  "desk.search",
  "desk.pay",
  "burst.go",
]
/** Denied whatever the guardrails say, each for another reason. */
const DENIED_TOOLS = ["files.forbidden", "files.purge", "no.tool"] as const
const LIFECYCLE_TOOL = "desk.mcp.ping"

/** Mostly not. */
const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value })

/** Without the members that are undefined. */
function present<Of extends object>(of: Of): { [Key in keyof Of]: Exclude<Of[Key], undefined> } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is undefined has just been left out
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as never
}

const bounds = fc.constantFrom<ArgumentBounds>({ x: { eq: 1 } }, { x: { min: 2 } }, { y: { in: ["a", "b"] } })

const selector: fc.Arbitrary<Selector> = fc
  .record({
    tools: fc.constantFrom(
      ["*"],
      ["*"],
      ["files.*"],
      ["files.read", "desk.*"],
      ["vault.read"],
      ["desk.pay"],
      ["burst.*"],
    ),
    actions: maybe(fc.constantFrom(["read"] as const, ["write", "execute"] as const)),
    labels: maybe(fc.constantFrom(["l:a"], ["l:b"], ["l:a", "l:b"])),
    sensitivity: maybe(fc.constantFrom("internal" as const, "confidential" as const)),
    agents: maybe(fc.constantFrom(["first"], ["second"]).map((names) => names.map(idOfAgent))),
    purposes: maybe(fc.constantFrom(["work"], ["errand"])),
    environments: maybe(fc.constantFrom(["test"], ["live"])),
    arguments: maybe(bounds),
  })
  .map(present)

export function idOfAgent(name: string): string {
  return `spiffe://example.org/agent/${name}`
}

const field = fc.constantFrom<Field>(
  ...(["task", "agent", "user", "purpose", "tool", "server", "call", "gateway", "environment"] as const),
  ...(["country", "network", "arguments.x", "arguments.x", "arguments.y", "arguments.y"] as const),
)

const seconds = fc.constantFrom(1, 2, 5, 5)
const fromRisk = maybe(fc.constantFrom(20, 50))
const per = fc
  .tuple(
    fc.constantFrom<Field>("task", "tree", "task", "tree", "user_or_agent"),
    fc.uniqueArray(field, { maxLength: 2 }),
    fc.boolean(),
  )
  .map(([own, others, first]) => (first ? [own, ...others] : [...others, own]))

/** How large limits are, and how exact what counts towards them. */
interface Sizes {
  /** So high that credit is written down in blocks. */
  readonly large: boolean
}

export const limit = ({ large }: Sizes): fc.Arbitrary<Omit<Limit, "id">> => {
  const most = large ? fc.constantFrom(1, 3, 100, 250, 400) : fc.integer({ min: 1, max: 3 })
  const counted = fc.constantFrom({ kind: "calls" } as const, { kind: "calls" } as const, { kind: "cost" } as const)
  const sized = fc.oneof(
    { weight: 3, arbitrary: fc.record({ measure: counted, limit: most }) },
    {
      weight: 1,
      arbitrary: fc.record({
        measure: fc.constant({ kind: "sum", field: "arguments.amount" } as const),
        limit: fc.constantFrom(10_000, 25_000, 50_000),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        measure: field.map((of) => ({ kind: "distinct", field: of }) as const),
        limit: fc.integer({ min: 1, max: 3 }),
      }),
    },
  )
  return fc
    .record({
      of: selector,
      fromRisk,
      topic: fc.constantFrom("window" as const, "budget" as const, "deviation" as const),
      per,
      sized,
      seconds,
      kind: fc.constantFrom(
        "sliding" as const,
        "sliding" as const,
        "fixed" as const,
        "bucket" as const,
        "life" as const,
      ),
      burst: fc.constantFrom(1, 2, 3),
    })
    .map(({ sized: { measure, limit: size }, seconds: length, kind, burst, fromRisk: risk, ...rest }) => {
      const isCount = measure.kind === "calls" || measure.kind === "cost"
      const span: Span =
        kind === "life"
          ? { kind }
          : kind === "bucket" && isCount
            ? { kind, seconds: length, burst: Math.max(1, Math.floor((size * burst) / 2)) }
            : { kind: kind === "bucket" ? "sliding" : kind, seconds: length }
      return { kind: "limit", ...rest, ...present({ fromRisk: risk }), measure, limit: size, span, consequence: "deny" }
    })
}

const ownPer = fc.constantFrom("task" as const, "tree" as const, "agent" as const)

/** The same call again. */
export const repeats: fc.Arbitrary<Omit<Limit, "id">> = fc
  .record({ of: selector, own: ownPer, limit: fc.integer({ min: 1, max: 4 }), seconds })
  .map(({ of, own, limit: most, seconds: length }) => ({
    kind: "limit",
    topic: "loop",
    of,
    ...(own === "agent" ? { per: ["call"], history: own } : { per: [own, "call"] }),
    measure: { kind: "calls" },
    limit: most,
    span: { kind: "sliding", seconds: length },
    consequence: "deny",
  }))

const tie = fc.oneof(
  { weight: 3, arbitrary: field.map((each) => ({ past: each, present: each })) },
  {
    weight: 1,
    arbitrary: fc.record({
      past: fc.constantFrom<Field>("arguments.x", "arguments.y"),
      present: fc.constantFrom<Field>("arguments.x", "arguments.y"),
    }),
  },
)
const where = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  { weight: 2, arbitrary: fc.array(tie, { maxLength: 2 }) },
)
const threshold = fc.integer({ min: 1, max: 4 })
const is = (of: fc.Arbitrary<number>): fc.Arbitrary<Threshold> =>
  fc.tuple(of, fc.boolean()).map(([many, least]) => (least ? { atLeast: many } : { atMost: many }))

const { condition } = fc.letrec<{ condition: Condition; pattern: Pattern; looking: Condition }>((tied) => ({
  pattern: fc
    .record({
      of: selector,
      where,
      when: fc.oneof(
        { depthIdentifier: "when", maxDepth: 1 },
        { weight: 4, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: tied("looking") },
      ),
    })
    .map(({ of, where: ties, when }) => ({ ...of, where: ties, ...present({ when }) })),
  looking: fc.oneof(
    fc.record({ kind: fc.constant("formerly" as const), event: tied("pattern"), seconds }),
    fc.record({
      kind: fc.constant("previous" as const),
      event: tied("pattern"),
      seconds,
      in: fc.constantFrom("task" as const, "tree" as const),
    }),
    fc.record({ kind: fc.constant("since" as const), event: tied("pattern"), undoneBy: tied("pattern"), seconds }),
    fc.record({ kind: fc.constant("count" as const), event: tied("pattern"), seconds, is: is(threshold) }),
    fc.record({ kind: fc.constant("distinct" as const), event: tied("pattern"), field, seconds, is: is(threshold) }),
    fc.record({
      kind: fc.constant("sum" as const),
      event: tied("pattern"),
      field: fc.constant("arguments.amount" as const),
      seconds,
      is: is(fc.constantFrom(5_000, 10_000, 26_000)),
    }),
  ),
  condition: fc.oneof(
    { depthIdentifier: "condition", maxDepth: 2, withCrossShrink: true },
    { weight: 4, arbitrary: tied("looking") },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("not" as const), of: tied("condition") }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom("all" as const, "any" as const),
        of: fc.array(tied("condition"), { minLength: 2, maxLength: 3 }),
      }),
    },
  ),
}))

export const sequence: fc.Arbitrary<Omit<Sequence, "id">> = fc
  .record({ of: selector, fromRisk, forbid: fc.boolean(), isOfAgent: fc.boolean(), condition })
  .map(({ of, fromRisk: risk, forbid, isOfAgent, condition: written }) => ({
    kind: "sequence",
    of,
    ...(isOfAgent && { history: "agent" }),
    ...present({ fromRisk: risk }),
    // Most conditions do not hold at first: forbidden, they let something happen.
    require: forbid ? { kind: "not", of: written } : written,
    consequence: "deny",
  }))

/** What keeps times only as far as they have moved by more than may be lost. */
export const timed = fc.oneof(
  {
    weight: 1,
    arbitrary: limit({ large: false }).filter(
      ({ measure, span }) => measure.kind === "distinct" && span.kind === "sliding",
    ),
  },
  {
    weight: 3,
    arbitrary: sequence.filter(({ require }) => {
      const { kind } = require.kind === "not" ? require.of : require
      return kind === "formerly" || kind === "previous" || kind === "distinct"
    }),
  },
)

export const cycle: fc.Arbitrary<Omit<Cycle, "id">> = fc
  .record({
    of: selector,
    fromRisk,
    longest: fc.constantFrom(2, 2, 3, 4),
    times: fc.constantFrom(2, 3, 3),
    per: ownPer,
    pause: maybe(fc.constantFrom(2, 5)),
  })
  .map(({ fromRisk: risk, pause, ...rest }) => ({
    kind: "cycle",
    ...rest,
    ...present({ fromRisk: risk, pause }),
    consequence: "deny",
  }))

export const storm: fc.Arbitrary<Omit<Storm, "id">> = fc
  .record({
    of: selector,
    fromRisk,
    limit: fc.integer({ min: 1, max: 3 }),
    seconds,
    per: ownPer,
    codes: maybe(
      fc.constantFrom(["insufficient_scope", "unknown_tool"] as const, ["rate_limited", "policy_denied"] as const),
    ),
  })
  .map(({ fromRisk: risk, codes, ...rest }) => ({
    kind: "storm",
    ...rest,
    ...present({ fromRisk: risk, codes }),
    consequence: "deny",
  }))

export const concurrency: fc.Arbitrary<Omit<Concurrency, "id">> = fc
  .record({ of: selector, fromRisk, limit: fc.integer({ min: 1, max: 3 }), per })
  .map(({ fromRisk: risk, ...rest }) => ({
    kind: "concurrency",
    ...rest,
    ...present({ fromRisk: risk }),
    consequence: "deny",
  }))

/** A few of them together. */
export function several(...kinds: readonly fc.Arbitrary<Unnamed>[]): fc.Arbitrary<readonly Guardrail[]> {
  return fc.array(fc.oneof(...kinds), { minLength: 1, maxLength: 3 }).map((all) => all.map(named))
}
type Unnamed = Guardrail extends infer Each ? (Each extends Guardrail ? Omit<Each, "id"> : never) : never

function named(guardrail: Unnamed, index: number): Guardrail {
  // Like what the conditions of the first are called within.
  return { ...guardrail, id: ["g", "g.0", "g!"][index] ?? `g${index}` }
}

/** One call, as far as it is the caller's. */
export interface Asked {
  readonly tool: string
  /** Of the tree's tasks: the root, a child, a child of the child, another child. */
  readonly by: number
  readonly values: Readonly<Record<string, unknown>>
  readonly complete: boolean
  readonly gateway: "envoy" | "nginx"
  readonly environment: "test" | "live"
  readonly country: string | null
  readonly network: string | null
  readonly risk: number
}

export type Step =
  | ({ readonly does: "call"; readonly times: number } & Asked)
  | { readonly does: "wait"; readonly ms: number }
  /** Until a call of the past is so old, and so many milliseconds more or less. */
  | { readonly does: "edge"; readonly past: number; readonly ms: number; readonly off: number }
  | { readonly does: "land"; readonly past: number; readonly gateway: "envoy" | "nginx" }
  /** Memory is lost: the object crashes, or is evicted. */
  | { readonly does: "crash" }
  /** The transaction of a call fails. */
  | ({ readonly does: "fail" } & Asked)
  | { readonly does: "back"; readonly ms: number }
  | { readonly does: "end"; readonly of: number; readonly how: "completed" | "revoked" | "quarantined" }
  | { readonly does: "release"; readonly of: number }

const values = fc
  .record({
    x: fc.constantFrom<unknown>(1, 1, 1, 2, 2, "1", null, undefined),
    y: fc.constantFrom<unknown>("a", "a", "b", ["a", "b"], ["b"], undefined),
    amount: fc.constantFrom<unknown>(0.1, 0.5, 1, 1, 2.5, 0, "1", -1, 0.000_01, undefined),
    X: maybe(fc.constant(1)),
  })
  .map(present)

const askedWith = (denied: number): fc.Arbitrary<Asked> =>
  fc.record({
    tool: fc.oneof(
      { weight: 14, arbitrary: fc.constantFrom<string>(...TOOL_NAMES) },
      { weight: denied, arbitrary: fc.constantFrom<string>(...DENIED_TOOLS, LIFECYCLE_TOOL) },
    ),
    by: fc.constantFrom(0, 0, 0, 1, 1, 2, 3),
    values: fc.oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          { x: 1, y: "a", amount: 1 },
          { x: 1, y: ["a", "b"], amount: 0.5 },
          { x: 2, y: "b", amount: 1 },
        ),
      },
      { weight: 1, arbitrary: values },
    ),
    complete: fc.constantFrom(...Array.from({ length: 11 }, () => true), false),
    gateway: fc.constantFrom("envoy" as const, "envoy" as const, "nginx" as const),
    environment: fc.constantFrom("test" as const, "test" as const, "live" as const),
    country: fc.constantFrom("DE", "DE", "FR", "", null),
    network: fc.constantFrom("10.0.0.0/24", "10.0.0.0/24", "10.0.1.0/24", null),
    risk: fc.constantFrom(0, 0, 20, 49, 50, 90),
  })
const asked = askedWith(1)

const wait: fc.Arbitrary<Step> = fc.record({
  does: fc.constant("wait" as const),
  ms: fc.oneof(
    fc.constantFrom(1, 63, 250, 500, 999, 1000, 1001, 2000, 5000),
    fc.integer({ min: 0, max: 1500 }),
    fc.integer({ min: 1, max: 100 }),
  ),
})
const edge: fc.Arbitrary<Step> = fc.record({
  does: fc.constant("edge" as const),
  past: fc.nat({ max: 5 }),
  ms: fc.constantFrom(1000, 1000, 2000, 5000),
  off: fc.oneof(fc.constantFrom(-1, 0, 0, 1), fc.integer({ min: -300, max: 0 })),
})
const land: fc.Arbitrary<Step> = fc.record({
  does: fc.constant("land" as const),
  past: fc.nat({ max: 5 }),
  gateway: fc.constantFrom("envoy" as const, "nginx" as const),
})

export interface Happenings {
  /** Calls of one step. */
  readonly times?: fc.Arbitrary<number>
  /** Nothing but a few calls, again and again. */
  readonly alike?: boolean
  /** Calls that are denied anyhow, of fourteen that are not. */
  readonly denied?: number
  readonly more?: readonly fc.WeightedArbitrary<Step>[]
  readonly maxLength?: number
}

/** Most of it calls, of which many are the same: so that something is repeated. */
export function lives(happenings: Happenings = {}): fc.Arbitrary<readonly Step[]> {
  const { times = fc.constant(1), alike = false, denied = 1, more = [], maxLength = 30 } = happenings
  const call = fc.tuple(askedWith(denied), times).map(([each, many]): Step => ({ does: "call", times: many, ...each }))
  const other = fc.oneof(
    { weight: 2, arbitrary: wait },
    { weight: 2, arbitrary: edge },
    { weight: 1, arbitrary: land },
    ...more,
  )
  const again = fc.nat({ max: 3 })
  const step = fc.oneof(
    { weight: alike ? 8 : 4, arbitrary: again },
    { weight: alike ? 0 : 3, arbitrary: call },
    { weight: alike ? 1 : 4, arbitrary: other },
  )
  return fc
    .tuple(fc.array(call, { minLength: 1, maxLength: 3 }), fc.array(step, { minLength: 1, maxLength, size: "max" }))
    .map(([few, steps]) => steps.flatMap((each) => (typeof each === "number" ? (few[each % few.length] ?? []) : each)))
}

export const crashing: fc.Arbitrary<Step> = fc.constant({ does: "crash" })
export const failing: fc.Arbitrary<Step> = asked.map((each) => ({ does: "fail", ...each }))
export const steppingBack: fc.Arbitrary<Step> = fc.record({
  does: fc.constant("back" as const),
  ms: fc.constantFrom(1, 100, 400, 1000),
})
export const ending: fc.Arbitrary<Step> = fc.record({
  does: fc.constant("end" as const),
  of: fc.constantFrom(0, 1, 1, 2, 2, 3, 3),
  how: fc.constantFrom("completed" as const, "revoked" as const, "quarantined" as const, "quarantined" as const),
})
export const releasing: fc.Arbitrary<Step> = fc.record({
  does: fc.constant("release" as const),
  of: fc.nat({ max: 3 }),
})
