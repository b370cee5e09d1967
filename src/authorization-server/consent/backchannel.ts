/**
 * `POST /oauth/bc-authorize` (OpenID CIBA Core, section 7, poll mode): an agent requests the consent of a user who is not
 * at its browser. The agent learns only the `auth_req_id` with which it polls the token endpoint.
 */
import type { Context } from "hono"
import { readCompact } from "../../credentials/jws/compact.ts"
import { isRejected, withHash, type CredentialRejection } from "../../core/denials/terms/credential-rejection.ts"
import { verifySession } from "../../credentials/session.ts"
import { sha256Hex } from "../../core/encoding/hash.ts"
import { locationOf } from "../../core/task/audience.ts"
import { askByNewest } from "../../ledger/ask.ts"
import { LEDGER_VERSION, type ConsentOutcome } from "../../ledger/protocol.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import { userId, type UserFacts } from "../../core/policy/principals.ts"
import { hasUnseen } from "../../core/encoding/display-text.ts"
import { newSecret } from "../../platform/secret.ts"
import { bundleFor, requestContext, type RequestContext } from "../../request-context.ts"
import { currentSwitches } from "../../revocation/lease.ts"
import { stoppedBy } from "../../core/signals/switch.ts"
import { authenticateAgent, type RequestingClient } from "../token/client-authentication.ts"
import { audienceOf } from "../token/resource-indicator.ts"
import { POLL_INTERVAL_SECONDS } from "../../core/task/consent.ts"
import { refuseReplay } from "../token/replay-log.ts"
import { requestedText, readParameters, valueOf, type Parameters } from "../token/parameters.ts"
import { recordOAuthError } from "../token/record-error.ts"
import { isOAuthFailure, oauthError, credentialError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import type { Consent } from "../../core/task/pending-consent.ts"
import { readRequestedGrant } from "../../core/task/requested-grant.ts"
import { newId } from "../../platform/new-id.ts"
import { newTaskId } from "../../platform/task-id.ts"
import { errorResponse } from "../token/response.ts"
import { historyKeyOf } from "../../core/guardrails/history-key.ts"

/** Seconds that a user has to answer, unless the agent requests another time. */
const DEFAULT_EXPIRY_SECONDS = 300
const MAX_EXPIRY_SECONDS = 600
/** CIBA Core, section 7.1: short, and plain text. */
const BINDING_MESSAGE = /^[\p{L}\p{N}\p{P}\p{S} ]{1,100}$/u
const NO_STORE = { "Cache-Control": "no-store", Pragma: "no-cache" } as const

export async function backchannelAuthorize(c: Context<{ Bindings: Env }>): Promise<Response> {
  const parameters = await readParameters(c.req.raw)
  const context = requestContext(c.env, (promise) => c.executionCtx.waitUntil(promise))
  const id = newId("dec", context.receivedAt)
  const bundle = await bundleFor(context)
  const { client, result } =
    bundle && !isOAuthFailure(parameters)
      ? await ask(parameters, bundle, context, id)
      : { client: null, result: isOAuthFailure(parameters) ? parameters : oauthError({ reason: "unavailable" }) }
  if (!isOAuthFailure(result)) return Response.json(result, { headers: { ...NO_STORE, "X-Narrowgate-Decision": id } })
  recordOAuthError(result.refused, client, bundle, id, context)
  return errorResponse(result, id, c.req.raw)
}

interface CibaResponse {
  readonly auth_req_id: string
  /** Seconds. */
  readonly expires_in: number
  /** Seconds. */
  readonly interval: number
}

async function ask(
  parameters: Parameters,
  bundle: Bundle,
  context: RequestContext,
  decisionId: string,
): Promise<{ readonly client: RequestingClient | null; readonly result: CibaResponse | OAuthFailure }> {
  const proven = await authenticateAgent(parameters, bundle, context)
  if (isOAuthFailure(proven)) return { client: null, result: proven }
  const { agent, since, once } = proven
  const secret = newSecret()
  const consent = await readConsent(parameters, agent, secret, bundle, context)
  if (isOAuthFailure(consent)) return { client: proven, result: consent }
  const switches = await currentSwitches(context)
  if (!switches) return { client: proven, result: oauthError({ reason: "unavailable" }) }
  const affected = { kid: null, tool: null }
  const stopped =
    stoppedBy(switches, { ...affected, agents: [agent], user: null, since }) ??
    stoppedBy(switches, { ...affected, agents: [agent], user: userId(consent.user), since: context.receivedAt })
  if (stopped) return { client: proven, result: oauthError({ reason: "stopped", switch: stopped.id }) }
  const replayed = await refuseReplay(once, context)
  if (replayed) return { client: proven, result: replayed }
  // Until the person has answered, the request waits in the ledger of its agent (ledger/consents.ts).
  const root = newTaskId(context.env, { agent: historyKeyOf(agent) }, context.receivedAt)
  const result = await storeConsent(consent, root, bundle, context, decisionId)
  if (isOAuthFailure(result)) return { client: proven, result }
  const expires_in = Math.floor((consent.expiresAt - context.receivedAt) / 1000)
  return { client: proven, result: { auth_req_id: `${root}.${secret}`, expires_in, interval: POLL_INTERVAL_SECONDS } }
}

async function storeConsent(
  consent: Consent,
  root: string,
  bundle: Bundle,
  { env, receivedAt }: RequestContext,
  decisionId: string,
): Promise<OAuthFailure | { readonly task: string }> {
  const decision = { decisionId, receivedAt }
  const reply = await askByNewest<ConsentOutcome | OAuthFailure>(
    env,
    root,
    bundle.pointer,
    async (ledger, pointer) => ledger.ask(LEDGER_VERSION, pointer, root, consent, decision),
    locationOf(bundle, consent.audience),
  )
  // The id of the tree is new, so it cannot have been answered.
  return !reply || "bundle" in reply || "answered" in reply ? oauthError({ reason: "unavailable" }) : reply
}

async function readConsent(
  parameters: Parameters,
  agent: string,
  secret: string,
  bundle: Bundle,
  context: RequestContext,
): Promise<Consent | OAuthFailure> {
  const audience = audienceOf(parameters, agent, bundle)
  if (typeof audience !== "string") return audience
  const authority = readRequestedGrant(requestedText(parameters))
  if (isOAuthFailure(authority)) return authority
  const user = await readHint(parameters, agent, bundle, context)
  if (isOAuthFailure(user)) return user
  const bindingMessage = valueOf(parameters, "binding_message")
  if (bindingMessage !== null && (!BINDING_MESSAGE.test(bindingMessage) || hasUnseen(bindingMessage))) {
    return oauthError({ reason: "binding_message_refused" })
  }
  const seconds = expiryOf(valueOf(parameters, "requested_expiry"))
  if (seconds === null)
    return oauthError({ reason: "request_malformed", what: "requested_expiry is no number of seconds" })
  return {
    secretHash: sha256Hex(secret),
    agent,
    user,
    purpose: authority.purpose,
    asked: authority.requested,
    audience,
    bindingMessage,
    expiresAt: context.receivedAt + seconds * 1000,
    life: 0,
    answer: null,
    isRedeemed: false,
  }
}

function expiryOf(text: string | null): number | null {
  if (text === null) return DEFAULT_EXPIRY_SECONDS
  return /^[1-9]\d{0,8}$/.test(text) ? Math.min(Number(text), MAX_EXPIRY_SECONDS) : null
}

/** The user by exactly one hint (CIBA Core, section 7.1): `login_hint` with issuer and subject, or `id_token_hint`. */
async function readHint(
  parameters: Parameters,
  agent: string,
  { issuers }: Bundle,
  { fetchContext }: RequestContext,
): Promise<UserFacts | OAuthFailure> {
  const [login, idToken] = [valueOf(parameters, "login_hint"), valueOf(parameters, "id_token_hint")]
  const hints = [login, idToken, valueOf(parameters, "login_hint_token")].filter((hint) => hint !== null)
  if (hints.length !== 1) return oauthError({ reason: "request_malformed", what: "exactly one hint says who is asked" })
  if (login !== null) {
    const issuer = issuers.find((each) => each.users && login.startsWith(`${each.issuer ?? ""}|`))
    const subject = login.slice((issuer?.issuer?.length ?? 0) + 1)
    return issuer?.issuer !== undefined && /^[^\p{Cc}\p{Cs}]{1,255}$/u.test(subject)
      ? { issuer: issuer.issuer, subject, groups: [] }
      : oauthError({ reason: "user_unknown" })
  }
  if (idToken === null) return oauthError({ reason: "request_malformed", what: "login_hint_token is not supported" })
  const rejected = (because: CredentialRejection): OAuthFailure =>
    credentialError("subject_rejected", withHash(because, idToken))
  const compact = readCompact(idToken)
  if (isRejected(compact)) return rejected(compact.rejected)
  const { iss } = compact.claims
  const issuer = issuers.find((each) => each.issuer !== undefined && each.issuer === iss)
  if (!issuer?.users) return oauthError({ reason: "user_unknown" })
  const session = await verifySession(compact, "id_token", { ...issuer, users: issuer.users }, agent, fetchContext)
  // The groups of a hint may be outdated: only the identity is taken from it.
  return isRejected(session) ? rejected(session.rejected) : { ...session.user, groups: [] }
}
