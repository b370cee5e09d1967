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
    // In the order of RFC 8785, in which the log has to hash it.
    action: tool?.action ?? null,
    approvals: call.approvals,
    arguments: call.arguments,
    arguments_hash: call.arguments_hash,
    arguments_omitted: call.arguments_omitted,
    at: now,
    audience: null,
    expires: null,
    bound: call.isBound,
    bundle: pointer,
    calls: call.calls,
    candidate: call.candidate,
    carried: call.carried,
    chain: call.chain,
    code,
    cut: [],
    decision: call.denial ? "deny" : "allow",
    denial: call.denial,
    environment: call.environment,
    facts: call.facts,
    gateway: call.gateway,
    groups: call.user?.groups ?? [],
    guardrails: call.guardrails,
    id: call.decisionId,
    // In a Worker the clock stands still while code runs, so all the time that it shows was spent waiting.
    io_ms: total_ms,
    kind: "call",
    labels: call.labels,
    life,
    listing: null,
    mcp_method: call.mcpMethod,
    method: call.method,
    mode: call.mode,
    number,
    operator: null,
    path: call.path,
    principal: call.principal,
    purpose: call.purpose,
    rules: call.rules,
    scope: null,
    sensitivity: tool?.sensitivity ?? null,
    steps: call.steps,
    task: call.task,
    token_hash: call.tokenHash,
    tool: call.tool,
    total_ms,
    trace: call.trace,
    user: call.user && userId(call.user),
    windows: call.windows,
  }
}
