/** The record of one question which tools a task may call: advisory, so it rests among those of management. */
import { codeOf, type Reason } from "../decision.ts"
import type { Prospects, Question } from "../may.ts"
import type { Bundle } from "../policy/assemble.ts"
import { userId } from "../policy/facts.ts"
import { recordOf, type DecisionRecord } from "./record.ts"

/** What the ledger is asked, and what only the edge knows of it, for its record. */
export interface ListAsk extends Question {
  readonly decisionId: string
  readonly path: string
  readonly mode: "enforce" | "observe"
  readonly tokenHash: string
  /** Tools that the ledger is not asked about any more: how many, for which reason. */
  readonly hidden: Readonly<Partial<Record<Reason, number>>>
  /** Milliseconds, by the edge's clock. */
  readonly receivedAt: number
}

/** @param now milliseconds, by the ledger's clock */
export function recordListing(
  bundle: Bundle,
  ask: ListAsk,
  { denial, evidence, hidden }: Prospects,
  number: number,
  now: number,
): DecisionRecord {
  const counts = new Map<string, number>(Object.entries(ask.hidden))
  for (const { reason } of hidden.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  const before = Object.values(ask.hidden).reduce((sum, count) => sum + count, 0)
  const total_ms = Math.max(0, now - ask.receivedAt)
  return recordOf({
    id: ask.decisionId,
    at: now,
    number,
    kind: "management",
    decision: denial ? "deny" : "allow",
    code: denial ? codeOf(denial) : "ok",
    denial,
    mode: ask.mode,
    gateway: ask.gateway,
    environment: ask.environment,
    method: "POST",
    path: ask.path,
    tool: ask.list,
    task: ask.task,
    purpose: evidence.purpose,
    user: evidence.user && userId(evidence.user),
    chain: evidence.chain,
    bundle: bundle.pointer,
    calls: evidence.calls,
    labels: evidence.labels,
    listing: { asked: ask.tools.length + before, hidden: Object.fromEntries(counts) },
    token_hash: ask.tokenHash,
    bound: ask.proof !== null,
    total_ms,
    io_ms: total_ms,
  })
}
