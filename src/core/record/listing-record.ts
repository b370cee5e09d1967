/** The record of one question which tools a task may call: advisory, so it rests among those of management. */
import { UNKNOWN_CLIENT } from "../decision/client.ts"
import { NO_ARGUMENTS } from "../catalog/arguments.ts"
import { NO_SEGMENTS } from "../catalog/locate.ts"
import type { Reason } from "../denials/denial.ts"
import type { ToolVisibility, ToolListQuery } from "../decision/visible-tools.ts"
import type { Bundle } from "../policy/assemble.ts"
import { recordDecision } from "./call-record.ts"
import type { DecisionRecord, RecordPlace } from "./record.ts"

/** What the ledger is asked, and what only the edge knows of it, for its record. */
export interface ListAsk extends ToolListQuery {
  readonly decisionId: string
  readonly path: string
  readonly mode: "enforce" | "observe"
  readonly tokenHash: string
  /** Tools that the ledger is not asked about any more: how many, for which reason. */
  readonly hidden: Readonly<Partial<Record<Reason, number>>>
  /** Milliseconds, by the edge's clock. */
  readonly receivedAt: number
}

/**
 * Characters of what its record is made of: all tools that were asked about, and why each of those cannot be called.
 */
export function sizeOfListing({ tools }: ListAsk, { hidden }: ToolVisibility): number {
  return JSON.stringify([tools, [...hidden]]).length
}

/** @param now milliseconds, by the ledger's clock */
export function recordListing(
  bundle: Bundle,
  ask: ListAsk,
  { denial, evidence, hidden }: ToolVisibility,
  place: RecordPlace,
  now: number,
): DecisionRecord {
  const counts = new Map<string, number>(Object.entries(ask.hidden))
  for (const { reason } of hidden.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  const before = Object.values(ask.hidden).reduce((sum, count) => sum + count, 0)
  const asked = {
    ...ask,
    tool: ask.list,
    method: "POST",
    arguments: NO_ARGUMENTS,
    segments: NO_SEGMENTS,
    size: 0,
    client: UNKNOWN_CLIENT,
    retry: null,
    recordKey: null,
  }
  const listing = { asked: ask.tools.length + before, hidden: Object.fromEntries(counts) }
  const verdict = { denial, evidence, retryOf: null }
  return { ...recordDecision(bundle, asked, verdict, null, place, now), kind: "management", listing }
}
