/** How many calls windows admit (src/core/guardrails/limit.ts: two admissions `seconds` apart do not share a span). */
import { patternCovers } from "../../../src/core/catalog/pattern.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import type { Field } from "../../../src/core/guardrails/definition.ts"
import type { Guardrail } from "../../../src/core/guardrails/kinds.ts"

/** Fields of which all calls of one task have the same value: each with the fields that determine it. */
const DETERMINED_BY = {
  task: ["task"],
  tree: ["tree", "task"],
  agent: ["agent", "task"],
  purpose: ["purpose", "task"],
  user: ["user", "user_or_agent", "tree", "task"],
  user_or_agent: ["user_or_agent", "user", "tree", "task"],
} as const satisfies Partial<Record<Field, readonly Field[]>>

type TaskField = keyof typeof DETERMINED_BY

/** A window of the plain kind: so many calls in any span of the tasks that agree on some facts, whatever the call. */
export interface Window {
  readonly id: string
  readonly tools: readonly string[]
  readonly per: readonly TaskField[]
  readonly limit: number
  readonly seconds: number
}

export function windowsIn(guardrails: readonly Guardrail[]): readonly Window[] {
  return guardrails.flatMap((guardrail): Window[] => {
    if (guardrail.kind !== "limit" || guardrail.topic !== "window" || guardrail.fromRisk !== undefined) return []
    const { id, of, per, measure, limit, span } = guardrail
    // Any further restriction makes it another window for each call.
    if (!per.every(isTaskField) || Object.keys(of).length > 1) return []
    if (measure.kind !== "calls" || span.kind !== "sliding") return []
    return [{ id, tools: of.tools, per, limit, seconds: span.seconds }]
  })
}

function isTaskField(field: Field): field is TaskField {
  return Object.hasOwn(DETERMINED_BY, field)
}

/** Whether calls that agree on the fields of a key share a count of the window. */
export function sharesCount({ per }: Window, key: readonly TaskField[]): boolean {
  return per.every((field) => DETERMINED_BY[field].some((other) => key.includes(other)))
}

/** As messages have it: `600 per agent and user_or_agent in 1m`. */
export function shownWindow({ per, limit, seconds }: Window): string {
  return `${limit} ${per.length === 0 ? "in all" : `per ${per.join(" and ")}`} in ${shownSpan(seconds)}`
}

/** At most so many admissions in a span of so many seconds: as many spans of the window's own length cover it. */
export function mostWithin({ limit, seconds }: Window, span: number): number {
  return limit * Math.ceil(span / seconds)
}

export function limitedBy({ tools }: Window, all: readonly Tool[]): ReadonlySet<string> {
  return new Set(all.flatMap(({ name }) => (tools.some((pattern) => patternCovers(pattern, name)) ? [name] : [])))
}

/** `2s` for 2, as guardrails.yaml has it. */
export function shownSpan(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600}h`
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`
}
