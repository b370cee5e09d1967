/** Salts of records: as many as a segment has records, one after the other. */
import { bytesToBase64url } from "../core/encoding/base64url.ts"
import { SALT_LENGTH } from "../core/proof/leaf.ts"

export const saltAt = (salts: Uint8Array, at: number): Uint8Array =>
  salts.subarray(at * SALT_LENGTH, (at + 1) * SALT_LENGTH)

/** An erased salt is all zeros, which no random one is. */
export const saltText = (salt: Uint8Array): string | null =>
  salt.every((byte) => byte === 0) ? null : bytesToBase64url(salt)

/** The platform fills so many bytes at once. */
const MOST_RANDOM = 65_536
export function newSalts(count: number): Uint8Array {
  const bytes = new Uint8Array(count * SALT_LENGTH)
  for (let at = 0; at < bytes.length; at += MOST_RANDOM) crypto.getRandomValues(bytes.subarray(at, at + MOST_RANDOM))
  return bytes
}
