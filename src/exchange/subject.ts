/**
 * On whose behalf: the subject of a token exchange (RFC 8693 2.1) is a user's session or a delegation token of ours.
 * Which it is, its issuer says; each kind then has to pass its own rules.
 */
import { peek } from "../credential/compact.ts"
import { verifyDelegationToken } from "../credential/delegation-token.ts"
import { verifySession, type SessionKind } from "../credential/identity.ts"
import type { UserFacts } from "../ledger/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Surroundings } from "../surroundings.ts"
import { valueOf, type Parameters } from "./parameters.ts"
import { refuse, type Refused } from "./refusal.ts"

/** RFC 8693 3. */
const SESSION_KINDS: ReadonlyMap<string, SessionKind> = new Map([
  ["urn:ietf:params:oauth:token-type:id_token", "id_token"],
  ["urn:ietf:params:oauth:token-type:access_token", "access_token"],
])
export const ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"

export interface Subject {
  readonly user: UserFacts | null
  /** Milliseconds. */
  readonly sessionExpiresAt: number | null
  readonly parent: { readonly task: string; readonly token: string } | null
}

export const NO_SUBJECT: Subject = { user: null, sessionExpiresAt: null, parent: null }

/** @param audience of the delegation tokens that the request is about */
export async function verifySubject(
  parameters: Parameters,
  audience: string,
  bundle: Bundle,
  { keys, config, receivedAt: now }: Surroundings,
): Promise<Subject | Refused> {
  const token = valueOf(parameters, "subject_token")
  const type = valueOf(parameters, "subject_token_type")
  if (token === null) return refuse({ reason: "parameter_missing", parameter: "subject_token" })
  if (type === null) return refuse({ reason: "parameter_missing", parameter: "subject_token_type" })
  const kind = SESSION_KINDS.get(type)
  if (!kind) return refuse({ reason: "token_type_unsupported", parameter: "subject_token_type" })
  if (peek(token)?.iss === config.issuer) {
    if (kind !== "access_token") return refuse({ reason: "subject_rejected", what: "token type" })
    const verified = await verifyDelegationToken(token, keys, config.issuer, new Set([audience]), now)
    if ("denied" in verified) return refuse({ reason: "subject_rejected", what: verified.denied.reason })
    const { task, jti } = verified.claims
    return { ...NO_SUBJECT, parent: { task, token: jti } }
  }
  const session = await verifySession(token, kind, bundle.issuers, config, now)
  if ("rejected" in session) {
    return refuse(
      session.unavailable === true ? { reason: "unavailable" } : { reason: "subject_rejected", what: session.rejected },
    )
  }
  return { user: session.user, sessionExpiresAt: session.expiresAt, parent: null }
}
