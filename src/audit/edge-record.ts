/**
 * The record of what was decided at the edge, where no ledger was asked: made of what is known by then, step by step.
 */
import type { Located } from "../catalog/locate.ts"
import type { VerifiedCredential } from "../credential/verify.ts"
import { codeOf, type Denial } from "../decision.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { GatewayDefinition } from "../policy/definition/gateways.ts"
import type { Surroundings } from "../surroundings.ts"
import { userOf } from "../switches/token.ts"
import { recordAtEdge } from "./edge-recorder.ts"
import { recordOf, type DecisionRecord } from "./record.ts"
import { redacted } from "./redaction.ts"

/** Which gateway asks, and by which bundle it is answered. */
export function ofGateway(
  { id: gateway, environment, mode }: GatewayDefinition,
  { pointer: bundle }: Bundle,
): Partial<DecisionRecord> {
  return { gateway, environment, mode, bundle }
}

/** What a verified token says of itself; whose task it is only its ledger knows. */
export function ofCredential({ token, proof }: VerifiedCredential): Partial<DecisionRecord> {
  const { claims, hash } = token
  const { task, purpose, client_id } = claims
  return { task, purpose, chain: [client_id], user: userOf(claims), token_hash: hash, bound: proof !== null }
}

/** Which tool is called, and how. */
export function ofLocated(
  { path, segments, tool }: Located,
  candidate: DecisionRecord["candidate"],
  { catalog }: Bundle,
): Partial<DecisionRecord> {
  const { name, action, sensitivity, redact } = tool
  const told = redacted({ path, arguments: {}, candidate }, redact, segments, catalog.tools)
  return { ...told, tool: name, action, sensitivity }
}

/** Keeps the record of a call that no ledger was asked about. */
export function keptAtEdge(
  id: string,
  known: Partial<DecisionRecord>,
  { env, receivedAt, background }: Surroundings,
): void {
  const at = Date.now()
  recordAtEdge(env, recordOf({ ...known, id, at, kind: "call", total_ms: at - receivedAt }), background)
}

/**
 * Keeps the record of it.
 * @param known its denial as it may be told, where that is another than `denial`
 */
export function refusedAtEdge(
  id: string,
  kind: "call" | "management",
  denial: Denial,
  known: Partial<DecisionRecord>,
  { env, receivedAt, background }: Surroundings,
): DecisionRecord {
  const at = Date.now()
  const record = recordOf({ denial, ...known, id, at, kind, code: codeOf(denial), total_ms: at - receivedAt })
  recordAtEdge(env, record, background)
  return record
}
