/**
 * SHA-256 of short texts in the forms that we need. Computed here rather than by the platform's crypto.subtle, whose
 * promise costs several times the hash in every call.
 */
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"

export const encoder = new TextEncoder()

/** SHA-256 of a text in UTF-8, by whatever computes it. */
export type HashText = (text: string) => Uint8Array

export const hashOfText: HashText = (text) => sha256(encoder.encode(text))

/** `ath` of RFC 9449. */
export function sha256Base64url(text: string): string {
  return sha256(encoder.encode(text)).toBase64({ alphabet: "base64url", omitPadding: true })
}

/** For Node as well, whose current version has no `toHex`: the command computes pins. */
export function sha256Hex(text: string): string {
  return bytesToHex(sha256(encoder.encode(text)))
}

/** @param key hex */
export function hmacSha256Hex(key: string, text: string): string {
  if (keyed?.key !== key) keyed = { key, mac: hmac.create(sha256, hexToBytes(key)) }
  return bytesToHex(keyed.mac.clone().update(encoder.encode(text)).digest())
}
/** An isolate has one key, whose own two blocks are half of what a short text costs. */
let keyed: { readonly key: string; readonly mac: ReturnType<typeof hmac.create> } | undefined

/** Of a rejected credential, like `hash` of `tokenDigests`. Null if it is too long to be one. */
export function rejectedHash(credential: string): string | null {
  return credential.length > MAX_HASHED ? null : sha256Hex(signedPartOf(credential)).slice(0, HASH_DIGITS)
}

/**
 * The signed part of a compact JWS, without the signature: from an ECDSA signature (r, s) anyone can make another valid
 * one, (r, n - s), and one token must not look like two. Any other text as a whole.
 */
export function signedPartOf(credential: string): string {
  const end = credential.lastIndexOf(".")
  return credential.split(".", 4).length === 3 ? credential.slice(0, end) : credential
}
/** A text longer than any credential must not cost us its hash. */
const MAX_HASHED = 16_384
export const HASH_DIGITS = 16
