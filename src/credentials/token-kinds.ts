/**
 * Every kind of signed token that this Worker handles, one row each. Kinds are distinguished by `typ` first (RFC 8725,
 * section 3.11), and each has further rules that no other kind meets: its verifier is the file named here.
 */
import { reject, type Rejected } from "../core/denials/terms/credential-rejection.ts"
import type { Compact } from "./jws/compact.ts"
import { typeOf } from "./jws/signature.ts"

interface Kind {
  /** Accepted values of the `typ` header; null: none. Lower case, without `application/`, unless `isExact`. */
  readonly types: readonly (string | null)[]
  /** `typ` is compared letter by letter, as the kind's specification requires. */
  readonly isExact?: true
  /** Who signs it. */
  readonly signer: "provider" | "trust domain" | "agent" | "key holder" | "transmitter" | "this Worker"
  /** The endpoint where it is presented; for a token that only others verify, where it goes. */
  readonly endpoint: string
  readonly verifier: string
  /** The specification and its section. */
  readonly source: string
}

export const TOKEN_KINDS = {
  id_token: {
    types: [null, "jwt"],
    signer: "provider",
    endpoint: "/oauth/token, subject_token",
    verifier: "provider-token.ts",
    source: "OpenID Connect Core 1.0, 3.1.3.7",
  },
  /** The type that an issuer's entry in issuers.yaml expects may be another one. */
  access_token: {
    types: ["at+jwt"],
    signer: "provider",
    endpoint: "/oauth/token, subject_token",
    verifier: "session.ts",
    source: "RFC 9068, 4",
  },
  /** The same holds for this one; and where people are known by it, the ID token of a sign-in stands in its place. */
  operator_token: {
    types: ["at+jwt"],
    signer: "provider",
    endpoint: "/v1, Authorization",
    verifier: "person-token.ts",
    source: "RFC 9068, 4",
  },
  id_jag: {
    types: ["oauth-id-jag+jwt"],
    signer: "provider",
    endpoint: "/oauth/token, assertion",
    verifier: "id-jag.ts",
    source: "draft-ietf-oauth-identity-assertion-authz-grant, 4",
  },
  workload_token: {
    types: [null, "jwt"],
    signer: "provider",
    endpoint: "/oauth/token, client_assertion or actor_token",
    verifier: "workload-token.ts",
    source: "RFC 7523, 3",
  },
  jwt_svid: {
    types: [null, "JWT", "JOSE"],
    isExact: true,
    signer: "trust domain",
    endpoint: "/oauth/token, client_assertion or actor_token",
    verifier: "jwt-svid.ts",
    source: "SPIFFE JWT-SVID, 2",
  },
  client_assertion: {
    types: [null, "jwt", "client-authentication+jwt"],
    signer: "agent",
    endpoint: "/oauth/token, client_assertion or actor_token",
    verifier: "client-assertion.ts",
    source: "RFC 7523, 3; draft-ietf-oauth-rfc7523bis",
  },
  hand_over: {
    types: ["narrowgate-handover+jwt"],
    isExact: true,
    signer: "key holder",
    endpoint: "/oauth/token, handover",
    verifier: "handover.ts",
    source: "our own: a bound token passes to another agent",
  },
  dpop_proof: {
    types: ["dpop+jwt"],
    isExact: true,
    signer: "key holder",
    endpoint: "/oauth/token and calls, DPoP",
    verifier: "dpop.ts",
    source: "RFC 9449, 4.2",
  },
  delegation_token: {
    types: ["at+jwt"],
    signer: "this Worker",
    endpoint: "calls, Authorization; /oauth/token, subject_token",
    verifier: "delegation-token.ts",
    source: "RFC 9068, 4",
  },
  security_event: {
    types: ["secevent+jwt"],
    signer: "transmitter",
    endpoint: "/v1/events",
    verifier: "security-event.ts",
    source: "RFC 8417, 2.3",
  },
} as const satisfies Readonly<Record<string, Kind>>

export type TokenKind = keyof typeof TOKEN_KINDS

/** @returns null if the token's `typ` is one of this kind */
export function checkType(compact: Pick<Compact, "header">, kind: TokenKind): Rejected | null {
  const { types, isExact }: Kind = TOKEN_KINDS[kind]
  const typ = isExact ? compact.header.typ : typeOf(compact)
  return types.includes(typ) ? null : reject({ reason: "type_refused", typ })
}
