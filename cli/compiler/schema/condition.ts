/** Conditions about what a tree was admitted to do: `require` and `forbid` of a sequence, `when` of an event. */
import { z } from "zod"
import { unitsOf } from "../../../src/core/guardrails/amount.ts"
import type { Condition, Pattern, Threshold, Tie } from "../../../src/core/guardrails/condition.ts"
import type { ArgumentField, Field } from "../../../src/core/guardrails/definition.ts"
import { argumentField, field, fieldOf } from "./field.ts"
import { selectorFields, toSelector, type WrittenSelector } from "./selector.ts"
import { span } from "./span.ts"
import { WHERE_FINE } from "./values.ts"

/** Calls of the past, and what they share with the one that is judged. */
export interface WrittenEvent extends WrittenSelector {
  readonly same?: readonly Field[]
  readonly where?: Readonly<Partial<Record<Field, Field>>>
  readonly when?: WrittenCondition
}
interface Past extends WrittenEvent {
  readonly within: number
}
export interface Counted extends Past {
  readonly at_least?: number
  readonly at_most?: number
}

/** Exactly one of them. */
export interface WrittenCondition {
  readonly all?: readonly WrittenCondition[]
  readonly any?: readonly WrittenCondition[]
  readonly not?: WrittenCondition
  readonly formerly?: Past
  readonly previous?: Past & { readonly in?: "task" | "tree" }
  readonly since?: Past & { readonly unless: WrittenEvent }
  readonly count?: Counted
  readonly distinct?: Counted & { readonly of: Field }
  readonly sum?: Counted & { readonly of: ArgumentField }
}

/** In one rule: each is perhaps asked of every call that is remembered. */
export const MOST_CONDITIONS = 32
const MOST_CALLS = 100_000
/** Each is kept, to be distinguished from the next. */
const MOST_VALUES = 10_000

/** In units, exact (src/core/guardrails/amount.ts). */
const amount = z
  .number()
  .transform((value, context) => {
    const units = unitsOf(value)
    if (typeof units === "number" && units > 0) return units
    const fix = "Write a number above 0 with at most four decimals, up to 900,000,000,000."
    context.addIssue({ code: "custom", message: "not an exact amount", params: { fix }, input: value })
    return z.NEVER
  })
  .describe("A number above 0 with at most four decimals.")

const past = { within: span.describe("How far it looks back: a whole number and `s`, `m` or `h`, up to `24h`.") }
const upTo = (most: number) => ({
  at_least: z.int().min(1).max(most).exactOptional().describe("The condition holds if there are at least so many."),
  at_most: z.int().min(0).max(most).exactOptional().describe("The condition holds if there are at most so many."),
})
const amounts = {
  at_least: amount.exactOptional().describe("The condition holds if the amounts add up to at least this."),
  at_most: amount.exactOptional().describe("The condition holds if the amounts add up to at most this."),
}

export const condition: z.ZodType<WrittenCondition> = z.lazy(() => anyCondition).meta({ id: "condition" })

const eventFields = {
  ...selectorFields,
  same: z
    .array(field)
    .min(1)
    .exactOptional()
    .describe("Fields that have the same value in the past call and in the call under evaluation."),
  where: z
    .partialRecord(field, field)
    .exactOptional()
    .describe("Fields of the past call, each with the field of the call under evaluation that has to be equal to it."),
  when: condition.exactOptional().describe("A condition that held when the past call was made."),
}

const ONCE = {
  ...WHERE_FINE,
  error: "the same field is in `same` and in `where`",
  params: { fix: "Leave it in one of them; `same: [user]` is short for `where: {user: user}`." },
}
const ONE_THRESHOLD = {
  ...WHERE_FINE,
  error: "neither `at_least` nor `at_most` alone",
  params: { fix: "Write one of them; for both, make two conditions of it under `all`." },
}
const event = z.strictObject(eventFields).refine(namesFieldsOnce, ONCE)
const formerly = z.strictObject({ ...eventFields, ...past }).refine(namesFieldsOnce, ONCE)
const previous = z
  .strictObject({
    ...eventFields,
    within: past.within.prefault("24h"),
    in: z
      .enum(["task", "tree"])
      .exactOptional()
      .describe(
        "Whether the previous call of the task counts, or that of its tree. If absent: of the task; in a sequence `per: agent`, the agent's in any of its tasks.",
      ),
  })
  .refine(namesFieldsOnce, ONCE)
const since = z
  .strictObject({ ...eventFields, ...past, unless: event.describe("The call that undoes the event.") })
  .refine(namesFieldsOnce, ONCE)
const count = z
  .strictObject({ ...eventFields, ...past, ...upTo(MOST_CALLS) })
  .refine(namesFieldsOnce, ONCE)
  .refine(hasOneThreshold, ONE_THRESHOLD)
const distinct = z
  .strictObject({
    ...eventFields,
    ...past,
    ...upTo(MOST_VALUES),
    of: field.describe("The field whose different values are counted."),
  })
  .refine(namesFieldsOnce, ONCE)
  .refine(hasOneThreshold, ONE_THRESHOLD)
const sum = z
  .strictObject({
    ...eventFields,
    ...past,
    ...amounts,
    of: argumentField.describe("The argument whose amounts are added up."),
  })
  .refine(namesFieldsOnce, ONCE)
  .refine(hasOneThreshold, ONE_THRESHOLD)

const anyCondition = z
  .strictObject({
    all: z.array(condition).min(1).exactOptional().describe("All of them hold."),
    any: z.array(condition).min(1).exactOptional().describe("At least one of them holds."),
    not: condition.exactOptional().describe("It does not hold."),
    formerly: formerly.exactOptional().describe("Such a call came before this one."),
    previous: previous.exactOptional().describe("The call right before this one was such a call."),
    since: since.exactOptional().describe("Such a call came before, and since then none as in `unless`."),
    count: count.exactOptional().describe("There are so many such calls, including this one if it is such a call."),
    distinct: distinct.exactOptional().describe("There are so many different values of `of` in such calls."),
    sum: sum.exactOptional().describe("The amounts of `of` in such calls add up to so much."),
  })
  .refine((written) => Object.keys(written).length === 1, {
    ...WHERE_FINE,
    error: "a condition is exactly one thing",
    params: {
      fix: "Write one of `formerly`, `previous`, `since`, `count`, `distinct`, `sum`, `not`; several as a list of `all` or `any`.",
    },
  })

/** So few that asking all of them costs a call next to nothing. */
export function isSmall(written: WrittenCondition): boolean {
  return sizeOf(written) <= MOST_CONDITIONS
}

function namesFieldsOnce({ same = [], where = {} }: Pick<WrittenEvent, "same" | "where">): boolean {
  return !same.some((name) => name in where)
}

function hasOneThreshold({ at_least, at_most }: Pick<Counted, "at_least" | "at_most">): boolean {
  return (at_least === undefined) !== (at_most === undefined)
}

function sizeOf({ all = [], any = [], not, ...pastCalls }: WrittenCondition): number {
  const whens = Object.values(pastCalls).flatMap((event) =>
    "unless" in event ? [event.when, event.unless.when] : [event.when],
  )
  const below = [...all, ...any, not, ...whens].filter((each) => each !== undefined)
  return below.reduce((total, each) => total + sizeOf(each), 1)
}

/** As a bundle has it. */
/** @param previousIn whose previous call a `previous` without `in` is about
 */
export function toCondition(written: WrittenCondition, previousIn: "task" | "tree" = "task"): Condition {
  const { all, any, not, formerly, previous, since, count, distinct, sum } = written
  const part = (each: WrittenCondition): Condition => toCondition(each, previousIn)
  const pastOf = (each: WrittenEvent & { readonly within: number }) => ({
    event: toPattern(each, previousIn),
    seconds: each.within,
  })
  if (all) return { kind: "all", of: all.map(part) }
  if (any) return { kind: "any", of: any.map(part) }
  if (not) return { kind: "not", of: part(not) }
  if (formerly) return { kind: "formerly", ...pastOf(formerly) }
  if (previous) return { kind: "previous", ...pastOf(previous), in: previous.in ?? previousIn }
  if (since) return { kind: "since", ...pastOf(since), undoneBy: toPattern(since.unless, previousIn) }
  if (count) return { kind: "count", ...pastOf(count), is: thresholdOf(count) }
  if (distinct) return { kind: "distinct", ...pastOf(distinct), field: distinct.of, is: thresholdOf(distinct) }
  if (sum) return { kind: "sum", ...pastOf(sum), field: sum.of, is: thresholdOf(sum) }
  throw new Error("a condition is none")
}

export function toPattern(written: WrittenEvent, previousIn: "task" | "tree" = "task"): Pattern {
  const { same: _same, where: _where, when, ...selector } = written
  const where = tiesOf(written).map(({ past, present }) => ({ past, present }))
  return { ...toSelector(selector), where, ...(when && { when: toCondition(when, previousIn) }) }
}

interface WrittenTie extends Tie {
  /** From the event on. */
  readonly path: readonly (string | number)[]
}

/** `same: [f]` is short for `where: {f: f}`. */
export function tiesOf({ same = [], where = {} }: WrittenEvent): readonly WrittenTie[] {
  return [
    ...same.map((field, at) => ({ past: field, present: field, path: ["same", at] })),
    ...Object.entries(where).flatMap(([key, present]) => {
      const past = fieldOf(key)
      return past && present ? [{ past, present, path: ["where", key] }] : []
    }),
  ]
}

function thresholdOf({ at_least: atLeast, at_most: atMost = 0 }: Counted): Threshold {
  return atLeast === undefined ? { atMost } : { atLeast }
}
