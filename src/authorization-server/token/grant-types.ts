/**
 * The steps of the token endpoint, in order: form → agent → the handler of its grant type. Each grant type is one row
 * of a table.
 */
import type { Bundle } from "../../core/policy/assemble.ts"
import type { RequestContext } from "../../request-context.ts"
import {
  authenticateAgent,
  authenticateBearer,
  authenticateClient,
  lacksProof,
  type RequestingClient,
} from "./client-authentication.ts"
import { verifyAssertion } from "./id-jag.ts"
import { redeemCode, refreshToken } from "./authorization-code.ts"
import { registrationObject } from "../../ledger/registration/registration.ts"
import { redeemConsent } from "./ciba.ts"
import type { SignedToken } from "../../signing/sign-delegation-token.ts"
import { opening, type Grant } from "./open-task.ts"
import { valueOf, type Parameters } from "./parameters.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import { NO_SUBJECT, verifySubject } from "./subject-token.ts"

/** An agent that is its own grant works on its own behalf, as by `client_credentials`. */
const verifyAssertedSubject: typeof verifyAssertion = async (parameters, ...request) =>
  lacksProof(parameters) ? NO_SUBJECT : verifyAssertion(parameters, ...request)

interface GrantType {
  /** How its client is authenticated. */
  readonly authenticate: typeof authenticateAgent
  readonly grant: Grant
}

const toProven = (grant: Grant): GrantType => ({ authenticate: authenticateAgent, grant })
/** A public client that is registered as one may redeem what a person has consented to at their browser. */
const toClient = (grant: Grant): GrantType => ({ authenticate: authenticateClient, grant })

export const GRANTS: ReadonlyMap<string, GrantType> = new Map([
  ["urn:ietf:params:oauth:grant-type:token-exchange", toProven(opening(verifySubject, { isExchange: true }))],
  // RFC 7523, section 2.1: of a provider's assertions those that are ID-JAGs; or, in place of the agent's proof, its own.
  [
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    { authenticate: authenticateBearer, grant: opening(verifyAssertedSubject) },
  ],
  // A task without a user (RFC 6749, section 4.4): the agent acts on its own behalf.
  ["client_credentials", toProven(opening(async () => NO_SUBJECT))],
  // A task that a person has consented to, elsewhere (OpenID CIBA, section 10.1) or at their browser (RFC 6749, section
  // 4.1.3).
  ["urn:openid:params:grant-type:ciba", toProven(redeemConsent)],
  ["authorization_code", toClient(redeemCode)],
  ["refresh_token", toClient(refreshToken)],
])

/** The result of a request, and as much of the request as its record can show. */
export interface ExchangeOutcome {
  /** Null if the request does not name its client, or its authentication failed. */
  readonly client: RequestingClient | null
  readonly result: SignedToken | OAuthFailure
}

/**
 * @param parameters of the request, read before anything else was checked
 * @param decisionId of the record, which the ledger stores if a token is issued, and the caller otherwise
 */
export async function exchange(
  request: Request,
  parameters: Parameters | OAuthFailure,
  bundle: Bundle,
  context: RequestContext,
  decisionId: string,
): Promise<ExchangeOutcome> {
  if (isOAuthFailure(parameters)) return { client: null, result: parameters }
  const grantType = valueOf(parameters, "grant_type")
  if (grantType === null)
    return { client: null, result: oauthError({ reason: "parameter_missing", parameter: "grant_type" }) }
  const type = GRANTS.get(grantType)
  if (!type) return { client: null, result: oauthError({ reason: "grant_type_unsupported" }) }
  const proven = await type.authenticate(parameters, bundle, context)
  if (isOAuthFailure(proven)) return { client: null, result: proven }
  const { agent, instance, since, once } = proven
  const result = await type.grant({
    http: request,
    parameters,
    agent,
    instance,
    since,
    once,
    bundle,
    context,
    decisionId,
  })
  if (!isOAuthFailure(result) && bundle.agents.get(agent)?.client?.registered === true) {
    context.background(registrationObject(context.env, agent).markUsed())
  }
  return { client: proven, result }
}
