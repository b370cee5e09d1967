/** Guardrails as a bundle has them, from the little that a test says of them. */
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import type { Tool } from "../../src/core/catalog/tool.ts"
import { SlidingMeter } from "../../src/core/guardrails/meter/sliding.ts"
import { coversTool } from "../../src/core/guardrails/selector.ts"
import type { Memory } from "../../src/core/guardrails/memory.ts"
import { ownerOf, readLimit } from "../../src/core/guardrails/limit-meter.ts"
import type { Reading } from "../../src/core/guardrails/meter/meter.ts"

export interface Window {
  readonly id: string
  readonly tools: readonly string[]
  readonly per: "task" | "tree"
  readonly limit: number
  readonly seconds: number
}

export function window({ id, tools, per, limit, seconds }: Window, more: Partial<Limit> = {}): Limit {
  return {
    kind: "limit",
    topic: "window",
    id,
    of: { tools },
    consequence: "deny",
    per: [per],
    measure: { kind: "calls" },
    limit,
    span: { kind: "sliding", seconds },
    ...more,
  }
}

export function limitsIn(guardrails: readonly Guardrail[]): readonly Limit[] {
  return guardrails.flatMap((each) => (each.kind === "limit" ? [each] : []))
}

/** What each limit of calls has counted, by its owner and key. */
export function countsIn(memory: Memory, guardrails: readonly Guardrail[], now: number): Record<string, Reading> {
  const limits = new Map(limitsIn(guardrails).map((limit) => [ownerOf(limit), limit]))
  const counted = [...memory.sliding].flatMap(([owner, key]) => {
    const limit = limits.get(owner)
    return limit ? [[`${owner}|${key}`, readLimit(memory, limit, key, 0, now)] as const] : []
  })
  return Object.fromEntries(counted)
}

/** As if so many calls had just been admitted, in every limit of calls of a task or tree that is about the tool. */
export function fill(memory: Memory, guardrails: readonly Guardrail[], of: FilledFor, used: number, now: number): void {
  for (const limit of limitsIn(guardrails)) {
    if (used === 0 || limit.span.kind !== "sliding" || !coversTool(limit.of, of.tool)) continue
    const meter = new SlidingMeter()
    meter.admit(used, now)
    memory.sliding.set(ownerOf(limit), limit.per.includes("task") ? of.task : "", meter)
  }
}

interface FilledFor {
  readonly tool: Tool
  readonly task: string
}
