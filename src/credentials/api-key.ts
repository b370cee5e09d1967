import { sha256Hex } from "../core/encoding/hash.ts"

const MAX_KEY_LENGTH = 256

/**
 * Keys hashed lately; a gateway sends the same one with every call. Bounded, and holding hashes of guesses harms
 * nobody.
 */
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

/** By which whoever asks is looked up; null for what is no key. */
export function hashOfKey(key: string | null): string | null {
  return !key || key.length > MAX_KEY_LENGTH ? null : hashOf(key)
}
