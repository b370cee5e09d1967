/** The request to a call's ledger: plain values, made from the gateway's request and from what was verified. */
import type { Located } from "../core/catalog/locate.ts"
import { sha256Hex } from "../core/encoding/hash.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { LedgerCall } from "../core/record/visible-call.ts"
import { reportedRisksOf, type Risks } from "../core/signals/leased-risks.ts"
import { userOf } from "../credentials/delegation-token.ts"
import type { VerifiedCredential } from "../credentials/verify.ts"
import type { RequestContext } from "../request-context.ts"
import type { PresentedCall } from "./presented.ts"
import { traceOf } from "./trace.ts"

export function ledgerCall(
  id: string,
  call: PresentedCall,
  { token, proof }: VerifiedCredential,
  located: Located,
  risks: Risks | null,
  candidate: Bundle | null,
  recordKey: string | null,
  { receivedAt, waits: { steps } }: RequestContext,
): LedgerCall {
  const { gateway, client, method, target, body } = call
  const trace = traceOf(call)
  return {
    decisionId: id,
    task: token.claims.task,
    token: token.claims.jti,
    proof,
    tool: located.tool.name,
    arguments: located.arguments,
    method,
    target,
    gateway: gateway.id,
    environment: gateway.environment,
    client,
    retry: retryOf(call),
    risks: reportedRisksOf(risks, token.agents, userOf(token.claims)),
    path: located.path,
    segments: located.segments,
    mode: gateway.mode,
    size: target.length + (body.kind === "whole" ? body.text.length : 0),
    tokenHash: token.hash,
    recordKey,
    receivedAt,
    candidate: candidate && candidate.pointer,
    ...(located.besides && { besides: located.besides }),
    ...(located.mcpMethod !== undefined && { mcpMethod: located.mcpMethod }),
    ...(trace !== null && { trace }),
    ...(steps && { steps }),
  }
}

export function retryOf(call: PresentedCall): LedgerCall["retry"] {
  const { requestId } = call
  return requestId === null ? null : { requestId, call: hashOfCall(call) }
}

/** A retry repeats everything that the decision depends on; a changed call with the same request id is another call. */
function hashOfCall(call: PresentedCall): string {
  const { origin, method, target, authorization, proof, headers, body, client } = call
  const { contentType, mcpProtocolVersion, mcpMethod, mcpName, lastEventId } = headers
  const read = [contentType, mcpProtocolVersion, mcpMethod, mcpName, lastEventId]
  return sha256Hex(JSON.stringify([origin, method, target, authorization, proof, read, body, client]))
}
