/**
 * guardrails.yaml: limits that need memory. docs/guides/guardrails.md explains each section. A new section is its schema, its
 * `to…` function and its row of `SECTIONS`.
 */
import { z } from "zod"
import { onlyDenies } from "../../../src/core/guardrails/condition-direction.ts"
import type { ArgumentField, Field } from "../../../src/core/guardrails/definition.ts"
import type { Guardrail } from "../../../src/core/guardrails/kinds.ts"
import type { Measure, Span } from "../../../src/core/guardrails/limit-definition.ts"
import { budget, toBudget } from "./budgets.ts"
import type { Condition } from "../../../src/core/guardrails/condition.ts"
import { condition, isSmall, MOST_CONDITIONS, toCondition } from "./condition.ts"
import { per } from "./field.ts"
import { among, common, commonOf, counts, MOST_CALLS, MOST_VALUES, shared } from "./guardrail-entry.ts"
import { loop, toLoop } from "./loops.ts"
import { span } from "./span.ts"
import { WHERE_FINE } from "./values.ts"

const window = z
  .strictObject({
    ...common,
    per: shared,
    limit: z.int().min(1).max(MOST_CALLS).describe("The most calls, or the most cost, in any span of this length."),
    within: span.describe("The length of the span: a whole number and `s`, `m` or `h`, up to `24h`."),
    kind: z
      .enum(["sliding", "fixed", "bucket"])
      .default("sliding")
      .describe(
        "`sliding`: any span of this length. `fixed`: from one multiple of it to the next. `bucket`: a token bucket that refills.",
      ),
    burst: z
      .int()
      .min(1)
      .max(MOST_CALLS)
      .exactOptional()
      .describe("With `kind: bucket`: the size of the bucket. If absent, it is `limit`."),
    count: counts
      .default("calls")
      .describe("`calls`: each call counts as one. `cost`: each call counts as the cost of its tool in the catalog."),
  })
  .refine(({ kind, burst }) => kind === "bucket" || burst === undefined, {
    ...WHERE_FINE,
    error: "only a bucket has a `burst`",
    path: ["burst"],
    params: { fix: "Write `kind: bucket`, or remove `burst`." },
  })

const sequence = z
  .strictObject({
    ...common,
    require: condition.exactOptional().describe("The condition under which the call is allowed."),
    forbid: condition.exactOptional().describe("The condition under which the call is denied."),
    per: z
      .enum(["agent", "tree"])
      .exactOptional()
      .describe(
        "Whose earlier calls count: of the task `tree`, or of each `agent` of the chain in all of its tasks for the user. If absent: `agent` if they can only deny, as in most `forbid`; otherwise `tree`.",
      ),
  })
  .refine((sequence) => among(sequence, ["require", "forbid"]) === 1, {
    ...WHERE_FINE,
    error: "neither `require` nor `forbid` alone",
    params: { fix: "Write one of them; make two sequences of both." },
  })
  .refine(({ require, forbid }) => [require, forbid].every((each) => !each || isSmall(each)), {
    ...WHERE_FINE,
    error: `more than ${MOST_CONDITIONS} conditions in one rule`,
    params: { fix: "Make several rules of it: a call has to keep to all of them." },
  })

const deviation = z.strictObject({
  ...common,
  changes: z
    .enum(["country", "network"])
    .describe("The property of the client that may not change. The gateway asserts it (`asserts` in gateways.yaml)."),
  per: per.prefault("task").describe("The field, or list of fields, that calls have to agree on to be compared."),
  limit: z.int().min(1).max(MOST_VALUES).default(1).describe("The most different countries or networks."),
  within: span.describe("The length of the span, up to `24h`."),
})

const concurrency = z.strictObject({
  ...common,
  per: per.describe(
    "The field, or list of fields, that calls have to agree on to be counted together. `task`, `tree`, `user` or `user_or_agent` is among them.",
  ),
  limit: z.int().min(1).max(10_000).describe("The most calls in flight at once."),
})

export const guardrailsFile = z.strictObject({
  windows: z.array(window).default([]).describe("Windows: how often."),
  budgets: z.array(budget).default([]).describe("Budgets: how much."),
  sequences: z.array(sequence).default([]).describe("Sequences: in which order."),
  loops: z
    .array(loop)
    .default([])
    .describe("Loops: repeated calls, repeated sequences of calls, and too many denials."),
  deviations: z.array(deviation).default([]).describe("Deviations: a client whose country or network changes."),
  concurrency: z.array(concurrency).default([]).describe("Concurrency: how many calls at once."),
})
export type GuardrailsFile = z.infer<typeof guardrailsFile>

export type SectionName = keyof GuardrailsFile
type Entry<Name extends SectionName = SectionName> = GuardrailsFile[Name][number]

/** What the compiler has to know of a section besides its schema. */
interface Section<Written> {
  /** As a bundle has it. */
  toGuardrail(entry: Written): Guardrail
  /** The keys of the entry that name a field whose values are counted. */
  counted(entry: Written): readonly { readonly key: string; readonly field: Field }[]
  /** The keys of the entry that name an argument whose amounts are added up. */
  summed(entry: Written): readonly { readonly key: string; readonly field: ArgumentField }[]
  /** The most cost that it ever has room for, and the key that says so. Null: it does not count costs. */
  room(entry: Written): { readonly key: string; readonly cost: number } | null
}

const COUNTS_NO_VALUES = { counted: () => [], summed: () => [], room: () => null } as const

/** In the order of a bundle's guardrails. */
export const SECTIONS: { readonly [Name in SectionName]: Section<Entry<Name>> } = {
  windows: {
    ...COUNTS_NO_VALUES,
    toGuardrail: toWindow,
    room: ({ count, burst, limit }) =>
      count === "cost" ? { key: burst ? "burst" : "limit", cost: burst ?? limit } : null,
  },
  budgets: {
    toGuardrail: toBudget,
    counted: ({ distinct }) => (distinct ? [{ key: "distinct", field: distinct }] : []),
    summed: ({ sum }) => (sum ? [{ key: "sum", field: sum }] : []),
    room: ({ count, limit }) => (count === "cost" ? { key: "limit", cost: limit } : null),
  },
  sequences: { ...COUNTS_NO_VALUES, toGuardrail: toSequence },
  loops: { ...COUNTS_NO_VALUES, toGuardrail: toLoop },
  deviations: {
    ...COUNTS_NO_VALUES,
    toGuardrail: toDeviation,
    counted: ({ changes }) => [{ key: "changes", field: changes }],
  },
  concurrency: { ...COUNTS_NO_VALUES, toGuardrail: toConcurrency },
}

export interface PlacedEntry {
  readonly path: readonly (string | number)[]
  readonly entry: Entry
  readonly section: Section<Entry>
}

/** All entries, section by section, each in the order of the file. */
export function entriesOf(file: GuardrailsFile): readonly PlacedEntry[] {
  return SECTION_NAMES.flatMap((name) => {
    const entries: readonly Entry[] = file[name]
    return entries.map((entry, index) => ({ path: [name, index], entry, section: SECTIONS[name] }))
  })
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `Object.keys` forgets the names of an object literal
const SECTION_NAMES = Object.keys(SECTIONS) as readonly SectionName[]

export function guardrailsOf(file: GuardrailsFile): readonly Guardrail[] {
  return entriesOf(file).map(({ entry, section }) => section.toGuardrail(entry))
}

function toWindow(window: Entry<"windows">): Guardrail {
  const { per, limit, kind, within: seconds, burst = limit, count } = window
  const span: Span = kind === "bucket" ? { kind, seconds, burst } : { kind, seconds }
  return { ...commonOf(window), kind: "limit", topic: "window", per, measure: { kind: count }, limit, span }
}

/**
 * Whose earlier calls a sequence looks at: a new task must not begin anew what could deny a call, and what one task has
 * done must not fulfil what is required of another.
 */
function historyOf({ require, forbid, per }: Pick<Entry<"sequences">, "require" | "forbid" | "per">) {
  if (per) return per
  const isProhibition = require
    ? onlyDenies(toCondition(require), "fewer")
    : onlyDenies(toCondition(forbid ?? {}), "more")
  return isProhibition ? "agent" : "tree"
}

function toSequence(sequence: Entry<"sequences">): Guardrail {
  const isOfAgent = historyOf(sequence) === "agent"
  const previousIn = isOfAgent ? "tree" : "task"
  const { require: required, forbid } = sequence
  const condition: Condition = required
    ? toCondition(required, previousIn)
    : { kind: "not", of: toCondition(forbid ?? {}, previousIn) }
  return { ...commonOf(sequence), kind: "sequence", ...(isOfAgent && { history: "agent" }), require: condition }
}

function toDeviation(deviation: Entry<"deviations">): Guardrail {
  const { per, changes, limit, within: seconds } = deviation
  const measure: Measure = { kind: "distinct", field: changes }
  const span: Span = { kind: "sliding", seconds }
  return { ...commonOf(deviation), kind: "limit", topic: "deviation", per, measure, limit, span }
}

function toConcurrency(concurrency: Entry<"concurrency">): Guardrail {
  const { per, limit } = concurrency
  return { ...commonOf(concurrency), kind: "concurrency", per, limit }
}
