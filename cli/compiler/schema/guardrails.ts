/** guardrails.yaml: limits that need memory. What each section means is in docs/guides/guardrails.md. */
import { z } from "zod"
import { STATUS_OF_CODE, type Code } from "../../../src/core/denials/denial.ts"
import { unitsOf } from "../../../src/core/guardrails/amount.ts"
import { CONSEQUENCES } from "../../../src/core/denials/consequence.ts"
import { HIGHEST_RISK } from "../../../src/core/guardrails/definition.ts"
import { approvalName } from "./approvers.ts"
import { condition, isSmall, MOST_CONDITIONS } from "./condition.ts"
import { argumentField, field, own, per } from "./field.ts"
import { selectorFields } from "./selector.ts"
import { period, span } from "./span.ts"
import { name, WHERE_FINE } from "./values.ts"

const MOST_CALLS = 100_000
/** What is counted by its cost, or as long as a tree lives. */
const MOST_COUNTED = 1_000_000_000
/** Each value is kept, to be told from the next. */
const MOST_VALUES = 10_000
/** A circle of more calls is no loop that a model falls into. */
const CIRCLE = { least: 2, most: 8 } as const

const CODES = Object.keys(STATUS_OF_CODE).filter((code): code is Code => Object.hasOwn(STATUS_OF_CODE, code))

const common = {
  id: name.describe("What denials and records call it; unique over all sections."),
  ...selectorFields,
  from_risk: z
    .int()
    .min(1)
    .max(HIGHEST_RISK)
    .exactOptional()
    .describe("It holds only while the risk of the call is at least this; absent: always."),
  then: z
    .enum(CONSEQUENCES)
    .default("deny")
    .describe("What follows: the call is denied, and its task goes on, is frozen, or ends with all below it."),
  approval: approvalName
    .exactOptional()
    .describe(
      "Of `then: approve`: the name in approvers.yaml by which people are asked; absent: any operator answers.",
    ),
}

const counts = z.enum(["calls", "cost"])
const shared = per.describe(
  "Whose calls share a count: a field or a list of them. Without `task` or `tree` all trees share it; `everything`: all calls.",
)
const ownPer = own.default("task").describe("Of the task alone, or of its whole tree.")

const window = z
  .strictObject({
    ...common,
    per: shared,
    limit: z.int().min(1).max(MOST_CALLS).describe("At most so many in any span of this length."),
    within: span.describe("The span: a whole number and `s`, `m` or `h`, up to `24h`."),
    kind: z
      .enum(["sliding", "fixed", "bucket"])
      .default("sliding")
      .describe("`sliding`: any span; `fixed`: from one multiple of it to the next; `bucket`: tokens that refill."),
    burst: z
      .int()
      .min(1)
      .max(MOST_CALLS)
      .exactOptional()
      .describe("Of a `bucket`: what it holds at most; absent: `limit`."),
    count: counts.default("calls").describe("`cost`: what the catalog says that each tool costs."),
  })
  .refine(({ kind, burst }) => kind === "bucket" || burst === undefined, {
    ...WHERE_FINE,
    error: "only a bucket has a `burst`",
    path: ["burst"],
    params: { fix: "Write `kind: bucket`, or remove `burst`." },
  })

const budget = z
  .strictObject({
    ...common,
    per: shared,
    limit: z.number().describe("At most so much; of a `sum` with at most four decimals."),
    count: counts.exactOptional().describe("`calls`, which is meant where nothing is said, or their `cost`."),
    sum: argumentField.exactOptional().describe("The argument whose amounts are added up."),
    distinct: field.exactOptional().describe("The field whose values are counted, each once."),
    every: period.exactOptional().describe("It begins anew with each such period of UTC: `1d`, `12h`, up to `31d`."),
    within: span.exactOptional().describe("It holds for any span of this length, up to `24h`."),
  })
  .refine((budget) => among(budget, ["count", "sum", "distinct"]) <= 1, {
    ...WHERE_FINE,
    error: "a budget counts one thing",
    params: { fix: "Keep one of `count`, `sum` and `distinct`." },
  })
  .refine(({ every, within }) => every === undefined || within === undefined, {
    ...WHERE_FINE,
    error: "both `every` and `within`",
    params: { fix: "Keep `every` for a period that begins anew, or `within` for any span of that length." },
  })
  .refine(({ sum, limit }) => sum === undefined || isAmount(limit), {
    ...WHERE_FINE,
    error: "not an exact amount",
    path: ["limit"],
    params: { fix: "Write a number above 0 with at most four decimals, up to 900,000,000,000." },
  })
  .refine(({ sum, distinct, limit }) => sum !== undefined || isCount(limit, distinct ? MOST_VALUES : MOST_COUNTED), {
    ...WHERE_FINE,
    error: "not a number that can be counted to",
    path: ["limit"],
    params: { fix: "Write a whole number from 1 to 1,000,000,000, of `distinct` values to 10,000." },
  })

const sequence = z
  .strictObject({
    ...common,
    require: condition.exactOptional().describe("What has to be so for the call to be admitted."),
    forbid: condition.exactOptional().describe("What must not be so."),
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

const loop = z
  .strictObject({
    ...common,
    per: ownPer,
    repeats: z.int().min(1).max(MOST_CALLS).exactOptional().describe("The same call with the same arguments so often."),
    cycles: z.int().min(2).max(1000).exactOptional().describe("The call that would close a circle so often is denied."),
    denials: z.int().min(1).max(MOST_CALLS).exactOptional().describe("More denied calls than these are a storm."),
    within: span.exactOptional().describe("Of `repeats` and `denials`: in any span of this length."),
    longest: z
      .int()
      .min(CIRCLE.least)
      .max(CIRCLE.most)
      .exactOptional()
      .describe("Of `cycles`: calls of the longest circle that is looked for; absent: 4."),
    codes: z.array(z.enum(CODES)).min(1).exactOptional().describe("Of `denials`: those with one of these codes."),
  })
  .refine((loop) => among(loop, ["repeats", "cycles", "denials"]) === 1, {
    ...WHERE_FINE,
    error: "a loop is exactly one of three",
    params: { fix: "Write one of `repeats`, `cycles` and `denials`." },
  })
  .refine(({ cycles, within }) => (cycles === undefined) === (within !== undefined), {
    ...WHERE_FINE,
    error: "`within` is of `repeats` and `denials`, and only of them",
    params: { fix: "Write `within: 10m` beside them; remove it beside `cycles`." },
  })
  .refine(({ cycles, longest }) => cycles !== undefined || longest === undefined, {
    ...WHERE_FINE,
    error: "`longest` is of `cycles`",
    path: ["longest"],
    params: { fix: "Remove it." },
  })
  .refine(({ denials, codes }) => denials !== undefined || codes === undefined, {
    ...WHERE_FINE,
    error: "`codes` are of `denials`",
    path: ["codes"],
    params: { fix: "Remove them." },
  })

const deviation = z.strictObject({
  ...common,
  changes: z
    .enum(["country", "network"])
    .describe("What a gateway asserts of the client (`asserts` in gateways.yaml)."),
  per: per.prefault("task").describe("Whose client it is."),
  limit: z.int().min(1).max(MOST_VALUES).default(1).describe("So many countries or networks at most."),
  within: span.describe("In any span of this length."),
})

const concurrency = z.strictObject({
  ...common,
  per: per.describe("Whose calls in flight are counted, with `task` or `tree` among the fields."),
  limit: z.int().min(1).max(10_000).describe("Calls in flight at once, at most."),
})

export const guardrailsFile = z.strictObject({
  windows: z.array(window).default([]).describe("How often."),
  budgets: z.array(budget).default([]).describe("How much."),
  sequences: z.array(sequence).default([]).describe("In what order."),
  loops: z.array(loop).default([]).describe("Going round in circles."),
  deviations: z.array(deviation).default([]).describe("A client that changes."),
  concurrency: z.array(concurrency).default([]).describe("How many at once."),
})
export type GuardrailsFile = z.infer<typeof guardrailsFile>

export const SECTIONS = ["windows", "budgets", "sequences", "loops", "deviations", "concurrency"] as const
export type Section = (typeof SECTIONS)[number]

function among<Key extends string>(written: Readonly<Partial<Record<Key, unknown>>>, keys: readonly Key[]): number {
  return keys.filter((key) => written[key] !== undefined).length
}

function isAmount(limit: number): boolean {
  const units = unitsOf(limit)
  return typeof units === "number" && units > 0
}

function isCount(limit: number, most: number): boolean {
  return Number.isInteger(limit) && limit >= 1 && limit <= most
}
