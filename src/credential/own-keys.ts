/**
 * Our own public keys in this isolate, from the key ring. What is held is enough for a call: it is renewed beside the
 * calls, by one of them at a time. A call waits only where there is nothing to go on with: for an unknown `kid`, at most
 * once in a cooldown, so that forged tokens make no calls to the one ring, and beyond the bound within which it may be
 * out of reach.
 */
import { importJWK, type CryptoKey, type JWK } from "jose"
import { logEvent } from "../log.ts"
import { OWN_ALGORITHM } from "./algorithm.ts"
import { Renewal, type Asking } from "./renewal.ts"

export interface KeyFinder {
  /** Null where the ring has no such key. Throws KeysUnavailable. */
  find(kid: string): Promise<CryptoKey | null>
  /** The JWK set as it is published. Throws KeysUnavailable. */
  published(): Promise<readonly JWK[]>
}

/** Between two questions to the ring because of an unknown key, or of a reader of the JWK set. */
const COOLDOWN_MS = 10_000
/** A key that the ring dropped is forgotten this much later. */
const RENEW_AFTER_MS = 300_000
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
let renewal = new Renewal()

/** For tests: a fresh isolate. */
export function forgetOwnKeys(): void {
  held = undefined
  renewal = new Renewal()
}

/**
 * @param publicKeys asks the ring
 * @param now milliseconds
 * @param background takes work that the answer does not wait for
 */
export function ownKeys(
  publicKeys: () => Promise<readonly JWK[]>,
  now: number,
  background: (work: Promise<unknown>) => void,
): KeyFinder {
  const fetchKeys = async (): Promise<void> => {
    const jwks = await publicKeys()
    const keys = await importAll(jwks)
    // One that was given up may still end, after another that began later.
    if (!held || held.fetchedAt <= now) held = { jwks, keys, fetchedAt: now }
  }
  const onFailure = (error: unknown): void => logEvent("own_keys_not_fetched", { error: String(error) })
  const asking: Asking = { now, background, fetchKeys, onFailure }
  const usable = async (renewAfter: number): Promise<Held> => {
    if (ageOf(held, now) >= UNUSABLE_AFTER_MS) await renewal.forWantOf(asking)
    else if (ageOf(held, now) >= renewAfter) renewal.beside(asking)
    if (!held || ageOf(held, now) >= UNUSABLE_AFTER_MS) throw new KeysUnavailable()
    return held
  }
  return {
    async find(kid) {
      const known = (await usable(RENEW_AFTER_MS)).keys.get(kid)
      if (known) return known
      // A set that is this new has been asked for it already.
      if (ageOf(held, now) >= COOLDOWN_MS) await renewal.forUnknownKey(asking, COOLDOWN_MS)
      return held?.keys.get(kid) ?? null
    },
    async published() {
      // Whoever reads it here keeps it for as long again: it must not be as old as what a call may rely on.
      if (ageOf(held, now) >= RENEW_AFTER_MS) await renewal.first(asking)
      return (await usable(COOLDOWN_MS)).jwks
    },
  }
}

function ageOf(known: Held | undefined, now: number): number {
  return known ? now - known.fetchedAt : Number.POSITIVE_INFINITY
}

async function importAll(jwks: readonly JWK[]): Promise<ReadonlyMap<string, CryptoKey>> {
  const keys = new Map<string, CryptoKey>()
  for (const jwk of jwks) {
    const key = await importJWK(jwk, OWN_ALGORITHM)
    if (jwk.kid !== undefined && !(key instanceof Uint8Array)) keys.set(jwk.kid, key)
  }
  return keys
}
