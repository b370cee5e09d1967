/**
 * Proof of possession by DPoP: the client holds the private key whose thumbprint the token names. All checks of RFC
 * 9449, section 4.3, are here but two: the nonce, and whether the `jti` was used before. The tree's ledger checks these
 * at a gateway, and the single-use log at the token endpoint.
 */
import { calculateJwkThumbprint, type CryptoKey } from "jose"
import { rejectedHash } from "../core/encoding/hash.ts"
import { isObject } from "../core/encoding/json.ts"
import { ALGORITHMS, type Algorithm } from "../core/keys/algorithm.ts"
import { partsOf, readClaims, readHeader } from "./jws/compact.ts"
import { importKey } from "./key-sets/public-key.ts"
import { brief, isRejected } from "../core/denials/terms/credential-rejection.ts"
import { algorithmOf, weakness } from "../core/keys/key-strength.ts"
import type { Proof } from "../core/task/proof-log.ts"
import { checkType } from "./token-kinds.ts"

export interface ProofRejected {
  /** For the record, never for the wire. */
  readonly rejected: string
  /** Of the proof: it tells two proofs apart, and reveals none. */
  readonly hash?: string
}

/** Asymmetric only (check 5). */
export const PROOF_ALGORITHMS = ["ES256", "ES384", "EdDSA", "Ed25519", "PS256", "RS256"]
/** How old a proof may be, and how far a client's clock may run ahead (check 11). */
const MAX_AGE_SECONDS = 60
const MAX_AHEAD_SECONDS = 10
const MAX_PROOF_LENGTH = 4_096

interface ProofClaims {
  readonly jti: string
  readonly htm: string
  readonly htu: string
  readonly iat: number
  readonly ath: string | null
  readonly nonce: string | null
  readonly exp: number | null
  readonly nbf: number | null
}

/**
 * RFC 9449, section 4.2. Written by hand, because a proof comes with every call: a schema would take a tenth of the
 * verification.
 */
function claimsOf(claims: Readonly<Record<string, unknown>>): ProofClaims | null {
  const { jti, htm, htu, iat, ath = null, nonce = null, exp = null, nbf = null } = claims
  const isText = (value: unknown): value is string | null => value === null || typeof value === "string"
  const isTime = (value: unknown): value is number | null => value === null || typeof value === "number"
  if (typeof jti !== "string" || jti === "" || jti.length > 256) return null
  if (typeof htm !== "string" || typeof htu !== "string" || typeof iat !== "number") return null
  if (!isText(ath) || !isText(nonce) || (nonce?.length ?? 0) > 256 || !isTime(exp) || !isTime(nbf)) return null
  return { jti, htm, htu, iat, ath, nonce, exp, nbf }
}

/**
 * @param expected method and URI (without query and fragment) of the request that the proof came with; base64url
 *   SHA-256 of the access token it came with, null at the token endpoint
 * @param now milliseconds
 */
export async function verifyProof(proof: string, expected: Expected, now: number): Promise<Proof | ProofRejected> {
  const verified = await verify(proof, expected, now)
  return "rejected" in verified ? rejectedProof(verified.rejected, proof) : verified
}

export function rejectedProof(rejected: string, proof: string): ProofRejected {
  const hash = rejectedHash(proof)
  return { rejected, ...(hash === null ? {} : { hash }) }
}

interface Expected {
  readonly method: string
  readonly uri: string
  readonly ath: string | null
}

async function verify(proof: string, expected: Expected, now: number): Promise<Proof | ProofRejected> {
  // Checks 1 and 2: two headers arrive joined by a comma, which is no compact JWS.
  if (proof.length > MAX_PROOF_LENGTH) return { rejected: "too_long" }
  const parts = partsOf(proof)
  if (isRejected(parts)) return { rejected: brief(parts.rejected) }
  const key = headers.get(parts.header) ?? (await checkHeader(parts.header))
  if ("rejected" in key) return key
  const read = readClaims(parts.claims)
  if (isRejected(read)) return { rejected: brief(read.rejected) }
  const claims = claimsOf(read.claims)
  if (!claims) return { rejected: "claim_missing" }
  const { jti, htm, htu, iat, ath, nonce, exp, nbf } = claims
  if (htm !== expected.method) return { rejected: "htm" }
  if (!sameUri(htu, expected.uri)) return { rejected: "htu" }
  const age = now / 1000 - iat
  if (age > MAX_AGE_SECONDS || age < -MAX_AHEAD_SECONDS) return { rejected: "iat" }
  if (expected.ath !== null && ath !== expected.ath) return { rejected: "ath" }
  // RFC 9449 defines neither claim for a proof; if a proof has them, they apply.
  if (exp !== null && now >= exp * 1000) return { rejected: "expired" }
  if (nbf !== null && now < nbf * 1000) return { rejected: "not_yet_valid" }
  if (!(await isSignedBy(proof, key))) return { rejected: "signature_invalid" }
  const { jkt } = key
  return { jkt, jti: `${jkt}.${jti}`, iat, freshUntil: Math.ceil((iat + MAX_AGE_SECONDS) * 1000) + 1, nonce }
}

/**
 * Verifies with the platform's own function: header and claims have been checked already. A proof comes with every
 * call, and reading them again would cost a good part of the verification.
 */
async function isSignedBy(proof: string, { key, algorithm }: ProofKey): Promise<boolean> {
  const end = proof.lastIndexOf(".")
  const signature = Uint8Array.fromBase64(proof.slice(end + 1), { alphabet: "base64url" })
  return crypto.subtle.verify(ALGORITHMS[algorithm].verify, key, signature, encoder.encode(proof.slice(0, end)))
}
const encoder = new TextEncoder()

interface ProofKey {
  readonly key: CryptoKey
  readonly algorithm: Algorithm
  readonly jkt: string
}

/**
 * Recently accepted headers by their text, because a client sends the same header with each proof. A remembered header
 * is already checked, and its key imported. Bounded in number, and in size by the length of a proof; oldest first.
 */
const MAX_REMEMBERED = 1_000
const headers = new Map<string, ProofKey>()

async function checkHeader(part: string): Promise<ProofKey | ProofRejected> {
  const read = readHeader(part, true)
  if (isRejected(read)) return { rejected: brief(read.rejected) }
  const { alg, jwk } = read.header
  if (checkType(read, "dpop_proof")) return { rejected: "type_refused" }
  if (!PROOF_ALGORITHMS.includes(alg)) return { rejected: "algorithm_refused" }
  const key = isObject(jwk) ? await proofKey(jwk, alg) : null
  if (!key) return { rejected: "key_refused" }
  if (headers.size >= MAX_REMEMBERED) {
    const [oldest] = headers.keys()
    if (oldest !== undefined) headers.delete(oldest)
  }
  headers.set(part, key)
  return key
}

/** Null if the key may not be used: it is private or weak, or does not fit the algorithm (checks 6, 7). */
export async function proofKey(jwk: Readonly<Record<string, unknown>>, alg: string): Promise<ProofKey | null> {
  const algorithm = weakness(jwk, "sig") === null ? algorithmOf(jwk, [alg]) : null
  if (!algorithm) return null
  const key = await importKey(jwk, algorithm)
  return key && { key, algorithm, jkt: await calculateJwkThumbprint(jwk, "sha256") }
}

/** Scheme, authority and path. The pattern excludes authorities that two parsers could read as different hosts. */
const HTTP_URI = /^(https?:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?)([^?#]*)/i
const PRINTABLE = /^[\x21-\x5b\x5d-\x7e]+$/

/** Check 9: compared without query and fragment, scheme and host in lower case, the default port as none. */
function sameUri(htu: string, expected: string): boolean {
  if (htu === expected) return true
  const [, base, path = ""] = PRINTABLE.test(htu) ? (HTTP_URI.exec(htu) ?? []) : []
  // The path is compared as written: a parser would resolve dot segments that the gateway did not.
  return base !== undefined && URL.canParse(base) && `${new URL(base).origin}${path}` === expected
}
