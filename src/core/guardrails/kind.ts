/**
 * What a kind of guardrail is (`GuardrailKind`), and one guardrail of a bundle ready for use (`CompiledGuardrail`). A
 * guardrail reads nothing but the facts of a call and one memory, and its cost does not grow with the history.
 */
import type { Tool } from "../catalog/tool.ts"
import type { Denial } from "../denials/denial.ts"
import type { Consequence } from "../denials/terms/consequence.ts"
import type { Field, GuardrailDefinition } from "./definition.ts"
import type { CallFacts } from "./field.ts"
import type { History } from "./history.ts"
import type { Limit, Measure } from "./limit-definition.ts"
import type { Memory, FullCount } from "./memory.ts"
import type { MemoryUpdate } from "./memory-update.ts"
import type { DenialObserver } from "./denial-observer.ts"
import type { HistoryKey } from "./history-key.ts"

/**
 * Everything that one kind of guardrail does differently from the others. A new kind is one file that exports one of
 * these, and a row of `KINDS` (kinds.ts). The compiler names each member that the file lacks.
 */
export interface GuardrailKind<Definition extends GuardrailDefinition> {
  /** One sentence for the reference documentation. */
  readonly doc: string
  /**
   * The gauges by which people see how much is used, by name. The text follows the limit of a gauge without a span, such
   * as "at once". Empty: no guardrail of this kind has a gauge.
   */
  readonly gauges: Readonly<Record<string, string>>
  compile(definition: Definition): CompiledGuardrail<Definition>
  /** Whether the calls that open, list and close MCP sessions also count. */
  coversLifecycle(definition: Definition): boolean
  /**
   * What the guardrail counts, and by what. Its figures disclose the values of these fields: if the catalog redacts one
   * of them, no answer, record or notice contains a figure. Null: it has no count that callers or people could read.
   */
  count(definition: Definition): Count | null
  /**
   * Returns the names of further arguments that the guardrail reads of calls of a tool, besides those of its selector's
   * bounds and its count.
   * @param applies whether the guardrail applies to calls of the tool
   */
  conditionArguments(definition: Definition, tool: Tool, applies: boolean): readonly string[]
  /** Null if this guardrail has no gauge. */
  gauge(definition: Definition): GaugeSource | null
  /**
   * Returns the definition with its figures as guardrails.yaml writes them. A bundle has amounts in units (amount.ts).
   */
  written(definition: Definition): Definition
  /** Returns the denial to assume if a record states only that the call broke the guardrail. */
  recordedDenial(definition: Definition): Denial
  /**
   * Returns the guardrail as it was when a call was recorded with these figures, to evaluate that call under another
   * definition. Null if the figures of `before` say nothing about this definition. Absent if records contain no figures
   * by which this kind can be evaluated again.
   */
  recreate?(definition: Definition, use: UseFigures, before: Definition | null): CompiledGuardrail<Definition> | null
}

export interface Count {
  /** Calls that agree on all of these fields share a count. */
  readonly per: readonly Field[]
  /** The field whose values are counted or added up. Null if the count does not depend on a value. */
  readonly of: Field | null
}

/** One compiled guardrail of a bundle. It evaluates calls before they are allowed, and tracks those that were. */
export interface CompiledGuardrail<Definition extends GuardrailDefinition = GuardrailDefinition> {
  readonly guardrail: Definition
  /** Whose memory it is evaluated on, and updates. With `chain`, it is evaluated for each agent of the call's chain. */
  readonly history: History
  /** Whether it may apply to calls of the tool. */
  appliesTo(tool: Tool): boolean
  /** Whether its evaluation of other calls may depend on calls of the tool. */
  tracks(tool: Tool): boolean
  evaluate(facts: CallFacts, memory: Memory, now: number): Evaluation
  /** Returns what an allowed call adds to the memory, or a denial if the memory cannot hold it. */
  track(facts: CallFacts, memory: Memory, now: number): TrackResult
  /**
   * Whether a denied call that an observing gateway allowed counts like an allowed one. It must not if it could make
   * the guardrail deny less.
   */
  readonly countsObserved: boolean
  /** Returns what such a call adds to the memory besides. */
  trackDenied(facts: CallFacts, memory: Memory, now: number): readonly MemoryUpdate[]
  /** Returns the same for a call that may have been one of any of these tools. */
  trackAny(tools: readonly Tool[], facts: CallFacts, memory: Memory): readonly MemoryUpdate[]
  /** Null if the guardrail does not depend on denials. */
  readonly denialObserver: DenialObserver | null
}

/** The members of a guardrail that updates its memory only in `evaluate`. */
export const TRACKS_NOTHING = {
  tracks: () => false,
  track: () => NOTHING,
  trackDenied: () => NONE,
  trackAny: () => NONE,
} as const satisfies Partial<CompiledGuardrail>

export interface Evaluation extends TrackResult {
  readonly use: Use | null
  /** For a window that fills and empties: the figures for the caller. */
  readonly rate: WindowUse | null
  /** What the guardrail needs of a count that all ledgers share, before it can decide. */
  readonly need: Need | null
}

export interface TrackResult {
  readonly denial: Denial | null
  readonly memoryUpdates: readonly MemoryUpdate[]
}

/** The state of a guardrail for a call, for answers and records. */
export interface Use {
  readonly guardrail: string
  /** A key of `KINDS`. */
  readonly kind: string
  /** Whether the call complies with it. */
  readonly holds: boolean
  /** The count before the call. */
  readonly used?: number
  /** What the call adds. */
  readonly asked?: number
  readonly limit?: number
}

export type UseFigures = Required<Pick<Use, "used" | "asked">> & Use

/** The figures by which a caller can pace itself. */
export interface WindowUse {
  readonly window: string
  readonly limit: number
  readonly seconds: number
  /** The current count, without this call. */
  readonly used: number
  /** What this call adds. */
  readonly asked: number
  /** Milliseconds until there is room for the call. 0 if there is room now. */
  readonly waits: number
}

export interface Need {
  readonly owner: string
  readonly key: string
  /** The key in the tree's memory under which borrowed credit is kept. */
  readonly place: string
  readonly limit: Limit
  readonly amount: number
  /** The agent whose ledgers share the count, of which the first has counted alone before. Null: all ledgers do. */
  readonly fleet: HistoryKey | null
  /** The values of a limit on distinct values; null for any other. */
  readonly values: readonly string[] | null
  /**
   * There is no room, and the call counts all the same if a person has approved it. Null if no credit was requested
   * yet.
   */
  readonly over: FullCount | null
  /** Credit was just requested, and there is room. */
  readonly hasRoom: boolean
  /** Whether the request only asks for room and takes nothing. */
  readonly look: boolean
}

/** How much of a guardrail a task tree, or its user, has used. */
export interface GaugeSource {
  readonly history: History
  /** A key of the kind's `gauges`. */
  readonly kind: string
  readonly measure: Measure["kind"]
  readonly limit: number
  /** Seconds until all of it is available again. Null if there is no such span. */
  readonly seconds: number | null
  /** Whether all ledgers share the count. This ledger then does not know how much is used. */
  readonly isShared: boolean
  /** Whether those of one agent do, if it has several and no user is behind the task. */
  readonly isSharedByFleet: boolean
  readonly per: readonly Field[]
  /** Returns the current count of each key. */
  counts(memory: Memory, now: number): readonly (readonly [key: string, used: number])[]
}

const NONE: readonly MemoryUpdate[] = []
export const NOTHING: Evaluation = { denial: null, memoryUpdates: NONE, use: null, rate: null, need: null }

export function evaluationOf(
  denial: Denial | null,
  { memoryUpdates = NONE, use = null, rate = null, need = null }: Partial<Evaluation> = NOTHING,
): Evaluation {
  return { denial, memoryUpdates, use, rate, need }
}

/**
 * Returns the consequence of a denial by a guardrail. A call that could not be evaluated is denied, without any further
 * consequence.
 */
export function consequenceOf(denial: Denial): Consequence {
  return "consequence" in denial ? denial.consequence : "deny"
}
