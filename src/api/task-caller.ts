/**
 * The caller of a task's endpoints: the agent of the task or of one of its ancestors, with a delegation token, or an
 * operator.
 */
import { bearerToken } from "../audit/edge-record.ts"
import { challengeOf } from "../credentials/challenge.ts"
import { userOf, type VerifiedToken } from "../credentials/delegation-token.ts"
import { readCompact } from "../credentials/jws/compact.ts"
import { schemeOf, verifyCredential } from "../credentials/verify.ts"
import { isRejected } from "../core/denials/terms/credential-rejection.ts"
import { codeOf, describeDenial, isDenied, type Denial } from "../core/denials/denial.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import type { Role } from "../core/policy/definition/operators.ts"
import type { ManagedThing } from "../core/policy/management.ts"
import type { Proof } from "../core/task/proof-log.ts"
import { isBelow } from "../core/task/state.ts"
import { isOwnTaskId } from "../platform/task-id.ts"
import type { RequestContext } from "../request-context.ts"
import { currentSwitches } from "../revocation/lease.ts"
import { stopOf } from "../revocation/token-stop.ts"
import { identify } from "./identity.ts"
import { authorizeOperator, bearerOf, type PermittedOperator } from "./operator.ts"
import { isApiError, type ApiError } from "./outcome.ts"

export interface AgentCaller {
  readonly kind: "agent"
  readonly agent: string
  readonly user: string | null
  readonly token: string
  readonly hash: string
  readonly proof: Proof | null
  readonly verified: VerifiedToken
}
export type TaskCaller = AgentCaller | { readonly kind: "operator"; readonly permitted: PermittedOperator }

export async function taskCallerOf(
  request: Request,
  role: Role,
  thing: ManagedThing,
  task: string,
  bundle: Bundle,
  context: RequestContext,
): Promise<TaskCaller | ApiError> {
  if (!isAgents(request, context)) {
    const permitted = await authorizeOperator(request, role, thing, bundle, context)
    return isApiError(permitted) ? permitted : { kind: "operator", permitted }
  }
  return agentCallerOf(request, task, bundle, context)
}

/**
 * Whether the request has the credential of an agent: a token of ours, or one that is bound to a key with a DPoP proof.
 * Everybody else presents a bearer token of another issuer.
 */
export function isAgents(request: Request, { config }: Pick<RequestContext, "config">): boolean {
  const bearer = bearerOf(request)
  return bearer === null ? request.headers.has("dpop") : issuerOf(bearer) === config.issuer
}

/** The agent of the task, or of a task above it. */
export async function agentCallerOf(
  request: Request,
  task: string,
  bundle: Bundle,
  context: RequestContext,
): Promise<AgentCaller | ApiError> {
  const { config, keys, receivedAt } = context
  if (!isOwnTaskId(context.env, task)) return noSuchTask(task)
  const presented = {
    authorization: request.headers.get("authorization"),
    proof: request.headers.get("dpop"),
    method: request.method,
    uri: config.issuer + new URL(request.url).pathname,
  }
  const verified = await verifyCredential(presented, bundle.audiences, keys, config.issuer, receivedAt)
  if (isDenied(verified)) return tokenRejected(verified.denied, request)
  const stopped = stopOf(await currentSwitches(context), verified.token, null)
  if (stopped) return tokenRejected(stopped, request)
  const { claims, hash } = verified.token
  // A proof authenticates the agent only once the ledger has found that it is no replay.
  if (!verified.proof) {
    identify(request, { chain: [claims.client_id], user: userOf(claims), token: bearerToken(verified.token) })
  }
  if (task !== claims.task && !isBelow(task, claims.task)) return noSuchTask(task)
  return {
    kind: "agent",
    agent: claims.client_id,
    user: userOf(claims),
    token: claims.jti,
    hash,
    proof: verified.proof,
    verified: verified.token,
  }
}

/** What the record says of the agent, once the ledger has confirmed its token. */
export function recordedAgent({ agent, user, hash, proof }: AgentCaller): Partial<DecisionRecord> {
  return { chain: [agent], user, token_hash: hash, bound: proof !== null }
}

function issuerOf(token: string): unknown {
  const compact = readCompact(token)
  return isRejected(compact) ? null : compact.claims["iss"]
}

export const TASK_UNAVAILABLE = {
  error: "unavailable",
  description: "The task's ledger, or what is stopped, is out of reach.",
} as const

/** A token that is not accepted is `invalid_token` for its presenter, or `unavailable` if that cannot be determined. */
export function tokenRejected(
  because: Denial,
  { headers }: Request,
): ApiError<"missing_token" | "invalid_token" | "unavailable"> {
  const code = codeOf(because)
  if (code === "unavailable") return TASK_UNAVAILABLE
  return {
    error: code === "missing_token" ? code : "invalid_token",
    description:
      code === "invalid_token" ? describeDenial(because) : "The delegation token is not valid here, or no longer.",
    denial: { reason: "operator_rejected", because },
    headers: challengeOf(because, null, schemeOf(headers.get("authorization"))),
  }
}

/** The answer does not reveal whether there is no such task or it is another agent's, so that ids cannot be probed. */
export function noSuchTask(task: string): ApiError<"not_found"> {
  const denial = { reason: "not_found", what: task.slice(0, 128) } as const
  return { error: "not_found", description: "There is no such task for this caller.", denial }
}
