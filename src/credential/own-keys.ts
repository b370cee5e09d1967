/**
 * Our own public keys in this isolate, from the key ring: asked again when stale and, at most once in a cooldown, for an
 * unknown `kid`, so that neither forged tokens nor readers of the JWK set make calls to the one ring.
 */
import { importJWK, type CryptoKey, type JWK } from "jose"
import { OWN_ALGORITHM } from "./algorithm.ts"

export interface KeyFinder {
  /** Null where the ring has no such key. Throws KeysUnavailable. */
  find(kid: string): Promise<CryptoKey | null>
  /** The JWK set as it is published. */
  published(): Promise<readonly JWK[]>
}

const COOLDOWN_MS = 10_000
/** A key that the ring dropped is forgotten this much later. */
const REFRESH_AFTER_MS = 300_000
const UNUSABLE_AFTER_MS = 3_600_000

/** The ring is out of reach and nothing of it is known here, or nothing new enough. */
export class KeysUnavailable extends Error {}

interface Held {
  readonly jwks: readonly JWK[]
  readonly keys: ReadonlyMap<string, CryptoKey>
  /** Milliseconds. */
  readonly fetchedAt: number
}

let held: Held | undefined

/** For tests: a fresh isolate. */
export function forgetOwnKeys(): void {
  held = undefined
}

/** @param fetchKeys the ring's public keys */
export function ownKeys(fetchKeys: () => Promise<readonly JWK[]>, now: number): KeyFinder {
  const current = async (isEnough: (known: Held) => boolean): Promise<Held> => {
    const age = held ? now - held.fetchedAt : Number.POSITIVE_INFINITY
    if (held && (age < COOLDOWN_MS || (age < REFRESH_AFTER_MS && isEnough(held)))) return held
    try {
      const jwks = await fetchKeys()
      held = { jwks, keys: await importAll(jwks), fetchedAt: now }
    } catch (error) {
      // The ring is out of reach: what it said lately still holds, for a while.
      if (!held || age > UNUSABLE_AFTER_MS) throw new KeysUnavailable(String(error))
    }
    return held
  }
  return {
    find: async (kid) => (await current((known) => known.keys.has(kid))).keys.get(kid) ?? null,
    published: async () => (await current(() => false)).jwks,
  }
}

async function importAll(jwks: readonly JWK[]): Promise<ReadonlyMap<string, CryptoKey>> {
  const keys = new Map<string, CryptoKey>()
  for (const jwk of jwks) {
    const key = await importJWK(jwk, OWN_ALGORITHM)
    if (jwk.kid !== undefined && !(key instanceof Uint8Array)) keys.set(jwk.kid, key)
  }
  return keys
}
