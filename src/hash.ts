/**
 * SHA-256 of short texts in the forms that we need. Computed here rather than by the platform's crypto.subtle, whose
 * promise costs several times the hash on the way of every call.
 */
import { sha256 } from "@noble/hashes/sha2.js"

const encoder = new TextEncoder()

/** `ath` of RFC 9449. */
export function sha256Base64url(text: string): string {
  return sha256(encoder.encode(text)).toBase64({ alphabet: "base64url", omitPadding: true })
}

export function sha256Hex(text: string): string {
  return sha256(encoder.encode(text)).toHex()
}

/** Tells two tokens apart in records, opens nothing. */
export function tokenHash(token: string): string {
  return sha256Hex(token).slice(0, 16)
}
