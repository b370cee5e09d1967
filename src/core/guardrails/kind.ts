/**
 * A guardrail at work: it judges calls that it is about, before they are admitted, and hears of those that were, each
 * from nothing but the call's facts and the tree's memory. Whatever it costs does not grow with the length of history.
 */
import type { Tool } from "../catalog/tool.ts"
import type { Denial } from "../denials/denial.ts"
import type { Consequence } from "../denials/consequence.ts"
import type { Guardrail, Limit } from "./definition.ts"
import type { CallFacts } from "./field.ts"
import type { Memory, Refused } from "./memory.ts"
import type { MemoryUpdate } from "./memory-update.ts"

export interface GuardrailKind {
  readonly guardrail: Guardrail
  /** Whether it may have to judge calls of the tool. */
  appliesTo(tool: Tool): boolean
  /** Whether what it judges others by may depend on calls of the tool. */
  tracks(tool: Tool): boolean
  evaluate(facts: CallFacts, memory: Memory, now: number): Evaluation
  /** What an admission leaves; or why there must be none, as it could not be kept in mind. */
  track(facts: CallFacts, memory: Memory, now: number): TrackResult
  /** What a call leaves that was denied and let through all the same. Absent: nothing. */
  trackDenied?(facts: CallFacts, memory: Memory, now: number): readonly MemoryUpdate[]
  /** The same, of one that may have been a call of any of these tools. */
  trackAny?(tools: readonly Tool[], facts: CallFacts, memory: Memory): readonly MemoryUpdate[]
}

export interface Evaluation extends TrackResult {
  readonly use: Use | null
  /** Where it is a window that fills and empties: what callers are told of it. */
  readonly rate: WindowUse | null
  /** What it needs of a count that all trees share, before it can say. */
  readonly need: Need | null
}

export interface TrackResult {
  readonly denial: Denial | null
  readonly memoryUpdates: readonly MemoryUpdate[]
}

/** How a guardrail stands to a call, for answers and records. */
export interface Use {
  readonly guardrail: string
  readonly kind: Guardrail["kind"]
  /** Whether the call keeps to it. */
  readonly holds: boolean
  /** Of what counts: before the call, what the call adds, and how much there may be. */
  readonly used?: number
  readonly asked?: number
  readonly limit?: number
}

/** What a caller can pace itself by. */
export interface WindowUse {
  readonly window: string
  readonly limit: number
  readonly seconds: number
  /** Counted now, this call aside. */
  readonly used: number
  /** What this call counts. */
  readonly asked: number
  /** Milliseconds until there is room for it; 0 where there is now. */
  readonly waits: number
}

export interface Need {
  readonly owner: string
  readonly key: string
  /** Where in the memory what is lent for it is looked for. */
  readonly place: string
  readonly limit: Limit
  readonly amount: number
  /** Of a limit on distinct values. */
  readonly values: readonly string[] | null
  /** There is no room: if a person has approved the call, it is counted all the same. Null: it has not been asked. */
  readonly over: Refused | null
  /** It has just been asked, and has room. */
  readonly hasRoom: boolean
  /** Whether it is asked only if it has room, and nothing is taken of it. */
  readonly look: boolean
}

export const NOTHING: Evaluation = { denial: null, memoryUpdates: [], use: null, rate: null, need: null }

export function judged(
  denial: Denial | null,
  { memoryUpdates = NONE, use = null, rate = null, need = null }: Partial<Evaluation> = NOTHING,
): Evaluation {
  return { denial, memoryUpdates, use, rate, need }
}
const NONE: readonly MemoryUpdate[] = []

/** Of a denial by a guardrail; a call that could not be judged is denied and nothing more. */
export function consequenceOf(denial: Denial): Consequence {
  return "consequence" in denial ? denial.consequence : "deny"
}
