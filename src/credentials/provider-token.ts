/**
 * What the tokens of one OpenID provider have in common, as sessions of users and as a person's own: which of its two
 * kinds a token is, which client it was issued to, and that a person is behind it. Providers shape them differently, so
 * an entry of issuers.yaml says how; no token may be taken for one of the other kind.
 */
import { reject, shownName, type Rejected } from "../core/denials/terms/credential-rejection.ts"
import {
  CLIENT_CLAIMS,
  PLAIN_ACCESS_TOKEN,
  PLAIN_ID_TOKEN,
  type AccessTokenShape,
  type IdTokenShape,
  type IssuerDefinition,
} from "../core/policy/definition/issuers.ts"
import type { Compact } from "./jws/compact.ts"
import { checkExact, textsOf, typeOf, type Claims } from "./jws/signature.ts"

/** As the issuer's entry describes its tokens. */
export function shapesOf({ access_token, id_token }: IssuerDefinition) {
  return { accessToken: access_token ?? PLAIN_ACCESS_TOKEN, idToken: id_token ?? PLAIN_ID_TOKEN }
}

/**
 * The type that the issuer's entry expects. Logout tokens and security events have types of their own, and are for the
 * same clients (RFC 8725, section 3.11).
 */
export function checkAccessTokenType(compact: Compact, { type }: AccessTokenShape): Rejected | null {
  const typ = typeOf(compact)
  return typ === (type === "none" ? null : type.toLowerCase()) ? null : reject({ reason: "type_refused", typ })
}

/** @returns the client to which the access token was issued, one of `clients` */
export function clientOf(
  claims: Claims,
  { client_claim }: AccessTokenShape,
  clients: readonly string[],
): { readonly client: string } | Rejected {
  const client = claims[client_claim]
  return typeof client === "string" && clients.includes(client)
    ? { client }
    : reject({ reason: "client_mismatch", got: shownName(client) })
}

/**
 * OIDC Core, sections 2 and 3.1.3.7: for our clients alone; `azp`, if present, is one of them; and without the claims
 * by which the issuer's access tokens differ. An app may get an access token for itself, whose audience is its own id.
 * @returns the client to which it was issued
 */
export function checkIdToken(
  claims: Claims,
  { require, absent }: IdTokenShape,
  clients: readonly string[],
): { readonly client: string } | Rejected {
  const { aud, azp } = claims
  const audiences = textsOf(aud)
  const isText = audiences.length === (Array.isArray(aud) ? aud.length : 1)
  if (audiences.length === 0 || !isText || !audiences.every((audience) => clients.includes(audience))) {
    return reject({ reason: "audience_mismatch", got: audiences })
  }
  const party = azp === undefined && audiences.length === 1 ? audiences[0] : azp
  if (typeof party !== "string" || !clients.includes(party)) {
    return reject({ reason: "client_mismatch", got: shownName(party) })
  }
  const mark = absent.find((claim) => Object.hasOwn(claims, claim))
  if (mark !== undefined) return reject({ reason: "claim_unexpected", claim: mark })
  return checkIsPerson(claims, party, []) ?? checkExact(claims, require) ?? { client: party }
}

/** Claims by which providers mark the token of an app, a service account or a device. */
const MACHINE_MARKS: Readonly<Record<string, (value: unknown) => boolean>> = {
  // Auth0.
  gty: (value) => value === "client-credentials" || value === "client_credentials",
  // Entra ID, if the optional claim is on.
  idtyp: (value) => value === "app" || value === "device",
  // Keycloak names the user of a service account so.
  preferred_username: (value) => typeof value === "string" && value.startsWith("service-account-"),
  // Google: a service account of any customer gets an ID token for any audience, such as our client.
  email: (value) => typeof value === "string" && value.endsWith(".gserviceaccount.com"),
}

/**
 * An app's own token has the shape of a person's. It shows by a claim that only it has, or by its subject, which is the
 * app in one spelling or another.
 * @param absent further claims that mark it, by the issuer's entry
 */
export function checkIsPerson(claims: Claims, client: string, absent: readonly string[]): Rejected | null {
  const mark =
    absent.find((claim) => Object.hasOwn(claims, claim)) ??
    Object.keys(MACHINE_MARKS).find((claim) => MACHINE_MARKS[claim]?.(claims[claim]))
  if (mark !== undefined) return reject({ reason: "no_person", mark })
  const { sub } = claims
  const apps = [client, ...CLIENT_CLAIMS.flatMap((claim) => textsOf(claims[claim]))]
  return apps.some((app) => sub === app || sub === `${app}@clients`)
    ? reject({ reason: "no_person", mark: "sub" })
    : null
}
