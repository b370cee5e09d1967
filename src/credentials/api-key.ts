import { sha256Hex } from "../core/encoding/hash.ts"

const MAX_KEY_LENGTH = 256

/** Keys hashed recently; a gateway sends the same one with every call. Bounded; hashes of guesses in it do no harm. */
const MAX_REMEMBERED = 256

const hashes = new Map<string, string>()

function hashOf(key: string): string {
  const cached = hashes.get(key)
  if (cached !== undefined) return cached
  const hash = sha256Hex(key)
  if (hashes.size >= MAX_REMEMBERED) hashes.clear()
  hashes.set(key, hash)
  return hash
}

/** The hash by which the caller is looked up. Null if the text is no key. */
export function hashOfKey(key: string | null): string | null {
  return !key || key.length > MAX_KEY_LENGTH ? null : hashOf(key)
}
