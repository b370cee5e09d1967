/** The record of one call. The ledger makes it if it decided the call; otherwise the edge does. */
import type { Verdict } from "../decision/call.ts"
import { codeOf } from "../denials/denial.ts"
import type { Bundle } from "../policy/assemble.ts"
import { userId } from "../policy/principals.ts"
import { bounded, type DecisionRecord, type RecordPlace, type ShadowResult } from "./record.ts"
import { visibleCall, type CallToRecord, type VisibleCall } from "./visible-call.ts"

/**
 * @param place of this record among those of its tree
 * @param now milliseconds by the ledger's clock; durations are never negative, even if it differs from the edge's clock
 */
export function recordDecision(
  bundle: Bundle,
  ask: CallToRecord,
  verdict: Verdict,
  candidate: ShadowResult | null,
  place: RecordPlace,
  now: number,
): DecisionRecord {
  const code = verdict.denial ? codeOf(verdict.denial) : "ok"
  return bounded(recordOfCall(visibleCall(bundle, ask, verdict, candidate), code, bundle, place, now))
}

function recordOfCall(
  call: VisibleCall,
  code: string,
  { catalog, pointer }: Bundle,
  { life, number }: RecordPlace,
  now: number,
): DecisionRecord {
  const tool = catalog.tools.get(call.tool)
  const total_ms = Math.max(0, now - call.receivedAt)
  return {
    path: call.path,
    arguments: call.arguments,
    candidate: call.candidate,
    id: call.decisionId,
    at: now,
    life,
    number,
    kind: "call",
    decision: call.denial ? "deny" : "allow",
    code,
    denial: call.denial,
    mode: call.mode,
    gateway: call.gateway,
    environment: call.environment,
    operator: null,
    method: call.method,
    tool: call.tool,
    action: tool?.action ?? null,
    sensitivity: tool?.sensitivity ?? null,
    task: call.task,
    purpose: call.purpose,
    scope: null,
    audience: null,
    user: call.user && userId(call.user),
    groups: call.user?.groups ?? [],
    chain: call.chain,
    arguments_hash: call.arguments_hash,
    arguments_omitted: call.arguments_omitted,
    facts: call.facts,
    bundle: pointer,
    principal: call.principal,
    rules: call.rules,
    windows: call.windows,
    guardrails: call.guardrails,
    calls: call.calls,
    approvals: call.approvals,
    labels: call.labels,
    carried: call.carried,
    listing: null,
    cut: [],
    token_hash: call.tokenHash,
    bound: call.isBound,
    total_ms,
    // In a Worker the clock stands still while code runs, so all the time that it shows was spent waiting.
    io_ms: total_ms,
    trace: call.trace,
    steps: call.steps,
  }
}
