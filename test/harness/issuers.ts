/** The tests' own issuers: a provider of user sessions, a second one, and workload identities. No network is needed. */
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from "jose"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { IssuerDefinition } from "../../src/core/policy/definition/issuers.ts"

export const US = "https://authz.example"
export const IDP = "https://idp.test"
export const SECOND_IDP = "https://second.test"

export interface Signer {
  readonly key: CryptoKey
  readonly publicJwk: JWK
}

export async function newSigner(kid: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true })
  return { key: privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" } }
}

export const idp = await newSigner("idp-1")
export const second = await newSigner("second-1")
export const workloads = await newSigner("workload-1")
/** Nobody trusts this one. */
export const stranger = await newSigner("idp-1")

const SIGNER_OF: Readonly<Record<string, Signer>> = { idp, local: idp, second, workloads }

/** The bundle with the issuers' keys inline. */
export function withIssuerKeys(body: BundleBody): BundleBody {
  const issuers = body.issuers.map((issuer): IssuerDefinition => {
    const jwk = SIGNER_OF[issuer.id]?.publicJwk
    return jwk ? { ...issuer, keys: { kind: "inline", jwks: { keys: [{ ...jwk }] } } } : issuer
  })
  return { ...body, issuers }
}

export interface Minting {
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
  readonly signer?: Signer
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000)

async function mint(claims: JWTPayload, typ: string | undefined, signer: Signer, minting: Minting): Promise<string> {
  const by = minting.signer ?? signer
  const kid = by.publicJwk.kid ?? ""
  const header = { alg: "ES256", kid, ...(typ === undefined ? {} : { typ }), ...minting.header }
  return new SignJWT({ ...claims, ...minting.claims }).setProtectedHeader(header).sign(by.key)
}

export const agentId = (name: string): string => `spiffe://example.org/agent/${name}`

/** JWT-SVID of an agent of the yard. */
export async function svid(agent: string, minting: Minting = {}): Promise<string> {
  const claims = { sub: agent.startsWith("spiffe:") ? agent : agentId(agent), aud: US, exp: nowSeconds() + 300 }
  return mint({ iat: nowSeconds(), ...claims }, "JWT", workloads, minting)
}

/** ID token of a person of the staff, for the app. */
export async function idToken(user: string, minting: Minting = {}): Promise<string> {
  const times = { iat: nowSeconds(), exp: nowSeconds() + 3600, auth_time: nowSeconds() }
  return mint({ iss: IDP, sub: user, aud: "app", groups: ["staff"], ...times }, "JWT", idp, minting)
}

/** Access token (RFC 9068) for Narrowgate, given to `client`. */
export async function accessToken(subject: string, client: string, minting: Minting = {}): Promise<string> {
  const times = { iat: nowSeconds(), exp: nowSeconds() + 3600, jti: crypto.randomUUID() }
  const claims = { iss: IDP, sub: subject, aud: US, client_id: client, groups: ["staff"], ...times }
  return mint(claims, "at+jwt", idp, minting)
}

/** ID-JAG: the provider lets `first` work for a person. */
export async function idJag(user: string, minting: Minting = {}): Promise<string> {
  const times = { iat: nowSeconds(), exp: nowSeconds() + 300, auth_time: nowSeconds(), jti: crypto.randomUUID() }
  const claims = { iss: IDP, sub: user, aud: US, client_id: agentId("first"), groups: ["staff"], ...times }
  return mint(claims, "oauth-id-jag+jwt", idp, minting)
}

/** A session of the second provider: the same subject there is another person. */
export async function secondProvidersToken(user: string): Promise<string> {
  return idToken(user, { claims: { iss: SECOND_IDP }, signer: second })
}
