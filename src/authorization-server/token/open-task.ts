/**
 * Grants that open a task, renew its token or freshen its session: audience → what is asked → key → subject → switches
 * → room → single use → one step of the tree's ledger → token. What tells them apart is where their subject comes from.
 */
import { askLedger } from "../../ledger/ask.ts"
import { LEDGER_VERSION, type NoBundle } from "../../ledger/protocol.ts"
import { isTaskId, rootOf } from "../../core/task/state.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import { candidateFor, type Surroundings } from "../../request-context.ts"
import { currentSwitches } from "../../revocation/lease.ts"
import { pulledKeys, stoppedBy, type Switch } from "../../core/signals/switch.ts"
import { userId } from "../../core/policy/principals.ts"
import { printable } from "../../core/encoding/display-text.ts"
import { audienceOf } from "./resource-indicator.ts"
import type { Asked } from "../../core/task/grant.ts"
import { issue, type Issued } from "../../signing/sign-delegation-token.ts"
import { onceOfProof, provenKey } from "./dpop.ts"
import { checkOnce, type Once } from "./replay-log.ts"
import type { OpenRequest } from "../../core/task/open.ts"
import { takePlace } from "../../ledger/task-quota.ts"
import { requestedText, valueOf, type Parameters } from "./parameters.ts"
import { isRefused, refuse, type Refused } from "../../core/denials/oauth-error.ts"
import type { OpenedTask } from "../../core/task/opened-task.ts"
import { readAsked } from "../../core/task/requested-grant.ts"
import { newId } from "../../platform/new-id.ts"
import { signerOf, type Signer } from "../../signing/signing-key.ts"
import { ACCESS_TOKEN_TYPE, type Asker, type Subject } from "./subject-token.ts"

/** A token request of an agent that has proven who it is. */
export interface GrantRequest {
  readonly http: Request
  readonly parameters: Parameters
  readonly agent: string
  /** Milliseconds, when its identity was issued. */
  readonly since: number
  /** What of its proof may be used once only. */
  readonly once: readonly Once[]
  readonly bundle: Bundle
  readonly around: Surroundings
  readonly decisionId: string
}

export type Grant = (request: GrantRequest) => Promise<Issued | Refused>

type SubjectOf = (
  parameters: Parameters,
  asker: Asker,
  audience: string,
  bundle: Bundle,
  around: Surroundings,
) => Promise<Subject | Refused>

/** @param isExchange its answer says which type of token was issued (RFC 8693 2.2.1) */
export function opening(subjectOf: SubjectOf, { isExchange } = { isExchange: false }): Grant {
  return async (request) => {
    const issued = await openBy(request, subjectOf)
    return isExchange && !isRefused(issued) ? { ...issued, issuedTokenType: ACCESS_TOKEN_TYPE } : issued
  }
}

async function openBy(request: GrantRequest, subjectOf: SubjectOf): Promise<Issued | Refused> {
  const { agent, since, once, bundle, around } = request
  const wanted = await readWanted(request, subjectOf)
  if (isRefused(wanted)) return wanted
  const switches = await currentSwitches(around)
  const stopped = checkSwitches(switches, { agent, since }, wanted)
  if (stopped) return stopped
  const { env, config, receivedAt } = around
  const signer = await signerOf(env, config.signingAlgorithm, pulledKeys(switches ?? []), receivedAt)
  if (!signer) return refuse({ reason: "unavailable" })
  // First what proves the agent: whoever replays that must not take a place from it.
  const replayed = await checkOnce([...once, ...wanted.proofs], around)
  if (replayed) return replayed
  const { user, purpose, parent, task } = wanted.request
  const known = parent?.task ?? task
  const until = receivedAt + lifeOf(agent, purpose, bundle)
  const place =
    known === null
      ? await takePlace(newId("tsk", receivedAt), agent, user && userId(user), until, bundle, around)
      : null
  if (place && isRefused(place)) return place
  const root = place?.root ?? rootOf(known ?? "")
  // The last check before the ledger is asked: a request that is refused sooner has used nothing up.
  const reused = await checkOnce(wanted.subject.once, around)
  const result = reused ?? (await open(wanted, root, signer, request))
  if (place && isRefused(result)) around.background(place.undo())
  if (isRefused(result)) return result
  // Only the ledger knows since when a task that goes on has had its authority.
  const { opened } = result
  const authority = { agents: [agent], user: opened.user, kid: null, tool: null, since: opened.since }
  const late = stoppedBy(switches ?? [], authority)
  return late ? refuse({ reason: "stopped", switch: late.id }) : result
}

/** Milliseconds, at most; whatever has no such purpose the ledger refuses, with its reason. */
function lifeOf(agent: string, purpose: string | null, { agents, purposes }: Bundle): number {
  return (purposes.get(purpose ?? agents.get(agent)?.purposes[0] ?? "")?.life ?? 0) * 1000
}

function checkSwitches(
  switches: readonly Switch[] | null,
  { agent, since }: Pick<GrantRequest, "agent" | "since">,
  { subject }: Wanted,
): Refused | null {
  if (!switches) return refuse({ reason: "unavailable" })
  const { agents, user, kid } = subject.above
  // The agent by its own identity, and all by what it comes with.
  const itself = { agents: [agent], user: null, kid: null, tool: null, since }
  const all = { agents: [agent, ...agents], user, kid, tool: null, since: subject.since ?? since }
  const stopped = stoppedBy(switches, itself) ?? stoppedBy(switches, all)
  return stopped && refuse({ reason: "stopped", switch: stopped.id })
}

/** Everything that the request says, verified: what the ledger is asked to open, and how the token is to be written. */
interface Wanted {
  readonly request: OpenRequest
  readonly subject: Subject
  readonly proofs: readonly Once[]
}

async function readWanted(
  { http, since: agentSince, parameters, agent, bundle, around }: GrantRequest,
  subjectOf: SubjectOf,
): Promise<Wanted | Refused> {
  const requestedType = valueOf(parameters, "requested_token_type")
  if (requestedType !== null && requestedType !== ACCESS_TOKEN_TYPE) {
    return refuse({ reason: "token_type_unsupported", parameter: "requested_token_type" })
  }
  const audience = audienceOf(parameters, agent, bundle)
  if (typeof audience !== "string") return audience
  const askedFor = readAsked(requestedText(parameters))
  if (isRefused(askedFor)) return askedFor
  const proof = await provenKey(http, around)
  if (proof && isRefused(proof)) return proof
  const subject = await subjectOf(parameters, { agent, jkt: proof?.jkt ?? null }, audience, bundle, around)
  if (isRefused(subject)) return subject
  const { user, sessionExpiresAt, parent, caps } = subject
  const purpose = askedFor.purpose ?? subject.purpose
  if (subject.purpose !== null && purpose !== subject.purpose) {
    return refuse({ reason: "purpose_not_allowed", purpose: printable(purpose ?? "") })
  }
  const task = valueOf(parameters, "task")
  // A fresher session for a live task: a session and nothing else is its subject.
  if (task !== null && (user === null || !isTaskId(task))) {
    return refuse({ reason: "task_unknown", what: user === null ? "no session is brought" : printable(task) })
  }
  const since = subject.since ?? agentSince
  const asked = askedFor.asked.parts === null ? askedByCap(caps, askedFor.asked) : askedFor.asked
  const jkt = proof?.jkt ?? null
  const by = { agent, audience, jkt }
  const request = { ...by, user, sessionExpiresAt, since, parent, purpose, asked, caps, approvals: [], task }
  return {
    request: { ...request, token: crypto.randomUUID() },
    subject,
    proofs: proof ? [onceOfProof(proof)] : [],
  }
}

async function open(
  { request }: Wanted,
  root: string,
  signer: Signer,
  { bundle, around, decisionId }: GrantRequest,
): Promise<Issued | Refused> {
  const { env, receivedAt } = around
  const asking = { decisionId, receivedAt }
  const candidate = candidateFor(bundle, around)?.pointer ?? null
  const opened = await askLedger(env, root, async (ledger): Promise<OpenedTask | Refused | NoBundle> =>
    ledger.open(LEDGER_VERSION, bundle.pointer, root, request, asking, candidate),
  )
  if (!opened || "bundle" in opened) return refuse({ reason: "unavailable" })
  return isRefused(opened) ? opened : issue(opened, request, signer, around.config.issuer)
}

/** Who asks for nothing by name gets what was asserted for them; how far, the cap itself says. */
function askedByCap([cap]: readonly Asked[], asked: Asked): Asked {
  if (!cap) return asked
  const scopes = cap.parts?.flatMap((part) => part.scopes) ?? []
  return { parts: [{ scopes, maxSensitivity: null, bounds: {} }], inDetails: cap.inDetails, calls: null }
}
