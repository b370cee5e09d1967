/** How an attack on a credential is written down: the request, and how it is refused, on the wire and in the record. */
import type { CredentialRejection } from "../../src/core/denials/terms/credential-rejection.ts"
import type { Denial } from "../../src/core/denials/denial.ts"
import type { OAuthError } from "../../src/core/denials/oauth-error.ts"
import { ACCESS_TOKEN, AUDIENCE, ID_TOKEN, JWT, JWT_BEARER, JWT_BEARER_GRANT, type Form } from "./agents.ts"
import { idTokenOf, svidOf } from "./besieged.ts"
import { ASKING, keyOf } from "./gateways.ts"
import { US } from "./issuers.ts"

/** Status and code on the wire; what the record says, word for word. */
export interface Expected {
  readonly status: number
  readonly code: string
  readonly denial: Readonly<Record<string, unknown>>
}

export interface Attack {
  readonly send: () => Promise<Request>
  readonly refused: Expected
}
/** By what is attacked. */
export type Attacks = Readonly<Record<string, Attack>>

export const attack = (refused: Expected, send: () => Promise<Request>): Attack => ({ refused, send })

// The doors that a credential can be tried at.

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
export const JWT_SPIFFE = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"
export type Headers = Readonly<Record<string, string>>

export function tokenRequest(form: Form, headers: Headers = {}): Request {
  const body = new URLSearchParams()
  for (const [name, values] of Object.entries(form)) {
    for (const value of typeof values === "string" ? [values] : (values ?? [])) body.append(name, value)
  }
  const type = { "Content-Type": "application/x-www-form-urlencoded" }
  return new Request(`${US}/oauth/token`, { method: "POST", headers: { ...type, ...headers }, body: body.toString() })
}

/** `first` asks for alice: what would be answered with a token. */
export async function exchange(changed: Form = {}, headers: Headers = {}): Promise<Request> {
  const honest = {
    grant_type: TOKEN_EXCHANGE,
    subject_token: await idTokenOf("alice"),
    subject_token_type: ID_TOKEN,
    actor_token: await svidOf("first"),
    actor_token_type: JWT,
    audience: AUDIENCE,
  }
  return tokenRequest({ ...honest, ...changed }, headers)
}

export const asActor = async (token: string): Promise<Request> => exchange({ actor_token: token })

export const asAssertion = async (token: string, type = JWT_BEARER): Promise<Request> =>
  exchange({
    actor_token: undefined,
    actor_token_type: undefined,
    client_assertion: token,
    client_assertion_type: type,
  })

export const asIdToken = async (token: string): Promise<Request> => exchange({ subject_token: token })

export const asAccessToken = async (token: string): Promise<Request> =>
  exchange({ subject_token: token, subject_token_type: ACCESS_TOKEN })

/** RFC 7523 2.1: `first`, or whoever is named, brings an assertion about a person. */
export const asGrant = async (assertion: string, changed: Form = {}, headers: Headers = {}): Promise<Request> => {
  const none = { subject_token: undefined, subject_token_type: undefined }
  return exchange({ grant_type: JWT_BEARER_GRANT, assertion, ...none, ...changed }, headers)
}

/** MCP, SEP-1933: an agent brings its own identity as the grant, and nothing else. */
export const asOwnGrant = async (assertion: string, changed: Form = {}): Promise<Request> =>
  tokenRequest({ grant_type: JWT_BEARER_GRANT, assertion, audience: AUDIENCE, purpose: "alone", ...changed })

/** A client's call through the gateway that passes everything on, with an `Authorization` word for word. */
export function call(authorization: string | null, headers: Headers = {}, path = "/files/a", method = "GET"): Request {
  const shown = authorization === null ? {} : { Authorization: authorization }
  return ASKING.envoy({ method, path, headers: { ...shown, ...headers } }, keyOf("envoy"))
}

export const asBearer = (token: string): Request => call(`Bearer ${token}`)

export const asOperator = (token: string): Request =>
  new Request(`${US}/v1/decisions`, { headers: { Authorization: `Bearer ${token}` } })

// How they answer.

export const agentRefused = (because: CredentialRejection): Expected => ({
  status: 401,
  code: "invalid_client",
  denial: { reason: "agent_unauthenticated", because },
})

export const unregistered = (agent: string): Expected => ({
  status: 401,
  code: "invalid_client",
  denial: { reason: "agent_unregistered", agent },
})

export const subjectRefused = (because: CredentialRejection): Expected => ({
  status: 400,
  code: "invalid_request",
  denial: { reason: "subject_rejected", because },
})

export const assertionRefused = (because: CredentialRejection): Expected => ({
  status: 400,
  code: "invalid_grant",
  denial: { reason: "assertion_rejected", because },
})

/** Another refusal of the token endpoint. */
export const requestRefused = (denial: OAuthError, code = "invalid_request", status = 400): Expected => ({
  status,
  code,
  denial: { ...denial },
})

export const proofRefusedForToken = (what: string): Expected =>
  requestRefused({ reason: "proof_rejected", what }, "invalid_dpop_proof")

export const callRefused = (denial: Denial, code = "invalid_token", status = 401): Expected => ({
  status,
  code,
  denial,
})

export const tokenRefused = (what: string): Expected => callRefused({ reason: "token_rejected", what })

export const proofRefused = (what: string): Expected => callRefused({ reason: "proof_rejected", what })

export const operatorRefused = (because: CredentialRejection | null, code = "invalid_token"): Expected => ({
  status: 401,
  code,
  denial: { reason: "operator_rejected", because },
})

/** Of the part that cannot be read, and why. */
export const unreadable = (part: "header" | "claims", objection: keyof typeof OBJECTIONS): CredentialRejection => ({
  reason: "malformed",
  what: `its ${part}: ${OBJECTIONS[objection]}`,
})
const OBJECTIONS = {
  notJson: "it is not JSON",
  notUtf8: "it is not UTF-8",
  noObject: "it is no object",
  keyTwice: "it has a key twice, or two that some readers take for one",
  prototype: "it has a key that no object may have",
  halfCharacter: "it has half a character",
  inexact: "it has a number that is not exact as a double",
  tooDeep: "it nests too deep",
} as const

export const MALFORMED = {
  notCompact: { reason: "malformed", what: "it is no compact JWS" },
  notCanonical: { reason: "malformed", what: "its base64url is not canonical" },
  tooLong: { reason: "malformed", what: "it is too long" },
  keyId: { reason: "malformed", what: "its key id is no text, or too long" },
  noAlgorithm: { reason: "malformed", what: "it has no algorithm" },
  type: { reason: "malformed", what: "its type is no text" },
} as const satisfies Readonly<Record<string, CredentialRejection>>
