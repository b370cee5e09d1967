/**
 * What all kinds of guardrails have in common, as a bundle has it: the calls that a guardrail applies to, and what
 * follows if a call breaks it. The definition of each kind is in that kind's file; kinds.ts lists the kinds.
 */
import type { Action, Sensitivity } from "../catalog/tool.ts"
import type { ArgumentBounds } from "../catalog/bounds/definition.ts"
import type { Consequence } from "../denials/terms/consequence.ts"

/**
 * Properties by which calls are grouped. `agent` is the calling agent, `user_or_agent` the user or, if there is none, the
 * agent of the root task; `call` is the tool with its arguments. The gateway
 * asserts `country` and `network` of the client; they are unknown if it asserts nothing.
 */
export const FIELDS = [
  "task",
  "tree",
  "agent",
  "user",
  "user_or_agent",
  "purpose",
  "tool",
  "server",
  "call",
  "gateway",
  "environment",
  "country",
  "network",
] as const
export type ArgumentField = `arguments.${string}`
export type Field = (typeof FIELDS)[number] | ArgumentField

/** Selects calls. Each member narrows the selection; an absent one does not. */
export interface Selector {
  /** Tool patterns, one of which must match. */
  readonly tools: readonly string[]
  readonly actions?: readonly Action[]
  /** The tool must have at least one of them. */
  readonly labels?: readonly string[]
  /** The lowest sensitivity of the tools. */
  readonly sensitivity?: Sensitivity
  readonly agents?: readonly string[]
  readonly purposes?: readonly string[]
  readonly environments?: readonly string[]
  /**
   * All of them must hold, like the bounds of a grant. If the arguments are not visible, the bounds are assumed to
   * hold.
   */
  readonly arguments?: ArgumentBounds
}

export interface GuardrailDefinition {
  /** A key of `KINDS`. */
  readonly kind: string
  /** Unique among all guardrails. */
  readonly id: string
  /** The calls that it applies to. */
  readonly of: Selector
  /** It applies only while the risk of the call is at least this, 1 to 100. Absent: it always applies. */
  readonly fromRisk?: number
  readonly consequence: Consequence
  /** For `approve`: the name of the approval in approvers.yaml. Absent: any operator may approve. */
  readonly approval?: string
}

/** Seconds. No guardrail but a budget looks back farther than a day. */
export const LONGEST_LOOK_BACK = 86_400
/** Seconds, of a budget: 31 days. What it keeps is bounded by numbers of calls and keys, not by time (meter/sliding.ts). */
export const LONGEST_PERIOD = 2_678_400
export const HIGHEST_RISK = 100
