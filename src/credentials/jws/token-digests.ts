import { encoder, signedPartOf, HASH_DIGITS } from "../../core/encoding/hash.ts"

/**
 * Digests of a token, computed once and remembered with it: `hash`, which identifies it in records and opens nothing,
 * and `ath` of RFC 9449, which is of the whole token. Computed by the platform, because a token is long and its
 * verification waits for the platform anyway.
 */
export async function tokenDigests(token: string): Promise<{ readonly hash: string; readonly ath: string }> {
  const [signed, whole] = await Promise.all([digestOf(signedPartOf(token)), digestOf(token)])
  return {
    hash: signed.toHex().slice(0, HASH_DIGITS),
    ath: whole.toBase64({ alphabet: "base64url", omitPadding: true }),
  }
}

async function digestOf(text: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text)))
}
