/**
 * SHA-256 of short texts in the forms that we need. Computed here rather than by the platform's crypto.subtle, whose
 * promise costs several times the hash on the way of every call.
 */
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"

export const encoder = new TextEncoder()

/** `ath` of RFC 9449. */
export function sha256Base64url(text: string): string {
  return sha256(encoder.encode(text)).toBase64({ alphabet: "base64url", omitPadding: true })
}

/** In Node too, whose current version has no `toHex`: the command computes pins. */
export function sha256Hex(text: string): string {
  return bytesToHex(sha256(encoder.encode(text)))
}

/** @param key hex */
export function hmacSha256Hex(key: string, text: string): string {
  return bytesToHex(hmac(sha256, hexToBytes(key), encoder.encode(text)))
}

/** Of a credential that is refused, as `hash` of `tokenDigests`. Null for what is too long to be one. */
export function refusedHash(credential: string): string | null {
  return credential.length > MAX_HASHED ? null : sha256Hex(signedPartOf(credential)).slice(0, HASH_DIGITS)
}

/**
 * Of a compact JWS what is signed, without the signature: whoever has an ECDSA signature (r, s) can make another one,
 * (r, n - s), that is as valid, and one token must not look like two. Anything else whole.
 */
export function signedPartOf(credential: string): string {
  const end = credential.lastIndexOf(".")
  return credential.split(".", 4).length === 3 ? credential.slice(0, end) : credential
}
/** Whoever sends more than any credential has must not be hashed for it. */
const MAX_HASHED = 16_384
export const HASH_DIGITS = 16
