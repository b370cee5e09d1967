import { encoder, signedPartOf, HASH_DIGITS } from "../../core/encoding/hash.ts"

/**
 * Of a token, computed once and remembered with it: `hash`, which tells two tokens apart in records and opens nothing, and
 * `ath` of RFC 9449, which is of the whole token. By the platform, as a token is long and whoever verifies one waits for
 * the platform anyway.
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
