/** What windows admit, counted out (src/guardrails/window.ts: two admissions `seconds` apart do not share a span). */
import { patternCovers } from "../../../src/catalog/pattern.ts"
import type { Tool } from "../../../src/catalog/tool.ts"
import type { WindowDefinition } from "../../../src/guardrails/window.ts"

/** At most so many admissions in a span of so many seconds: it is covered by that many spans of the window's own. */
export function mostWithin({ limit, seconds }: WindowDefinition, span: number): number {
  return limit * Math.ceil(span / seconds)
}

export function limitedBy({ tools }: WindowDefinition, all: readonly Tool[]): ReadonlySet<string> {
  return new Set(all.flatMap(({ name }) => (tools.some((pattern) => patternCovers(pattern, name)) ? [name] : [])))
}

/** `2s` for 2, as guardrails.yaml has it. */
export function shownSpan(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600}h`
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`
}
