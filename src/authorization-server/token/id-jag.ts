/**
 * The subject, if the person's session stays with their provider (RFC 7523, section 2.1, ID-JAG): the provider asserts
 * that this agent may work for this person, and to what extent at most. Used once, whatever the issuer's entry says.
 */
import { parseScope } from "../../core/catalog/pattern.ts"
import { readCompact } from "../../credentials/jws/compact.ts"
import { verifyIdJag } from "../../credentials/id-jag.ts"
import { isRejected, withHash, type CredentialRejection } from "../../core/denials/terms/credential-rejection.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import { userId } from "../../core/policy/principals.ts"
import type { RequestContext } from "../../request-context.ts"
import { NOTHING_REQUESTED, type RequestedGrant } from "../../core/task/grant.ts"
import { valueOf, type Parameters } from "./parameters.ts"
import { oauthError, credentialError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import { readAssertedDetails } from "../../core/task/requested-grant.ts"
import { NO_SUBJECT, type TokenClient, type Subject } from "./subject-token.ts"

export async function verifyAssertion(
  parameters: Parameters,
  { agent, jkt }: TokenClient,
  audience: string,
  { issuers }: Bundle,
  { config, fetchContext }: RequestContext,
): Promise<Subject | OAuthFailure> {
  const text = valueOf(parameters, "assertion")
  if (text === null) return oauthError({ reason: "parameter_missing", parameter: "assertion" })
  const rejected = (because: CredentialRejection): OAuthFailure =>
    credentialError("assertion_rejected", withHash(because, text))
  const compact = readCompact(text)
  if (isRejected(compact)) return rejected(compact.rejected)
  const { iss } = compact.claims
  const issuer = issuers.find((each) => each.issuer !== undefined && each.issuer === iss)
  if (!issuer?.assertions) return rejected({ reason: "issuer_unknown", iss: typeof iss === "string" ? iss : null })
  const bringing = { agent, jkt, audience, us: config.issuer }
  const asserted = await verifyIdJag(compact, { ...issuer, assertions: issuer.assertions }, bringing, fetchContext)
  if (isRejected(asserted)) return rejected(asserted.rejected)
  const { person, jti, redeemableUntil, scope, authorizationDetails } = asserted
  const allowed = readAllowed(scope, authorizationDetails)
  if (!allowed) return rejected({ reason: "claim_mismatch", claim: "authorization_details" })
  return {
    ...NO_SUBJECT,
    user: person.user,
    sessionExpiresAt: person.expiresAt,
    // The client of an assertion is the agent itself.
    sessionClient: agent,
    above: { ...NO_SUBJECT.above, user: userId(person.user) },
    since: person.issuedAt,
    once: [{ what: "grant", issuer: issuer.id, jti, until: redeemableUntil }],
    ...allowed,
  }
}

interface Allowed {
  readonly caps: readonly RequestedGrant[]
  readonly purpose: string | null
}

/**
 * Words that are no scopes of ours allow nothing here; details of other types are for others. Null if it cannot be
 * read.
 */
function readAllowed(scope: string | null, authorizationDetails: unknown): Allowed | null {
  const scopes = scope?.split(" ").flatMap((word) => parseScope(word) ?? [])
  const byScope = scopes ? [{ ...NOTHING_REQUESTED, parts: [{ scopes, maxSensitivity: null, bounds: {} }] }] : []
  if (authorizationDetails === undefined) return { caps: byScope, purpose: null }
  const byDetails = readAssertedDetails(authorizationDetails)
  return byDetails && { caps: [byDetails.requested, ...byScope], purpose: byDetails.purpose }
}
