/** guardrails.yaml: limits that need memory. */
import { z } from "zod"
import { name, text, toolPattern } from "./values.ts"

const UNITS = { s: 1, m: 60, h: 3600 } as const
/** A window keeps what it counted for its whole span. */
const LONGEST_SECONDS = 86_400

export const span = text(
  (value) => secondsOf(value) >= 1 && secondsOf(value) <= LONGEST_SECONDS,
  "not a span of time",
  "Write a whole number and `s`, `m` or `h`, up to `24h`: `2s`, `1m`, `1h`.",
)

const window = z.strictObject({
  id: name.describe("What denials and records call it."),
  tools: z.array(toolPattern).min(1).describe("Which tools count."),
  per: z
    .enum(["task", "tree"])
    .describe("What it counts for: one task, or the whole tree of a task and its sub-agents."),
  limit: z.int().min(1).max(100_000).describe("Calls admitted at most in any span of this length."),
  within: span.describe("The span: a whole number and `s`, `m` or `h`, up to `24h`."),
})

export const guardrailsFile = z.strictObject({ windows: z.array(window).default([]) })
export type GuardrailsFile = z.infer<typeof guardrailsFile>

/** `2s` → 2; NaN where it is no span of time. */
export function secondsOf(span: string): number {
  const [, digits, unit] = /^(\d{1,6})([smh])$/u.exec(span) ?? []
  if (unit !== "s" && unit !== "m" && unit !== "h") return Number.NaN
  return Number(digits) * UNITS[unit]
}
