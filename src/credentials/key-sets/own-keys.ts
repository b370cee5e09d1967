/**
 * Our own public keys in this isolate, from the key ring, or at first from another isolate that has asked it lately.
 * What is held is enough for a call: it is renewed beside the calls, by one of them at a time. A call waits only where
 * there is nothing to go on with: for an unknown `kid`, at most once in a cooldown, so that forged tokens make no calls
 * to the one ring, and beyond the bound within which it may be out of reach. What is held or shared may still have a
 * key that was pulled since: that its tokens open nothing is the switches' to say, which are asked about each token by
 * its `kid`.
 */
import { importJWK, type CryptoKey, type JWK } from "jose"
import * as z from "zod"
import { logEvent } from "../../platform/log.ts"
import { isOwnAlgorithm, type OwnAlgorithm } from "../../core/keys/algorithm.ts"
import { Renewal, type RenewalRequest } from "./renewal.ts"
import { dropShared, readShared, writeShared } from "./shared-cache.ts"

export interface OwnKey {
  readonly key: CryptoKey
  /** The one algorithm that it verifies. */
  readonly alg: OwnAlgorithm
}

export interface KeyFinder {
  /** Null where the ring has no such key. Throws KeysUnavailable. */
  find(kid: string): Promise<OwnKey | null>
  /** The JWK set as it is published: the ring's own word. */
  published(): Promise<readonly JWK[]>
}

export interface OwnKeysReach {
  /** The ring's public keys. */
  readonly fetchKeys: () => Promise<readonly JWK[]>
  /** Our own URL: isolates of another Worker share nothing with ours. */
  readonly issuer: string
  /** Milliseconds. */
  readonly now: number
  /** Takes work that the answer does not wait for. */
  readonly background: (work: Promise<unknown>) => void
}

/**
 * Between two questions to the ring because of an unknown key, or of a reader of the JWK set. Short: where a key was
 * pulled, another one signs at once, and its tokens are refused for as long.
 */
const COOLDOWN_MS = 2_000
/** A key that the ring dropped is forgotten this much later, by this isolate and by those that share with it. */
const RENEW_AFTER_MS = 300_000
const UNUSABLE_AFTER_MS = 3_600_000

/** The ring is out of reach and nothing of it is known here, or nothing new enough. */
export class KeysUnavailable extends Error {}

interface CachedOwnKeys {
  readonly jwks: readonly JWK[]
  readonly keys: ReadonlyMap<string, OwnKey>
  /** Milliseconds, when the ring said so. */
  readonly fetchedAt: number
  /** To another isolate. */
  readonly isShared: boolean
}

let cachedKeys: CachedOwnKeys | undefined
let renewal = new Renewal()

/** For tests: a fresh isolate. */
export function forgetOwnKeys(): void {
  cachedKeys = undefined
  renewal = new Renewal()
}

const placeOf = (issuer: string): string => `own ${issuer}`

/** What other isolates of this data centre would take from it: a key was pulled. */
export async function forgetSharedKeys(issuer: string): Promise<void> {
  await dropShared(placeOf(issuer))
}

export function ownKeys({ fetchKeys: publicKeys, issuer, now, background }: OwnKeysReach): KeyFinder {
  const renew = async (): Promise<void> => {
    const jwks = await publicKeys()
    const keys = await importAll(jwks)
    // One that was given up may still end, after another that began later. Another isolate's clock is not ours.
    if (cachedKeys && !cachedKeys.isShared && cachedKeys.fetchedAt > now) return
    cachedKeys = { jwks, keys, fetchedAt: now, isShared: false }
    const text = JSON.stringify({ keys: jwks })
    background(writeShared(placeOf(issuer), { text, fetchedAt: now, sequence: null }, RENEW_AFTER_MS / 1000))
  }
  const onFailure = (error: unknown): void => logEvent("own_keys_not_fetched", { error: String(error) })
  const renewalRequest: RenewalRequest = { now, background, renew, onFailure }
  const usable = async (renewAfter: number): Promise<CachedOwnKeys> => {
    if (!cachedKeys) {
      const shared = await takeShared(issuer, now)
      // Another request may have asked the ring in the meantime.
      cachedKeys ??= shared
    }
    if (ageOf(cachedKeys, now) >= UNUSABLE_AFTER_MS) await renewal.forWantOf(renewalRequest)
    else if (ageOf(cachedKeys, now) >= renewAfter) renewal.beside(renewalRequest)
    if (!cachedKeys || ageOf(cachedKeys, now) >= UNUSABLE_AFTER_MS) throw new KeysUnavailable()
    return cachedKeys
  }
  return {
    async find(kid) {
      const found = (await usable(RENEW_AFTER_MS)).keys.get(kid)
      if (found) return found
      // A set that the ring gave us just now has been asked for it already; another isolate's may be from before.
      if (cachedKeys?.isShared === true || ageOf(cachedKeys, now) >= COOLDOWN_MS)
        await renewal.forUnknownKey(renewalRequest, COOLDOWN_MS)
      return cachedKeys?.keys.get(kid) ?? null
    },
    async published() {
      // Whoever reads it here keeps it for as long again: it must not be as old as what a call may rely on.
      if (cachedKeys?.isShared === true || ageOf(cachedKeys, now) >= COOLDOWN_MS) await renewal.first(renewalRequest)
      return (await usable(RENEW_AFTER_MS)).jwks
    },
  }
}

function ageOf(cached: CachedOwnKeys | undefined, now: number): number {
  return cached ? now - cached.fetchedAt : Number.POSITIVE_INFINITY
}

const sharedSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })

/** Nothing where there is none, or one that this isolate would ask for anew. */
async function takeShared(issuer: string, now: number): Promise<CachedOwnKeys | undefined> {
  const shared = await readShared(placeOf(issuer))
  if (!shared || Math.abs(now - shared.fetchedAt) >= RENEW_AFTER_MS) return undefined
  try {
    const { keys: jwks } = sharedSchema.parse(JSON.parse(shared.text))
    return { jwks, keys: await importAll(jwks), fetchedAt: shared.fetchedAt, isShared: true }
  } catch (error) {
    logEvent("keys_not_shared", { issuer: "our own", error: String(error) })
    return undefined
  }
}

async function importAll(jwks: readonly JWK[]): Promise<ReadonlyMap<string, OwnKey>> {
  const keys = new Map<string, OwnKey>()
  for (const jwk of jwks) {
    const { kid, alg } = jwk
    if (kid === undefined || !isOwnAlgorithm(alg)) continue
    const key = await importJWK(jwk, alg)
    if (!(key instanceof Uint8Array)) keys.set(kid, { key, alg })
  }
  return keys
}
