/** A decision as a span of a trace, and what it waited for: both are read off its record. */
import { partsOfTrace, spanIdOf, traceIdOf } from "../encoding/trace-context.ts"
import { STEPS, type Step } from "./fields/trace.ts"
import type { DecisionRecord } from "./record.ts"

export interface SpanIds {
  /** Hex; that of the caller's trace, or of one that begins here. */
  readonly traceId: string
  readonly spanId: string
  /** Null: it begins its trace. */
  readonly parentSpanId: string | null
  /** Hex. */
  readonly flags: string
  /** Whether it is to be exported: the caller may say that its trace is not. The record is stored in any case. */
  readonly isSampled: boolean
}

/** The trace id that begins here is random, and its trace is sampled. */
const OWN_FLAGS = "03"

export function spanOf({ id, trace }: Pick<DecisionRecord, "id" | "trace">): SpanIds {
  const spanId = spanIdOf(id)
  if (trace === null) return { traceId: traceIdOf(id), spanId, parentSpanId: null, flags: OWN_FLAGS, isSampled: true }
  const { traceId, spanId: parentSpanId, flags, isSampled } = partsOfTrace(trace)
  return { traceId, spanId, parentSpanId, flags, isSampled }
}

/** A label or attribute of what was not identified. */
export const UNKNOWN = "unknown"

/** Milliseconds. */
export type Waits = Readonly<Partial<Record<Step, number>>>

/** What no other step accounts for until a ledger decided, the call has been on its way to it. */
export function waitsOf({ steps, number, total_ms }: Pick<DecisionRecord, "steps" | "number" | "total_ms">): Waits {
  const waits: Partial<Record<Step, number>> = {}
  let sum = 0
  for (const step of STEPS) {
    const ms = steps[step]
    if (ms === undefined) continue
    waits[step] = ms
    sum += ms
  }
  if (number !== null) waits.ledger ??= Math.max(0, total_ms - sum)
  return waits
}
