/**
 * The token endpoint's way, in order: form → agent → audience → subject → key → one step of the tree's ledger → token.
 * Each grant type is one row of a table that says where its subject comes from.
 */
import { verifyProof, type Proof } from "../credential/dpop.ts"
import { formatScope } from "../catalog/pattern.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION, type NoBundle, type OpenedTask } from "../ledger/ledger.ts"
import { isTaskId, rootOf } from "../ledger/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Surroundings } from "../surroundings.ts"
import { currentSwitches } from "../switches/lease.ts"
import { pulledKeys, stoppedBy, type Switch } from "../switches/switch.ts"
import { printable } from "../printable.ts"
import { isSameResource } from "../resource.ts"
import { newId } from "../ids.ts"
import { authenticateAgent } from "./agent.ts"
import { verifyAssertion } from "./assertion.ts"
import { capAsked } from "./cap.ts"
import { signDelegationToken } from "./issue.ts"
import type { Asked } from "./grant.ts"
import { checkOnce, type Once } from "./once.ts"
import type { OpenRequest } from "./open.ts"
import { readAsked, valueOf, type Parameters } from "./parameters.ts"
import { isRefused, refuse, type Refused } from "./refusal.ts"
import { signerOf } from "./signing-key.ts"
import { ACCESS_TOKEN_TYPE, NO_SUBJECT, verifySubject, type Asker, type Subject } from "./subject.ts"

type SubjectOf = (
  parameters: Parameters,
  asker: Asker,
  audience: string,
  bundle: Bundle,
  around: Surroundings,
) => Promise<Subject | Refused>

export const GRANTS: ReadonlyMap<string, SubjectOf> = new Map<string, SubjectOf>([
  ["urn:ietf:params:oauth:grant-type:token-exchange", verifySubject],
  // RFC 7523 2.1: of its assertions those that are ID-JAGs.
  ["urn:ietf:params:oauth:grant-type:jwt-bearer", verifyAssertion],
  // A task without a user (RFC 6749 4.4): the agent acts on its own behalf.
  ["client_credentials", async () => NO_SUBJECT],
])

export interface Issued {
  readonly token: string
  readonly opened: OpenedTask
  readonly tokenType: "Bearer" | "DPoP"
  /** Seconds. */
  readonly expiresIn: number
  /** RFC 8693 2.2.1; absent for other grants. */
  readonly issuedTokenType: string | null
}

/** What became of a request, with as much of it as its record can show. */
export interface ExchangeOutcome {
  readonly agent: string | null
  readonly result: Issued | Refused
}

/**
 * @param parameters of the request, read before anything else was looked at
 * @param decisionId of the record, which the ledger keeps where a token is issued, and the caller where none is
 */
export async function exchange(
  request: Request,
  parameters: Parameters | Refused,
  bundle: Bundle,
  around: Surroundings,
  decisionId: string,
): Promise<ExchangeOutcome> {
  if (isRefused(parameters)) return { agent: null, result: parameters }
  const grantType = valueOf(parameters, "grant_type")
  if (grantType === null)
    return { agent: null, result: refuse({ reason: "parameter_missing", parameter: "grant_type" }) }
  const subjectOf = GRANTS.get(grantType)
  if (!subjectOf) return { agent: null, result: refuse({ reason: "grant_type_unsupported" }) }
  const proven = await authenticateAgent(parameters, bundle, around)
  if (isRefused(proven)) return { agent: null, result: proven }
  const { agent } = proven
  const wanted = await readWanted(request, parameters, agent, subjectOf, bundle, around)
  if (isRefused(wanted)) return { agent, result: wanted }
  const switches = await currentSwitches(around)
  const stopped = checkSwitches(switches, agent, wanted, around)
  if (stopped) return { agent, result: stopped }
  // The last check before the ledger is asked: a request that is refused sooner has used nothing up.
  const reused = await checkOnce([...wanted.once, ...proven.once], around)
  return { agent, result: reused ?? (await open(wanted, switches ?? [], bundle, around, decisionId)) }
}

function checkSwitches(
  switches: readonly Switch[] | null,
  agent: string,
  { subject }: Wanted,
  { receivedAt }: Surroundings,
): Refused | null {
  if (!switches) return refuse({ reason: "unavailable" })
  const { agents, user, kid } = subject.above
  const affected = { agents: [agent, ...agents], user, kid, tool: null, issuedAt: subject.issuedAt ?? receivedAt }
  const stopped = stoppedBy(switches, affected)
  return stopped && refuse({ reason: "stopped", switch: stopped.id })
}

/** Everything that the request says, verified: what the ledger is asked to open, and how the token is to be written. */
interface Wanted {
  readonly request: OpenRequest
  readonly audience: string
  readonly isExchange: boolean
  readonly subject: Subject
  readonly once: readonly Once[]
}

async function readWanted(
  http: Request,
  parameters: Parameters,
  agent: string,
  subjectOf: SubjectOf,
  bundle: Bundle,
  around: Surroundings,
): Promise<Wanted | Refused> {
  const requestedType = valueOf(parameters, "requested_token_type")
  if (requestedType !== null && requestedType !== ACCESS_TOKEN_TYPE) {
    return refuse({ reason: "token_type_unsupported", parameter: "requested_token_type" })
  }
  const audience = audienceOf(parameters, agent, bundle)
  if (typeof audience !== "string") return audience
  const asked = readAsked(parameters)
  if (isRefused(asked)) return asked
  const proof = await provenKey(http, around)
  if (proof && isRefused(proof)) return proof
  const subject = await subjectOf(parameters, { agent, jkt: proof?.jkt ?? null }, audience, bundle, around)
  if (isRefused(subject)) return subject
  const { user, sessionExpiresAt, parent, cap } = subject
  const capped = cap ? capAsked(asked, cap) : asked
  if (!capped) return refuse({ reason: "beyond_assertion", asked: scopesOf(asked), allowed: scopesOf(cap) })
  const purpose = valueOf(parameters, "purpose")
  const task = valueOf(parameters, "task")
  // A fresher session for a live task: a session and nothing else is its subject.
  if (task !== null && (user === null || !isTaskId(task))) return refuse({ reason: "parent_ended" })
  const request = { agent, user, sessionExpiresAt, parent, purpose, asked: capped, jkt: proof?.jkt ?? null, task }
  return {
    request: { ...request, token: crypto.randomUUID() },
    audience,
    isExchange: subjectOf === verifySubject,
    subject,
    once: [...(proof ? [onceOfProof(proof)] : []), ...subject.once],
  }
}

const scopesOf = (asked: Asked | null): readonly string[] => asked?.scopes?.map(formatScope) ?? []

async function open(
  { request, audience, isExchange }: Wanted,
  switches: readonly Switch[],
  bundle: Bundle,
  around: Surroundings,
  decisionId: string,
): Promise<Issued | Refused> {
  const { env, config, receivedAt } = around
  const known = request.parent?.task ?? request.task
  const root = known === null ? newId("tsk", receivedAt) : rootOf(known)
  const asking = { decisionId, audience, receivedAt }
  const opened = await askLedger(env, root, async (ledger): Promise<OpenedTask | Refused | NoBundle> =>
    ledger.open(LEDGER_VERSION, bundle.pointer, root, request, asking),
  )
  if (!opened || "bundle" in opened) return refuse({ reason: "unavailable" })
  if (isRefused(opened)) return opened
  const { jkt, token: jti } = request
  const signer = await signerOf(env, config.signingAlgorithm, pulledKeys(switches), receivedAt)
  const token = await signDelegationToken(signer, opened, { issuer: config.issuer, audience, jti, jkt })
  return {
    token,
    opened,
    tokenType: jkt === null ? "Bearer" : "DPoP",
    expiresIn: Math.max(0, Math.floor((opened.expiresAt - opened.issuedAt) / 1000)),
    issuedTokenType: isExchange ? ACCESS_TOKEN_TYPE : null,
  }
}

/** RFC 8707, RFC 8693 2.1: the gateways' audience that the token is for, one of the agent's; where it has only one it need not be named. */
function audienceOf(parameters: Parameters, agent: string, bundle: Bundle): string | Refused {
  const asked = [...(parameters.get("resource") ?? []), ...(parameters.get("audience") ?? [])]
  // As we spell it: a token's audience is compared letter by letter at its gateway.
  const spelled = (name: string): string =>
    bundle.audiences.has(name) ? name : ([...bundle.audiences].find((ours) => isSameResource(ours, name)) ?? name)
  const named = new Set(asked.map(spelled))
  const allowed = new Set(bundle.agents.get(agent)?.audiences ?? bundle.audiences)
  const [audience, ...others] = named.size === 0 ? allowed : named
  // A token for several audiences would open one with what another has seen.
  if (audience === undefined || others.length > 0 || !allowed.has(audience) || !bundle.audiences.has(audience)) {
    return refuse({ reason: "audience_unknown", audience: printable([...named].join(" ")) })
  }
  return audience
}

function onceOfProof({ jkt, jti, freshUntil }: Proof): Once {
  return { what: "proof", issuer: jkt, jti, until: freshUntil }
}

/** Null where the request proves no key. */
async function provenKey(http: Request, { config, receivedAt }: Surroundings): Promise<Proof | Refused | null> {
  const proof = http.headers.get("dpop")
  if (proof === null) return null
  const expected = { method: "POST", uri: `${config.issuer}/oauth/token`, ath: null }
  const verified = await verifyProof(proof, expected, receivedAt)
  return "rejected" in verified ? refuse({ reason: "proof_rejected", what: verified.rejected }) : verified
}
