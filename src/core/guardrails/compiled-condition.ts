/** The condition of a sequence as it is compiled: what it remembers of calls, and when it holds. */
import type { Tool } from "../catalog/tool.ts"
import type { Denial } from "../denials/denial.ts"
import type { Condition } from "./condition.ts"
import type { CallFacts } from "./field.ts"
import type { TrackResult } from "./kind.ts"
import type { MemoryUpdate } from "./memory-update.ts"
import type { Memory } from "./memory.ts"

export interface Monitor {
  tracks(tool: Tool): boolean
  /** Returns what the memory gains by an allowed call. */
  track(facts: CallFacts, memory: Memory, now: number): TrackResult
  /** Returns what the memory gains by a denied call that an observing gateway allowed. */
  trackDenied(facts: CallFacts, memory: Memory, now: number): readonly MemoryUpdate[]
  /** Returns the same for a denied call that may have been a call of any of these tools, some of which it tracks. */
  trackAny(tools: readonly Tool[], facts: CallFacts, memory: Memory): readonly MemoryUpdate[]
}

/** A denial if the result cannot be determined. */
export type ConditionResult = boolean | Denial

export type Ask = (facts: CallFacts, memory: Memory, now: number) => ConditionResult

export type Direction = "fewer" | "more"

export interface Setting {
  readonly guardrail: string
  /** Whether the memory is a tree's own. */
  readonly isOfTree: boolean
  /** Unique among all conditions. */
  readonly owner: string
  /** The direction in which an error denies more. It decides how unknown facts and denied calls are read. */
  readonly denies: Direction
  /**
   * The direction in which an allowed call is read. It differs from `denies` only in the second evaluation of a `when`
   * (`possibleTie`), which differs from the first only by the calls that were denied.
   */
  readonly tracks: Direction
}

export type Compile = (
  condition: Condition,
  setting: Setting,
) => { readonly ask: Ask; readonly monitors: readonly Monitor[] }
