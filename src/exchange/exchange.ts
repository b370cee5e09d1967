/**
 * The token endpoint's way, in order: form → agent → what its grant type does. Each grant type is one row of a table.
 */
import type { Bundle } from "../policy/assemble.ts"
import type { Surroundings } from "../surroundings.ts"
import { authenticateAgent } from "./agent.ts"
import { verifyAssertion } from "./assertion.ts"
import { redeemConsent } from "./ciba.ts"
import type { Issued } from "./issue.ts"
import { opening, type Grant } from "./opening.ts"
import { valueOf, type Parameters } from "./parameters.ts"
import { isRefused, refuse, type Refused } from "./refusal.ts"
import { NO_SUBJECT, verifySubject } from "./subject.ts"

export const GRANTS: ReadonlyMap<string, Grant> = new Map<string, Grant>([
  ["urn:ietf:params:oauth:grant-type:token-exchange", opening(verifySubject, { isExchange: true })],
  // RFC 7523 2.1: of its assertions those that are ID-JAGs.
  ["urn:ietf:params:oauth:grant-type:jwt-bearer", opening(verifyAssertion)],
  // A task without a user (RFC 6749 4.4): the agent acts on its own behalf.
  ["client_credentials", opening(async () => NO_SUBJECT)],
  // A task that a person has consented to (OpenID CIBA 10.1).
  ["urn:openid:params:grant-type:ciba", redeemConsent],
])

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
  const grant = GRANTS.get(grantType)
  if (!grant) return { agent: null, result: refuse({ reason: "grant_type_unsupported" }) }
  const proven = await authenticateAgent(parameters, bundle, around)
  if (isRefused(proven)) return { agent: null, result: proven }
  const { agent, since, once } = proven
  return { agent, result: await grant({ http: request, parameters, agent, since, once, bundle, around, decisionId }) }
}
