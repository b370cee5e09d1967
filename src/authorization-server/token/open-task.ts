/**
 * Grants that open a task, renew its token or freshen its session: audience → requested grant → key → subject →
 * switches → single use → one step of the ledger → token. They differ in the source of their subject.
 */
import { askByNewest } from "../../ledger/ask.ts"
import { LEDGER_VERSION } from "../../ledger/protocol.ts"
import { locationOf } from "../../core/task/audience.ts"
import { rootOf } from "../../core/task/state.ts"
import { isOwnTaskId, newTaskId } from "../../platform/task-id.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import { candidateFor, type RequestContext } from "../../request-context.ts"
import { currentSwitches } from "../../revocation/lease.ts"
import { pulledKeys, stoppedBy, stoppedUntil, type Switch } from "../../core/signals/switch.ts"
import { stopOfAuthority } from "./stop-of-authority.ts"
import { userId } from "../../core/policy/principals.ts"
import { asciiText } from "../../core/encoding/display-text.ts"
import { audienceOf } from "./resource-indicator.ts"
import type { RequestedGrant } from "../../core/task/grant.ts"
import { issueToken, type SignedToken } from "../../signing/sign-delegation-token.ts"
import { singleUseOfProof, provenKey } from "./dpop.ts"
import { refuseReplay, type SingleUse } from "./replay-log.ts"
import { requestedText, valueOf, type Parameters } from "./parameters.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import { partitionOf, type Partition } from "../../core/task/home.ts"
import type { OpenRequest } from "../../core/task/open-request.ts"
import type { OpenedTask } from "../../core/task/opened-task.ts"
import { readRequestedGrant } from "../../core/task/requested-grant.ts"
import { signerOf, type Signer } from "../../signing/signing-key.ts"
import { ACCESS_TOKEN_TYPE, type TokenClient, type Subject } from "./subject-token.ts"
import { historyKeyOf } from "../../core/guardrails/history-key.ts"
import { stampOf } from "./stamp.ts"

/** A token request of an authenticated agent. */
export interface GrantRequest {
  readonly http: Request
  readonly parameters: Parameters
  readonly agent: string
  /** Which of the agent's instances requests it, as far as its credential proves it. */
  readonly instance: string | null
  /** Milliseconds since the epoch, when its identity was issued. */
  readonly since: number
  /** The single-use parts of its proof. */
  readonly once: readonly SingleUse[]
  readonly bundle: Bundle
  readonly context: RequestContext
  readonly decisionId: string
}

export type Grant = (request: GrantRequest) => Promise<SignedToken | OAuthFailure>

type SubjectOf = (
  parameters: Parameters,
  client: TokenClient,
  audience: string,
  bundle: Bundle,
  context: RequestContext,
) => Promise<Subject | OAuthFailure>

/** @param isExchange whether the response names the type of the issued token (RFC 8693, section 2.2.1) */
export function opening(subjectOf: SubjectOf, { isExchange } = { isExchange: false }): Grant {
  return async (request) => {
    const issued = await openBy(request, subjectOf)
    return isExchange && !isOAuthFailure(issued) ? { ...issued, issuedTokenType: ACCESS_TOKEN_TYPE } : issued
  }
}

async function openBy(request: GrantRequest, subjectOf: SubjectOf): Promise<SignedToken | OAuthFailure> {
  const { agent, since, once, context } = request
  const wanted = await readWanted(request, subjectOf)
  if (isOAuthFailure(wanted)) return wanted
  const switches = await currentSwitches(context)
  const stopped = checkSwitches(switches, { agent, since }, wanted)
  if (stopped) return stopped
  const { user, parent, task } = wanted.request
  if (parent && !isOwnTaskId(context.env, parent.task)) return oauthError({ reason: "parent_token_unknown" })
  const stoppedTask = task === null ? null : await stopOfAuthority(task, agent, switches ?? [], context.env)
  if (stoppedTask) return stoppedTask
  const { env, config, receivedAt } = context
  const signer = await signerOf(env, config.signingAlgorithm, pulledKeys(switches ?? []), receivedAt)
  if (!signer) return oauthError({ reason: "unavailable" })
  // First the agent's own proof: a replay of it must not count as an opening of the agent.
  const replayed = await refuseReplay([...once, ...wanted.proofs], context)
  if (replayed) return replayed
  const knownTask = parent?.task ?? task
  const { partition } = wanted.request
  const owner = user ?? { agent: historyKeyOf(agent), ...(partition && { partition: partition.index }) }
  const root = knownTask === null ? newTaskId(env, owner, receivedAt) : rootOf(knownTask)
  // The last check before the request to the ledger: a request that is rejected earlier has used nothing up.
  const reused = await refuseReplay(wanted.subject.once, context)
  const mine = { agents: [agent, ...wanted.subject.above.agents], user: user && userId(user), kid: null, tool: null }
  const continuesFrom = stoppedUntil(switches ?? [], mine)
  const opening = { ...wanted, request: { ...wanted.request, continuesFrom } }
  const result = reused ?? (await open(opening, root, signer, request))
  if (isOAuthFailure(result)) return result
  // As of the step itself, which may have come after another one.
  const { opened } = result
  const authority = { agents: [agent], user: opened.user, kid: null, tool: null, since: opened.since }
  const late = stoppedBy(switches ?? [], authority)
  return late ? oauthError({ reason: "stopped", switch: late.id }) : result
}

function checkSwitches(
  switches: readonly Switch[] | null,
  { agent, since }: Pick<GrantRequest, "agent" | "since">,
  { subject }: RequestedOpening,
): OAuthFailure | null {
  if (!switches) return oauthError({ reason: "unavailable" })
  const { agents, user, kid } = subject.above
  // The agent by its own identity, and the others by the subject.
  const itself = { agents: [agent], user: null, kid: null, tool: null, since }
  const all = { agents: [agent, ...agents], user, kid, tool: null, since: subject.since ?? since }
  const stopped = stoppedBy(switches, itself) ?? stoppedBy(switches, all)
  return stopped && oauthError({ reason: "stopped", switch: stopped.id })
}

/** Everything that the request contains, verified: what the ledger is to open, and how the token is to be written. */
interface RequestedOpening {
  readonly request: OpenRequest
  readonly subject: Subject
  readonly proofs: readonly SingleUse[]
}

async function readWanted(
  { http, since: agentSince, parameters, agent, instance, bundle, context }: GrantRequest,
  subjectOf: SubjectOf,
): Promise<RequestedOpening | OAuthFailure> {
  const requestedType = valueOf(parameters, "requested_token_type")
  if (requestedType !== null && requestedType !== ACCESS_TOKEN_TYPE) {
    return oauthError({ reason: "token_type_unsupported", parameter: "requested_token_type" })
  }
  const audience = audienceOf(parameters, agent, bundle)
  if (typeof audience !== "string") return audience
  const authority = readRequestedGrant(requestedText(parameters))
  if (isOAuthFailure(authority)) return authority
  const proof = await provenKey(http, context)
  if (proof && isOAuthFailure(proof)) return proof
  const subject = await subjectOf(parameters, { agent, jkt: proof?.jkt ?? null }, audience, bundle, context)
  if (isOAuthFailure(subject)) return subject
  const { user, sessionExpiresAt, sessionClient, parent, caps } = subject
  const purpose = authority.purpose ?? subject.purpose
  if (subject.purpose !== null && purpose !== subject.purpose) {
    return oauthError({ reason: "purpose_not_allowed", purpose: asciiText(purpose ?? "") })
  }
  const task = valueOf(parameters, "task")
  // To freshen a live task's session, the subject is a session and nothing else.
  if (task !== null && (user === null || !isOwnTaskId(context.env, task))) {
    return oauthError({ reason: "task_unknown", what: user === null ? "no session is brought" : asciiText(task) })
  }
  const since = subject.since ?? agentSince
  const requested =
    authority.requested.parts === null ? requestedWithin(caps, authority.requested) : authority.requested
  const jkt = proof?.jkt ?? null
  const partition = user || parent ? null : partitionFor(bundle, agent, instance, jkt)
  if (partition && isOAuthFailure(partition)) return partition
  const by = { agent, audience, jkt, ...(partition && { partition }) }
  const session = { user, sessionExpiresAt, sessionClient, since }
  const request = { ...by, ...session, parent, purpose, asked: requested, caps, approvals: [], task }
  return {
    request: { ...request, token: crypto.randomUUID() },
    subject,
    proofs: proof ? [singleUseOfProof(proof)] : [],
  }
}

async function open(
  { request }: RequestedOpening,
  root: string,
  signer: Signer,
  granted: GrantRequest,
): Promise<SignedToken | OAuthFailure> {
  const { bundle, context } = granted
  const { env } = context
  const stamp = stampOf(granted)
  const candidate = candidateFor(bundle, context)?.pointer ?? null
  const opened = await askByNewest<OpenedTask | OAuthFailure>(
    env,
    root,
    bundle.pointer,
    async (ledger, pointer) => ledger.open(LEDGER_VERSION, pointer, root, request, stamp, candidate),
    locationOf(bundle, request.audience),
  )
  if (!opened || "bundle" in opened) return oauthError({ reason: "unavailable" })
  return isOAuthFailure(opened) ? opened : issueToken(opened, request, signer, context.config.issuer)
}

/** Null if the agent has one ledger alone. */
function partitionFor(
  { agents }: Bundle,
  agent: string,
  instance: string | null,
  jkt: string | null,
): Partition | OAuthFailure | null {
  const registered = agents.get(agent)
  const found = registered ? partitionOf(registered, instance, jkt) : null
  return found && !isOAuthFailure(found) && found.of === 1 ? null : found
}

/** A request that names nothing gets what was asserted for it, within the limits of the cap itself. */
function requestedWithin([cap]: readonly RequestedGrant[], requested: RequestedGrant): RequestedGrant {
  if (!cap) return requested
  const scopes = cap.parts?.flatMap((part) => part.scopes) ?? []
  return { parts: [{ scopes, maxSensitivity: null, bounds: {} }], inDetails: cap.inDetails, calls: null }
}
