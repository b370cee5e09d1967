/**
 * Why a foreign credential is rejected: each reason with its evidence, for the record only. On the wire, the credential
 * is merely invalid. No reason says which part of a signature check failed, and none contains a token.
 */
import { rejectedHash } from "../../encoding/hash.ts"
import { asciiText } from "../../encoding/display-text.ts"
import { NUMBER, plain, TEXT, TEXTS, type DenialOf, type PlainMembers, type Reasoned } from "./evidence.ts"
import type { SetErrorCode } from "./set-error-code.ts"

interface RejectionReason<E extends PlainMembers = PlainMembers> extends Reasoned<E> {
  /** The `err` code of RFC 8935, section 2.4, if the credential is a Security Event Token. */
  readonly setError: SetErrorCode
}
function reason<const E extends PlainMembers>(entry: RejectionReason<E>): RejectionReason<E> {
  return entry
}
/** A reason of which a transmitter learns only that the token is invalid. */
function invalid<const E extends PlainMembers>(entry: Reasoned<E>): RejectionReason<E> {
  return { ...entry, setError: "invalid_request" }
}

const CLAIM = plain(TEXT, "The claim.")
const SUBJECT = plain(TEXT, "The subject.")

export const REJECTIONS = {
  credential_missing: invalid({ evidence: {}, doc: "There is no credential: neither an assertion nor a token." }),
  malformed: invalid({
    evidence: { what: plain(TEXT, "Which part of it is malformed, and why.") },
    doc: "It is not a compact JWS in its one canonical spelling, is too long, or can be read in more than one way.",
  }),
  header_refused: invalid({
    evidence: { member: plain(TEXT, "The member of the header.") },
    doc: "Its header chooses keys or changes what is signed: `crit`, `jku`, `jwk`, `x5u`, `x5c`, `b64` or `zip`.",
  }),
  type_refused: invalid({
    evidence: { typ: plain(TEXT.nullable(), "Its `typ`; `client_assertion_type` if that parameter is wrong.") },
    doc: "Its `typ` is that of another kind of token.",
  }),
  algorithm_refused: reason({
    setError: "invalid_key",
    evidence: { alg: plain(TEXT, "Its `alg`.") },
    doc: "Its algorithm is not listed for the keys of its issuer.",
  }),
  issuer_unknown: reason({
    setError: "invalid_issuer",
    evidence: { iss: plain(TEXT.nullable(), "Its `iss`.") },
    doc: "No configured issuer of this kind of token has its `iss`.",
  }),
  trust_domain_unknown: invalid({
    evidence: { sub: plain(TEXT.nullable(), "Its `sub`.") },
    doc: "Its `sub` is no SPIFFE ID of a configured trust domain.",
  }),
  subject_unknown: invalid({
    evidence: { sub: plain(TEXT.nullable(), "Its `sub`.") },
    doc: "No agent, or no operator, has this identity.",
  }),
  subject_ambiguous: invalid({ evidence: { sub: SUBJECT }, doc: "Several registered agents have this identity." }),
  key_unknown: reason({
    setError: "invalid_key",
    evidence: { kid: plain(TEXT.nullable(), "Its `kid`.") },
    doc: "The issuer has no usable key of this id and algorithm.",
  }),
  keys_unavailable: reason({
    setError: "unavailable",
    evidence: { issuer: plain(TEXT, "The issuer.") },
    doc: "The keys of the issuer are unavailable.",
  }),
  signature_invalid: reason({ setError: "invalid_key", evidence: {}, doc: "The signature is not by that key." }),
  claim_missing: invalid({ evidence: { claim: CLAIM }, doc: "A required claim is missing." }),
  claim_mismatch: invalid({
    evidence: { claim: CLAIM },
    doc: "A claim does not have the value, or the kind of value, that it must have.",
  }),
  claim_unexpected: invalid({
    evidence: { claim: CLAIM },
    doc: "It has a claim that tokens of its kind do not have: an access token in place of an ID token.",
  }),
  audience_mismatch: reason({
    setError: "invalid_audience",
    evidence: { got: plain(TEXTS, "Its audiences.") },
    doc: "It is not for Narrowgate, or for others too.",
  }),
  client_mismatch: invalid({
    evidence: { got: plain(TEXT.nullable(), "The client that it names.") },
    doc: "It was issued to another client, or `client_id` is not the agent.",
  }),
  no_person: invalid({
    evidence: { mark: plain(TEXT, "The claim that shows it.") },
    doc: "It is a client's own token, with no user behind it.",
  }),
  expired: invalid({ evidence: { exp: plain(NUMBER, "Seconds since the epoch.") }, doc: "It has expired." }),
  not_yet_valid: invalid({
    evidence: { from: plain(NUMBER, "Seconds since the epoch.") },
    doc: "Its `nbf`, `iat` or `auth_time` is in the future.",
  }),
  too_long_lived: invalid({
    evidence: { seconds: plain(NUMBER, "Its lifetime, in seconds.") },
    doc: "Its lifetime is longer than this kind of token, or the `max_life` of its issuer, permits.",
  }),
  delegated: invalid({ evidence: {}, doc: "It is delegated already: it has `act` (RFC 8693, section 4.1)." }),
  actor_not_allowed: invalid({
    evidence: {},
    doc: "Its `may_act` does not name the agent that presents it (RFC 8693, section 4.4), or it may have none.",
  }),
  bound: invalid({
    evidence: {},
    doc: "It is bound to a key that nobody proves here: it has `cnf` (RFC 9449, section 5; RFC 8705, section 3).",
  }),
  security_event: invalid({
    evidence: {},
    doc: "It is a logout token or another security event, no session: it has `events` (RFC 8417).",
  }),
  used_before: invalid({
    evidence: { jti: plain(TEXT, "Its `jti`.") },
    doc: "It was used before, or has no `jti` although it can be used only once.",
  }),
}

export type CredentialRejection = DenialOf<typeof REJECTIONS> & {
  /** First digits of the credential's hash: they distinguish credentials and reveal nothing. */
  readonly hash?: string
}

export interface Rejected {
  readonly rejected: CredentialRejection
}

export function reject(rejection: CredentialRejection): Rejected {
  return { rejected: rejection }
}

/** Adds the hash of the rejected credential, if the rejection has none yet. */
export function withHash(rejection: CredentialRejection, credential: string): CredentialRejection {
  const hash = rejection.hash === undefined ? rejectedHash(credential) : null
  return hash === null ? rejection : { ...rejection, hash }
}

/** Returns the result for a credential; if that is a rejection, with its hash. */
export function ofCredential<Outcome extends object>(
  outcome: Outcome | Rejected,
  credential: string,
): Outcome | Rejected {
  return isRejected(outcome) ? reject(withHash(outcome.rejected, credential)) : outcome
}

const MAX_NAME = 64
/** A long base64url text that begins like a JSON object, which is the form of a JWT or a part of one. */
const LIKE_TOKEN = /e[wy][A-Za-z0-9_-]{18,}/

/**
 * Returns a client's name as it was given, for the record. If a token was sent in its place, returns the token's hash.
 */
export function shownName(name: unknown): string | null {
  return typeof name === "string" ? withoutToken(name).slice(0, MAX_NAME) : null
}

/** Does the same for texts longer than names. */
export function withoutToken(text: string): string {
  return LIKE_TOKEN.test(text) ? `a token, ${rejectedHash(text) ?? "too long"}` : asciiText(text)
}

/** Returns the rejection as one text, for records that store no more. */
export function brief(rejection: CredentialRejection): string {
  return rejection.reason === "malformed" ? `malformed: ${rejection.what}` : rejection.reason
}

export function isRejected(outcome: object): outcome is Rejected {
  return "rejected" in outcome
}
