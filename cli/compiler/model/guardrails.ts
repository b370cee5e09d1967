/** guardrails.yaml as a bundle has it: every section becomes limits, sequences, cycles, storms and concurrency. */
import { unitsOf } from "../../../src/core/guardrails/amount.ts"
import type {
  Condition,
  Cycle,
  Field,
  Guardrail,
  Limit,
  Measure,
  Pattern,
  Selector,
  Span,
  Storm,
  Threshold,
  Tie,
} from "../../../src/core/guardrails/definition.ts"
import type { Counted, WrittenCondition, WrittenEvent } from "../schema/condition.ts"
import { fieldOf } from "../schema/field.ts"
import type { GuardrailsFile } from "../schema/guardrails.ts"
import type { WrittenSelector } from "../schema/selector.ts"

type Entry<Section extends keyof GuardrailsFile> = GuardrailsFile[Section][number]

const LONGEST_CIRCLE = 4

/** In the order of the sections, and in each of the file. */
export function guardrailsOf(file: GuardrailsFile): readonly Guardrail[] {
  return [
    ...file.windows.map(toWindow),
    ...file.budgets.map(toBudget),
    ...file.sequences.map(toSequence),
    ...file.loops.map(toLoop),
    ...file.deviations.map(toDeviation),
    ...file.concurrency.map(toConcurrency),
  ]
}

function toWindow(window: Entry<"windows">): Limit {
  const { per, limit, kind, within: seconds, burst = limit, count } = window
  const span: Span = kind === "bucket" ? { kind, seconds, burst } : { kind, seconds }
  return { ...commonOf(window), kind: "limit", topic: "window", per, measure: { kind: count }, limit, span }
}

function toBudget(budget: Entry<"budgets">): Limit {
  const { per, limit, sum, distinct, count = "calls" } = budget
  const measure: Measure = sum
    ? { kind: "sum", field: sum }
    : distinct
      ? { kind: "distinct", field: distinct }
      : { kind: count }
  const most = sum ? exactly(limit) : limit
  return { ...commonOf(budget), kind: "limit", topic: "budget", per, measure, limit: most, span: spanOf(budget) }
}

function spanOf({ every, within }: Pick<Entry<"budgets">, "every" | "within">): Span {
  if (every !== undefined) return { kind: "fixed", seconds: every }
  return within === undefined ? { kind: "life" } : { kind: "sliding", seconds: within }
}

function toSequence(sequence: Entry<"sequences">): Guardrail {
  const { require, forbid } = sequence
  const [written, isForbidden] = require ? [require, false] : [forbid, true]
  if (!written) throw new Error(`sequence ${sequence.id} has no condition`)
  const condition = toCondition(written)
  return { ...commonOf(sequence), kind: "sequence", require: isForbidden ? { kind: "not", of: condition } : condition }
}

function toLoop(loop: Entry<"loops">): Limit | Cycle | Storm {
  const { per, repeats, cycles, denials, within: seconds = 0, longest = LONGEST_CIRCLE, codes } = loop
  const common = commonOf(loop)
  if (repeats !== undefined) {
    const span: Span = { kind: "sliding", seconds }
    const key: Field[] = [per, "call"]
    return { ...common, kind: "limit", topic: "loop", per: key, measure: { kind: "calls" }, limit: repeats, span }
  }
  if (cycles !== undefined) return { ...common, kind: "cycle", per, longest, times: cycles }
  if (denials !== undefined) return { ...common, kind: "storm", per, limit: denials, seconds, ...(codes && { codes }) }
  throw new Error(`loop ${loop.id} is none`)
}

function toDeviation(deviation: Entry<"deviations">): Limit {
  const { per, changes, limit, within: seconds } = deviation
  const measure: Measure = { kind: "distinct", field: changes }
  const span: Span = { kind: "sliding", seconds }
  return { ...commonOf(deviation), kind: "limit", topic: "deviation", per, measure, limit, span }
}

function toConcurrency(concurrency: Entry<"concurrency">): Guardrail {
  const { per, limit } = concurrency
  return { ...commonOf(concurrency), kind: "concurrency", per, limit }
}

function commonOf({
  id,
  from_risk: fromRisk,
  then: consequence,
  approval,
  ...selector
}: Entry<"concurrency" | "sequences" | "loops">) {
  return {
    id,
    of: toSelector(selector),
    consequence,
    ...(fromRisk !== undefined && { fromRisk }),
    ...(approval !== undefined && { approval }),
  }
}

function toSelector(written: WrittenSelector): Selector {
  const { tools, actions, labels, sensitivity, agents, purposes, environments, arguments: bounds } = written
  return {
    tools,
    ...(actions && { actions }),
    ...(labels && { labels }),
    ...(sensitivity && { sensitivity }),
    ...(agents && { agents }),
    ...(purposes && { purposes }),
    ...(environments && { environments }),
    ...(bounds && { arguments: bounds }),
  }
}

function toCondition(written: WrittenCondition): Condition {
  const { all, any, not, formerly, previous, since, count, distinct, sum } = written
  if (all) return { kind: "all", of: all.map(toCondition) }
  if (any) return { kind: "any", of: any.map(toCondition) }
  if (not) return { kind: "not", of: toCondition(not) }
  if (formerly) return { kind: "formerly", ...pastOf(formerly) }
  if (previous) return { kind: "previous", ...pastOf(previous), in: previous.in }
  if (since) return { kind: "since", ...pastOf(since), undoneBy: toPattern(since.unless) }
  if (count) return { kind: "count", ...pastOf(count), is: thresholdOf(count) }
  if (distinct) return { kind: "distinct", ...pastOf(distinct), field: distinct.of, is: thresholdOf(distinct) }
  if (sum) return { kind: "sum", ...pastOf(sum), field: sum.of, is: thresholdOf(sum) }
  throw new Error("a condition is none")
}

function pastOf(written: WrittenEvent & { readonly within: number }) {
  return { event: toPattern(written), seconds: written.within }
}

export function toPattern(written: WrittenEvent): Pattern {
  const { same: _same, where: _where, when, ...selector } = written
  const where = tiesOf(written).map(({ past, present }) => ({ past, present }))
  return { ...toSelector(selector), where, ...(when && { when: toCondition(when) }) }
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

/** Of an amount that its schema has let pass. */
function exactly(amount: number): number {
  const units = unitsOf(amount)
  if (typeof units !== "number") throw new Error(`${amount} is no amount: ${units}`)
  return units
}
