/** Salts of records: as many as a segment has records, one after the other. */
import { bytesToBase64url } from "../core/encoding/base64url.ts"

/** Bytes of a salt: 24 characters of base64url, so that many are written at once, without a seam. */
const LENGTH = 18
const CHARACTERS = 24

export const saltAt = (salts: Uint8Array, at: number): Uint8Array => salts.subarray(at * LENGTH, (at + 1) * LENGTH)

/** In base64url. Null for one that is erased: it is all zeros, which no random one is. */
export function saltTexts(salts: Uint8Array): readonly (string | null)[] {
  let text = ""
  for (let at = 0; at < salts.length; at += AT_ONCE) text += bytesToBase64url(salts.subarray(at, at + AT_ONCE))
  return Array.from({ length: salts.length / LENGTH }, (_, at) => {
    const salt = text.slice(at * CHARACTERS, (at + 1) * CHARACTERS)
    return salt === ERASED ? null : salt
  })
}
const AT_ONCE = 500 * LENGTH
const ERASED = "A".repeat(CHARACTERS)

/** The platform fills so many bytes at once. */
const MOST_RANDOM = 65_536
export function newSalts(count: number): Uint8Array {
  const bytes = new Uint8Array(count * LENGTH)
  for (let at = 0; at < bytes.length; at += MOST_RANDOM) crypto.getRandomValues(bytes.subarray(at, at + MOST_RANDOM))
  return bytes
}
