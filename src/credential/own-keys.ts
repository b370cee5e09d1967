/**
 * Our own keys in this isolate: public halves by `kid`, from the key ring, asked again for an unknown one at most once
 * in a cooldown, so that forged `kid`s cannot make calls to it.
 */
import { importJWK, type CryptoKey, type JWK } from "jose"
import { OWN_ALGORITHM } from "./algorithm.ts"

export interface KeyFinder {
  /** Null where the ring has no such key. Throws where the ring is out of reach. */
  find(kid: string): Promise<CryptoKey | null>
}

const COOLDOWN_MS = 10_000
/** A key that the ring dropped is forgotten this much later. */
const REFRESH_AFTER_MS = 300_000

let keys: ReadonlyMap<string, CryptoKey> = new Map()
let fetchedAt = Number.NEGATIVE_INFINITY

/** For tests: a fresh isolate. */
export function forgetOwnKeys(): void {
  keys = new Map()
  fetchedAt = Number.NEGATIVE_INFINITY
}

/** @param fetchKeys the ring's public keys */
export function ownKeys(fetchKeys: () => Promise<readonly JWK[]>, now: number): KeyFinder {
  return {
    async find(kid) {
      const age = now - fetchedAt
      const known = keys.get(kid)
      if (known && age < REFRESH_AFTER_MS) return known
      if (age < COOLDOWN_MS) return known ?? null
      const imported = new Map<string, CryptoKey>()
      for (const jwk of await fetchKeys()) {
        const key = await importJWK(jwk, OWN_ALGORITHM)
        if (jwk.kid !== undefined && !(key instanceof Uint8Array)) imported.set(jwk.kid, key)
      }
      keys = imported
      fetchedAt = now
      return keys.get(kid) ?? null
    },
  }
}
