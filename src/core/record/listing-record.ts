/**
 * The record of one request for the tools that a task may call. It is advisory, so it is stored with those of
 * management.
 */
import { UNKNOWN_CLIENT } from "../decision/client.ts"
import { NO_ARGUMENTS } from "../catalog/arguments.ts"
import { NO_SEGMENTS } from "../catalog/locate.ts"
import type { Reason } from "../denials/denial.ts"
import type { TraceParent } from "../encoding/trace-context.ts"
import type { ToolVisibility, ToolListQuery } from "../decision/visible-tools.ts"
import type { Bundle } from "../policy/assemble.ts"
import { recordDecision } from "./call-record.ts"
import type { Steps } from "./fields/trace.ts"
import type { DecisionRecord, RecordPlace } from "./record.ts"

/** The request to the ledger, with the facts of its record that only the edge knows. */
export interface LedgerListQuery extends ToolListQuery {
  readonly decisionId: string
  readonly path: string
  readonly mode: "enforce" | "observe"
  readonly tokenHash: string
  /** How many tools are hidden without asking the ledger, by reason. */
  readonly hidden: Readonly<Partial<Record<Reason, number>>>
  /** Which these are, as records name them. Absent in messages of earlier versions. */
  readonly named?: readonly HiddenTool[]
  /** Milliseconds since the epoch, by the edge's clock. */
  readonly receivedAt: number
  readonly trace?: TraceParent
  readonly steps?: Steps
}

/** Why a tool is not shown to an agent. Null: its name may contain what the catalog redacts. */
export type HiddenTool = readonly [name: string | null, reason: Reason]

export function countByReason(hidden: Iterable<HiddenTool>): LedgerListQuery["hidden"] {
  const groups = Map.groupBy(hidden, ([, reason]) => reason)
  return Object.fromEntries(Array.from(groups, ([reason, { length }]) => [reason, length]))
}

/** Characters of all names in one record: a server can list thousands of tools. */
const MAX_NAMED = 8_192

/** By reason, each name once, as many as one record has room for. */
function namesByReason(hidden: Iterable<HiddenTool>): Readonly<Partial<Record<Reason, readonly string[]>>> {
  const names = new Map<Reason, Set<string>>()
  let length = 0
  for (const [name, reason] of hidden) {
    const ofReason = names.get(reason) ?? new Set()
    if (name === null || ofReason.has(name) || length + name.length > MAX_NAMED) continue
    names.set(reason, ofReason.add(name))
    length += name.length
  }
  return Object.fromEntries(Array.from(names, ([reason, each]) => [reason, [...each]]))
}

/**
 * Returns the characters of the record's source: the names of all tools in question, and why each of those cannot be
 * called.
 */
export function sizeOfListing({ tools }: LedgerListQuery, { hidden }: ToolVisibility): number {
  return JSON.stringify([tools, [...hidden]]).length
}

/** @param now milliseconds since the epoch, by the ledger's clock */
export function recordListing(
  bundle: Bundle,
  ask: LedgerListQuery,
  { denial, evidence, hidden }: ToolVisibility,
  place: RecordPlace,
  now: number,
): DecisionRecord {
  const counts = new Map<string, number>(Object.entries(ask.hidden))
  for (const { reason } of hidden.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  const before = Object.values(ask.hidden).reduce((sum, count) => sum + count, 0)
  const call = {
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
  // Of a resource the entry is named: its URI may contain what the catalog redacts.
  const nameOf = (key: string): string => (Object.hasOwn(ask.known, key) ? ask.known[key]?.tool : undefined) ?? key
  const ofLedger = Array.from(hidden, ([key, { reason }]): HiddenTool => [nameOf(key), reason])
  const tools = namesByReason([...(ask.named ?? []), ...ofLedger])
  const listing = { asked: ask.tools.length + before, hidden: Object.fromEntries(counts), tools }
  const verdict = { denial, evidence, retryOf: null }
  return { ...recordDecision(bundle, call, verdict, null, place, now), kind: "management", listing }
}
