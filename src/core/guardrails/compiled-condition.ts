/** What the condition of a sequence becomes when a bundle is compiled: what it remembers of calls, and when it holds. */
import type { Tool } from "../catalog/tool.ts"
import type { Denial } from "../denials/denial.ts"
import type { Condition } from "./condition.ts"
import type { CallFacts } from "./field.ts"
import type { TrackResult } from "./kind.ts"
import type { MemoryUpdate } from "./memory-update.ts"
import type { Memory } from "./memory.ts"

export interface Monitor {
  tracks(tool: Tool): boolean
  /** What a call leaves that was allowed. */
  track(facts: CallFacts, memory: Memory, now: number): TrackResult
  /** What a call leaves that was denied, and that an observing gateway let through all the same. */
  trackDenied(facts: CallFacts, memory: Memory, now: number): readonly MemoryUpdate[]
  /** The same, of one that may have been a call of any of these tools, some of which it hears. */
  trackAny(tools: readonly Tool[], facts: CallFacts, memory: Memory): readonly MemoryUpdate[]
}

/** A denial: it cannot be known. */
export type ConditionResult = boolean | Denial

export type Ask = (facts: CallFacts, memory: Memory, now: number) => ConditionResult

export type Direction = "fewer" | "more"

export interface Setting {
  readonly guardrail: string
  /** Unique among all conditions. */
  readonly owner: string
  /** The direction in which an error denies: what cannot be known, and calls that were denied, are read by it. */
  readonly denies: Direction
  /**
   * The direction in which a call that is allowed is read. It differs from `denies` in the second reading of a `when`
   * alone (`possibleTie`), which differs from the first by the calls that were denied, and by nothing else.
   */
  readonly tracks: Direction
}

export type Compile = (
  condition: Condition,
  setting: Setting,
) => { readonly ask: Ask; readonly monitors: readonly Monitor[] }
