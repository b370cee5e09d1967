/**
 * Why a credential of another is not accepted, each with what shows it: for the record, never for the wire, which tells
 * only that it was not. No reason says which part of a signature check failed, none holds a token.
 */
import { refusedHash } from "../encoding/hash.ts"
import { asciiText } from "../encoding/display-text.ts"

export type CredentialRejection = Reason & {
  /** Of the credential: tells two apart and opens nothing. */
  readonly hash?: string
}

type Reason =
  | { readonly reason: "credential_missing" }
  /** No compact JWS in its one canonical spelling, or too long. */
  | { readonly reason: "malformed"; readonly what: string }
  /** Members that choose keys or change what is signed: `crit`, `jku`, `jwk`, `x5u`, `x5c`. */
  | { readonly reason: "header_refused"; readonly member: string }
  | { readonly reason: "type_refused"; readonly typ: string | null }
  | { readonly reason: "algorithm_refused"; readonly alg: string }
  | { readonly reason: "issuer_unknown"; readonly iss: string | null }
  | { readonly reason: "trust_domain_unknown"; readonly sub: string | null }
  | { readonly reason: "subject_unknown"; readonly sub: string | null }
  /** Several registered identities fit: whose it is cannot be said. */
  | { readonly reason: "subject_ambiguous"; readonly sub: string }
  | { readonly reason: "key_unknown"; readonly kid: string | null }
  | { readonly reason: "keys_unavailable"; readonly issuer: string }
  | { readonly reason: "signature_invalid" }
  | { readonly reason: "claim_missing"; readonly claim: string }
  | { readonly reason: "claim_mismatch"; readonly claim: string }
  | { readonly reason: "audience_mismatch"; readonly got: readonly string[] }
  | { readonly reason: "client_mismatch"; readonly got: string | null }
  /** An app's own token, without anybody behind it; `mark` is the claim that shows it. */
  | { readonly reason: "no_person"; readonly mark: string }
  /** Seconds. */
  | { readonly reason: "expired"; readonly exp: number }
  | { readonly reason: "not_yet_valid"; readonly from: number }
  | { readonly reason: "too_long_lived"; readonly seconds: number }
  /** It is delegated already (RFC 8693 4.1). */
  | { readonly reason: "delegated" }
  /** It names who may act with it (RFC 8693 4.4), and that is not the agent that brings it. */
  | { readonly reason: "actor_not_allowed" }
  /** It is bound to a key that nobody proves here (RFC 9449 5, RFC 8705 3). */
  | { readonly reason: "bound" }
  /** A logout token or another security event (RFC 8417), no session. */
  | { readonly reason: "security_event" }
  | { readonly reason: "used_before"; readonly jti: string }

export interface Rejected {
  readonly rejected: CredentialRejection
}

export function reject(rejection: CredentialRejection): Rejected {
  return { rejected: rejection }
}

/** With the hash of the credential that is refused, where it has none yet. */
export function withHash(rejection: CredentialRejection, credential: string): CredentialRejection {
  const hash = rejection.hash === undefined ? refusedHash(credential) : null
  return hash === null ? rejection : { ...rejection, hash }
}

/** What came of a credential; a rejection with its hash. */
export function ofCredential<Outcome extends object>(
  outcome: Outcome | Rejected,
  credential: string,
): Outcome | Rejected {
  return isRejected(outcome) ? reject(withHash(outcome.rejected, credential)) : outcome
}

const MAX_NAME = 64
/** A long run in base64url that begins as an object in JSON does, so the form of a JWS, whole or a part of one. */
const LIKE_TOKEN = /e[wy][A-Za-z0-9_-]{18,}/

/** A client's name as it was given, for the record; where somebody has put a token in its place, the hash of that. */
export function shownName(name: unknown): string | null {
  return typeof name === "string" ? withoutToken(name).slice(0, MAX_NAME) : null
}

/** The same of what is longer than names are. */
export function withoutToken(text: string): string {
  return LIKE_TOKEN.test(text) ? `a token, ${refusedHash(text) ?? "too long"}` : asciiText(text)
}

/** In one text, for those who keep no more. */
export function brief(rejection: CredentialRejection): string {
  return rejection.reason === "malformed" ? `malformed: ${rejection.what}` : rejection.reason
}

export function isRejected(outcome: object): outcome is Rejected {
  return "rejected" in outcome
}
