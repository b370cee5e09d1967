/**
 * The subject of a token exchange (RFC 8693, section 2.1): a user's session or a delegation token of ours. Its issuer
 * determines which; each kind then has to meet its own rules.
 */
import { readCompact } from "../../credentials/jws/compact.ts"
import { verifyDelegationToken } from "../../credentials/delegation-token.ts"
import { verifyHandover } from "../../credentials/handover.ts"
import { isRejected, withHash, type CredentialRejection } from "../../core/denials/terms/credential-rejection.ts"
import { verifySession, type SessionKind } from "../../credentials/session.ts"
import type { Denial } from "../../core/denials/denial.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import { userId, type UserFacts } from "../../core/policy/principals.ts"
import type { RequestContext } from "../../request-context.ts"
import type { RequestedGrant } from "../../core/task/grant.ts"
import type { SingleUse } from "./replay-log.ts"
import { valueOf, type Parameters } from "./parameters.ts"
import { oauthError, credentialError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import type { OpenRequest } from "../../core/task/open-request.ts"

/** RFC 8693, section 3. */
const SESSION_KINDS: ReadonlyMap<string, SessionKind> = new Map([
  ["urn:ietf:params:oauth:token-type:id_token", "id_token"],
  ["urn:ietf:params:oauth:token-type:access_token", "access_token"],
])
export const ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"

export interface Subject {
  readonly user: UserFacts | null
  /** Milliseconds since the epoch. */
  readonly sessionExpiresAt: number | null
  /** To which the provider issued the session. */
  readonly sessionClient: string | null
  readonly parent: OpenRequest["parent"]
  /** The ancestors' agents, and the key that signed the parent's token. */
  readonly above: { readonly agents: readonly string[]; readonly user: string | null; readonly kid: string | null }
  /**
   * Milliseconds since the epoch, when the authority was given: the session's issue, or the time of the parent's tree.
   * Null if there is none.
   */
  readonly since: number | null
  /** The single-use parts of it. */
  readonly once: readonly SingleUse[]
  /** The most that may be requested; each of these applies. If nothing is requested, the first is. */
  readonly caps: readonly RequestedGrant[]
  /** The one purpose that it may serve. Null: any. */
  readonly purpose: string | null
}

/** The client of a token request, with the key that it has proven. */
export interface TokenClient {
  readonly agent: string
  readonly jkt: string | null
}

const NO_IDENTITY = { agents: [], user: null, kid: null } as const

export const NO_SUBJECT: Subject = {
  user: null,
  sessionExpiresAt: null,
  sessionClient: null,
  parent: null,
  above: NO_IDENTITY,
  since: null,
  once: [],
  caps: [],
  purpose: null,
}

/** @param audience of the delegation tokens that the request is about */
export async function verifySubject(
  parameters: Parameters,
  { agent, jkt }: TokenClient,
  audience: string,
  bundle: Bundle,
  { keys, config, fetchContext }: RequestContext,
): Promise<Subject | OAuthFailure> {
  const token = valueOf(parameters, "subject_token")
  const type = valueOf(parameters, "subject_token_type")
  if (token === null) return oauthError({ reason: "parameter_missing", parameter: "subject_token" })
  if (type === null) return oauthError({ reason: "parameter_missing", parameter: "subject_token_type" })
  const kind = SESSION_KINDS.get(type)
  if (!kind) return oauthError({ reason: "token_type_unsupported", parameter: "subject_token_type" })
  const rejected = (because: CredentialRejection): OAuthFailure =>
    credentialError("subject_rejected", withHash(because, token))
  const compact = readCompact(token)
  if (isRejected(compact)) return rejected(compact.rejected)
  const { iss } = compact.claims
  if (iss === config.issuer) {
    if (kind !== "access_token") return rejected({ reason: "type_refused", typ: compact.header.typ })
    const verified = await verifyDelegationToken(token, keys, config.issuer, new Set([audience]), fetchContext.now)
    if ("denied" in verified) {
      const { denied } = verified
      // RFC 8707, section 2.2: if the token is valid otherwise, the agent may know which audience it requested in vain.
      if (denied.reason === "audience_mismatch") {
        return oauthError({ reason: "audience_differs", audience, expected: [denied.got] })
      }
      return rejected(ofDenial(denied))
    }
    const { agents, kid, claims } = verified
    const { task, jti, sub, client_id } = claims
    const above = { agents, kid, user: sub === client_id ? null : sub }
    const subject = { ...NO_SUBJECT, above, since: claims.since * 1000 }
    const parent = { task, token: jti, handedOverBy: null }
    const text = valueOf(parameters, "handover")
    if (text === null) return { ...subject, parent }
    if (jkt === null) return oauthError({ reason: "key_required" })
    const handover = await verifyHandover(text, { audience: config.issuer, agent, jkt, token }, fetchContext.now)
    if ("rejected" in handover) return oauthError({ reason: "handover_rejected", what: handover.rejected })
    const used: SingleUse = { what: "handover", issuer: handover.jkt, jti: handover.jti, until: handover.freshUntil }
    return { ...subject, parent: { ...parent, handedOverBy: handover.jkt }, once: [used] }
  }
  const issuer = bundle.issuers.find((each) => each.issuer !== undefined && each.issuer === iss)
  if (!issuer?.users) return rejected({ reason: "issuer_unknown", iss: typeof iss === "string" ? iss : null })
  const session = await verifySession(compact, kind, { ...issuer, users: issuer.users }, agent, fetchContext)
  if (isRejected(session)) return rejected(session.rejected)
  const { user, expiresAt, issuedAt: since, jti, client: sessionClient } = session
  const used: SingleUse = { what: "subject", issuer: issuer.id, jti: jti ?? "", until: expiresAt + 60_000 }
  const once = issuer.single_use === true ? [used] : []
  const above = { ...NO_IDENTITY, user: userId(user) }
  return { ...NO_SUBJECT, user, sessionExpiresAt: expiresAt, sessionClient, above, since, once }
}

/** The rejection of a delegation token by the gateway's rules, in the words of this endpoint. */
function ofDenial(denial: Denial): CredentialRejection {
  switch (denial.reason) {
    case "token_expired":
      return { reason: "expired", exp: denial.expired_at }
    case "keys_unavailable":
      return { reason: "keys_unavailable", issuer: "our own" }
    default:
      return { reason: "malformed", what: denial.reason }
  }
}
