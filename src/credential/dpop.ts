/**
 * Proof of possession by DPoP (RFC 9449 4.3): the caller holds the private key whose thumbprint the token names.
 * Whether the proof's `jti` was seen before is the ledger's to say.
 */
import { calculateJwkThumbprint, EmbeddedJWK, errors, jwtVerify } from "jose"
import { z } from "zod"
import { sha256Base64url } from "../hash.ts"
import { splitCompact } from "./compact.ts"

export interface Proof {
  /** RFC 7638 SHA-256 thumbprint of the key that signed it. */
  readonly jkt: string
  readonly jti: string
  /** Milliseconds; from then on it would be refused as stale, so its `jti` need not be remembered. */
  readonly freshUntil: number
}

export interface ProofRejected {
  /** For the record, never for the wire. */
  readonly rejected: string
}

/** Asymmetric only; one that a proof's embedded key may use. */
export const PROOF_ALGORITHMS = ["ES256", "ES384", "EdDSA", "Ed25519", "PS256", "RS256"]
/** How old a proof may be, and how far a client's clock may run ahead. */
const MAX_AGE_SECONDS = 60
const MAX_AHEAD_SECONDS = 10
const MAX_PROOF_LENGTH = 4_096

const claimsSchema = z.object({
  jti: z.string().min(1).max(256),
  htm: z.string(),
  htu: z.string(),
  iat: z.number(),
  ath: z.string().optional(),
})

/**
 * @param expected method and URI (without query and fragment) of the request that the proof came with; the access
 *   token it came with, null at the token endpoint
 * @param now milliseconds
 */
export async function verifyProof(
  proof: string,
  expected: { readonly method: string; readonly uri: string; readonly token: string | null },
  now: number,
): Promise<Proof | ProofRejected> {
  if (proof.length > MAX_PROOF_LENGTH || !splitCompact(proof)) return { rejected: "no compact JWS" }
  try {
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: "dpop+jwt",
      algorithms: PROOF_ALGORITHMS,
      currentDate: new Date(now),
    })
    const { jwk } = protectedHeader
    if (!jwk || "d" in jwk) return { rejected: "no public key" }
    const claims = claimsSchema.safeParse(payload)
    if (!claims.success) return { rejected: "claims" }
    const { jti, htm, htu, iat, ath } = claims.data
    if (htm !== expected.method) return { rejected: "htm" }
    if (!sameUri(htu, expected.uri)) return { rejected: "htu" }
    const age = now / 1000 - iat
    if (age > MAX_AGE_SECONDS || age < -MAX_AHEAD_SECONDS) return { rejected: "iat" }
    if (expected.token !== null && ath !== sha256Base64url(expected.token)) return { rejected: "ath" }
    const jkt = await calculateJwkThumbprint(jwk, "sha256")
    return { jkt, jti: `${jkt}.${jti}`, freshUntil: Math.ceil((iat + MAX_AGE_SECONDS) * 1000) + 1 }
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException) {
      return { rejected: error instanceof errors.JOSEError ? error.code : "key" }
    }
    throw error
  }
}

/** RFC 9449 4.3, check 9: compared without query and fragment, scheme and host in lower case. */
function sameUri(htu: string, expected: string): boolean {
  if (!URL.canParse(htu)) return false
  const given = new URL(htu)
  // The path is compared as written: a parser would resolve dot segments that the gateway did not.
  const path = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?#]*([^?#]*)/.exec(htu)?.[1] ?? ""
  return `${given.origin}${path}` === expected
}
