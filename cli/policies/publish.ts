/** Signs what a Worker follows to its bundle. The private key stays with whoever publishes; no Worker ever has it. */
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair, importJWK, type JWK } from "jose"
import { CANDIDATE_TYPE, POINTER_TYPE, type Pointer } from "../../src/policy/bundle.ts"

const ALGORITHM = "ES256"
export interface PublisherKey {
  readonly privateJwk: JWK
  /** For the Worker's PUBLISHER_KEYS. */
  readonly publicJwk: JWK
}

/**
 * Compact JWS over `{seq, digest}`. `privateJwk` is an EC key on P-256; its `kid` is taken, else its thumbprint.
 * @param what for KV's `pointer`, what decides; or for its `candidate`, what is tried beside it
 */
export async function signPointer(
  privateJwk: JWK,
  { seq, digest }: Pointer,
  what: "pointer" | "candidate" = "pointer",
): Promise<string> {
  // Tells this JWS from every token that the same key might ever sign (RFC 8725 3.11).
  const typ = what === "pointer" ? POINTER_TYPE : CANDIDATE_TYPE
  const kid = privateJwk.kid ?? (await calculateJwkThumbprint(privateJwk))
  const key = await importJWK(privateJwk, ALGORITHM)
  const payload = new TextEncoder().encode(JSON.stringify({ seq, digest }))
  return new CompactSign(payload).setProtectedHeader({ alg: ALGORITHM, typ, kid }).sign(key)
}

export async function generatePublisherKey(): Promise<PublisherKey> {
  const pair = await generateKeyPair(ALGORITHM, { extractable: true })
  const publicJwk = await exportJWK(pair.publicKey)
  const named = { kid: await calculateJwkThumbprint(publicJwk), alg: ALGORITHM, use: "sig" }
  return { privateJwk: { ...(await exportJWK(pair.privateKey)), ...named }, publicJwk: { ...publicJwk, ...named } }
}
