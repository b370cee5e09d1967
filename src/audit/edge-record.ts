/** The record of a decision at the edge, without a ledger: made step by step of what is known by then. */
import type { Located } from "../core/catalog/locate.ts"
import { type VerifiedToken, userOf } from "../credentials/delegation-token.ts"
import type { VerifiedCredential } from "../credentials/verify.ts"
import { codeOf, type Denial } from "../core/denials/denial.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"
import type { RequestContext } from "../request-context.ts"
import { recordAtEdge, type BearerToken } from "./edge-recorder.ts"
import { withoutIdentity, recordOf, type DecisionRecord } from "../core/record/record.ts"
import { redacted } from "../core/record/redaction.ts"

/** The gateway that sends the request, and the bundle that decides it. */
export function ofGateway(
  { id: gateway, environment, mode }: GatewayDefinition,
  { pointer: bundle }: Bundle,
): Partial<DecisionRecord> {
  return { gateway, environment, mode, bundle }
}

/**
 * What is known of the holder of a verified token. `live`: its ledger has accepted it, and the proof with it. `dead`:
 * the ledger or a switch rejects it, or neither is available. `unchecked`: nothing has checked it.
 */
export type TokenStatus = "live" | "dead" | "unchecked"

export interface PresentedCredential {
  readonly verified: VerifiedCredential
  readonly status: TokenStatus
}

/** What a verified token claims; only its ledger knows whose task it is. */
function ofCredential({ token, proof }: VerifiedCredential): Partial<DecisionRecord> {
  const { claims, hash } = token
  const { task, purpose, client_id } = claims
  return { task, purpose, chain: [client_id], user: userOf(claims), token_hash: hash, bound: proof !== null }
}

/** The called tool, and how it is called. */
export function ofLocated(
  { path, segments, tool, mcpMethod }: Located,
  candidate: DecisionRecord["candidate"],
  { catalog }: Bundle,
): Partial<DecisionRecord> {
  const { name, action, sensitivity, redact } = tool
  const redactedParts = redacted({ path, arguments: {}, candidate }, { redact, segments, tools: catalog.tools })
  return { ...redactedParts, tool: name, action, sensitivity, mcp_method: mcpMethod ?? null }
}

/** Stores the record of a call that was decided without a ledger. */
export function recordEdgeDecision(
  id: string,
  fields: Partial<DecisionRecord>,
  { env, receivedAt, background, waits }: RequestContext,
): void {
  const at = Date.now()
  const made = { id, at, kind: "call", total_ms: at - receivedAt, ...stepsIn(waits) } as const
  recordAtEdge(env, recordOf({ ...fields, ...made }), background)
}

const stepsIn = ({ steps }: RequestContext["waits"]): Partial<DecisionRecord> => (steps ? { steps } : {})

/**
 * Stores the record of a denial.
 * @param fields its denial as the record may show it, if that differs from `denial`
 * @param credential the verified token that came with it, if any
 */
export function recordEdgeDenial(
  id: string,
  kind: "call" | "management",
  denial: Denial,
  fields: Partial<DecisionRecord>,
  { env, receivedAt, background, waits }: RequestContext,
  credential: PresentedCredential | null = null,
): DecisionRecord {
  const at = Date.now()
  const made = { id, at, kind, code: codeOf(denial), total_ms: at - receivedAt, ...stepsIn(waits) }
  const record = recordOf({ denial, ...fields, ...(credential && ofCredential(credential.verified)), ...made })
  if (!credential || credential.status === "live") recordAtEdge(env, record, background)
  // A proof that no ledger has marked as used can be presented again, by anyone who has seen it.
  else if (credential.status === "dead" || credential.verified.proof)
    recordAtEdge(env, withoutIdentity(record), background)
  else recordAtEdge(env, record, background, bearerToken(credential.verified.token))
  return record
}

export function bearerToken({ claims }: VerifiedToken): BearerToken {
  const { jti, task, client_id: agent } = claims
  return { jti, task, agent }
}
