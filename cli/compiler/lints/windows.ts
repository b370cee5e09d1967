/** What windows admit, counted out (src/core/guardrails/limit.ts: two admissions `seconds` apart do not share a span). */
import { patternCovers } from "../../../src/core/catalog/pattern.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import type { Guardrail } from "../../../src/core/guardrails/kinds.ts"

/** A window of the plain kind: so many calls of a task or a tree in any span, whoever makes them. */
export interface Window {
  readonly id: string
  readonly tools: readonly string[]
  readonly per: "task" | "tree"
  readonly limit: number
  readonly seconds: number
}

export function windowsIn(guardrails: readonly Guardrail[]): readonly Window[] {
  return guardrails.flatMap((guardrail): Window[] => {
    if (guardrail.kind !== "limit" || guardrail.topic !== "window" || guardrail.fromRisk !== undefined) return []
    const { id, of, per, measure, limit, span } = guardrail
    const [only, ...others] = per
    if ((only !== "task" && only !== "tree") || others.length > 0) return []
    // Anything that narrows it further makes it another window for each call.
    if (Object.keys(of).length > 1 || measure.kind !== "calls" || span.kind !== "sliding") return []
    return [{ id, tools: of.tools, per: only, limit, seconds: span.seconds }]
  })
}

/** At most so many admissions in a span of so many seconds: it is covered by that many spans of the window's own. */
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
