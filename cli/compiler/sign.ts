/** Signs what a Worker follows to its bundle, and the claim of a Worker. The private key stays with the publisher; no Worker ever has it. */
import { createHmac } from "node:crypto"
import {
  calculateJwkThumbprint,
  CompactSign,
  exportJWK,
  generateKeyPair,
  importJWK,
  type CompactJWSHeaderParameters,
  type JWK,
} from "jose"
import {
  CLAIM_TYPE,
  HISTORY_TYPE,
  PUBLICATION_TYPES,
  type Pointer,
  type Publishing,
} from "../../src/core/policy/bundle.ts"

const ALGORITHM = "ES256"
export interface PublisherKey {
  readonly privateJwk: JWK
  /** For the Worker's PUBLISHER_KEYS. */
  readonly publicJwk: JWK
}

/** Who publishes, and why: the history shows what the holder of the key states. */
export interface PublicationReason {
  /** URL of the Worker that it is for, as its `ISSUER` has it. */
  readonly aud: string
  readonly by: string
  readonly why: string
}

/**
 * Compact JWS over `{iat, aud, seq, digest, by, why}`. `privateJwk` is an EC key on P-256; its `kid` is taken, else its
 * thumbprint.
 * @param what for what decides, for what is tried beside it, or to end that trial
 */
export async function signPublication(
  privateJwk: JWK,
  { seq, digest }: Pointer,
  { aud, by, why }: PublicationReason,
  what: Publishing = "pointer",
): Promise<string> {
  // Tells this JWS from every token that the same key might ever sign (RFC 8725 3.11).
  return sign(privateJwk, PUBLICATION_TYPES[what], { aud, seq, digest, by, why })
}

/** A publisher's question what was published to a Worker: compact JWS over `{iat, aud}`. */
export async function signHistoryQuestion(privateJwk: JWK, aud: string): Promise<string> {
  return sign(privateJwk, HISTORY_TYPE, { aud })
}

/** What `POST /v1/claim` takes. */
export interface SignedClaim {
  readonly statement: string
  readonly proof: string
}

/**
 * The claim of the Worker at `aud` for the holder of this key, by the secret CLAIM of its deployment. The secret itself
 * is not in it: a server that poses as the Worker learns nothing that is good elsewhere.
 */
export async function signClaim(privateJwk: JWK, aud: string, secret: string): Promise<SignedClaim> {
  const { kty, crv = "", x = "", y = "" } = privateJwk
  const statement = await sign(privateJwk, CLAIM_TYPE, { aud }, { jwk: { kty: kty ?? "EC", crv, x, y } })
  return { statement, proof: createHmac("sha256", secret).update(statement).digest("base64url") }
}

async function sign(
  privateJwk: JWK,
  typ: string,
  claims: object,
  header: Pick<CompactJWSHeaderParameters, "jwk"> = {},
): Promise<string> {
  const kid = privateJwk.kid ?? (await calculateJwkThumbprint(privateJwk))
  const key = await importJWK(privateJwk, ALGORITHM)
  const payload = new TextEncoder().encode(JSON.stringify({ iat: Math.floor(Date.now() / 1000), ...claims }))
  return new CompactSign(payload).setProtectedHeader({ alg: ALGORITHM, typ, kid, ...header }).sign(key)
}

export async function generatePublisherKey(): Promise<PublisherKey> {
  const pair = await generateKeyPair(ALGORITHM, { extractable: true })
  const publicJwk = await exportJWK(pair.publicKey)
  const named = { kid: await calculateJwkThumbprint(publicJwk), alg: ALGORITHM, use: "sig" }
  return { privateJwk: { ...(await exportJWK(pair.privateKey)), ...named }, publicJwk: { ...publicJwk, ...named } }
}
