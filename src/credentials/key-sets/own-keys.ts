/**
 * Our own public keys in this isolate, from the key ring: leases of the switches bring them at first and renew them. A
 * call waits only if its `kid` is unknown, at most once in a cooldown, so that forged tokens cause no requests to the
 * one ring; or if the cache is older than the bound within which the ring may be unavailable. Cached keys may include
 * one that was pulled since. The switches, which are checked for each token by its `kid`, reject its tokens.
 */
import { importJWK, type CryptoKey, type JWK } from "jose"
import { logEvent } from "../../platform/log.ts"
import { Refresh, type RefreshPolicy, type RefreshRequest } from "../../platform/refresh.ts"
import { isOwnAlgorithm, type OwnAlgorithm } from "../../core/keys/algorithm.ts"
import { FETCH_LIMITS } from "./fetch-json.ts"

export interface OwnKey {
  readonly key: CryptoKey
  /** The one algorithm that it verifies. */
  readonly alg: OwnAlgorithm
}

export interface KeyFinder {
  /**
   * At once if the key is known here, as it nearly always is. Null if the ring has no such key. Throws
   * KeysUnavailable.
   */
  find(kid: string): OwnKey | null | Promise<OwnKey | null>
  /** The JWK set as it is published: as the ring returned it. */
  published(): Promise<readonly JWK[]>
}

export interface OwnKeysReach {
  /** The ring's public keys. */
  readonly fetchKeys: () => Promise<readonly JWK[]>
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Takes work that the response does not wait for. */
  readonly background: (work: Promise<unknown>) => void
}

/**
 * Between two requests to the ring because of an unknown key, or of a reader of the JWK set. Short: after a key is
 * pulled, another one signs at once, and its tokens are rejected for this long.
 */
const COOLDOWN_MS = 2_000
/** A key that the ring dropped is forgotten this much later. */
const RENEW_AFTER_MS = 300_000
const UNUSABLE_AFTER_MS = 3_600_000
const POLICY: RefreshPolicy = {
  ...FETCH_LIMITS,
  refreshAfter: RENEW_AFTER_MS,
  waitAfter: UNUSABLE_AFTER_MS,
  unusableAfter: UNUSABLE_AFTER_MS,
}
/** A reader of the JWK set caches it for as long again, so it must be newer than what a call may use. */
const PUBLISHED_POLICY: RefreshPolicy = { ...POLICY, refreshAfter: COOLDOWN_MS, waitAfter: COOLDOWN_MS }

/** The ring is unavailable, and no cached keys are known here, or none recent enough. */
export class KeysUnavailable extends Error {}

interface CachedOwnKeys {
  readonly jwks: readonly JWK[]
  readonly keys: ReadonlyMap<string, OwnKey>
  /** Milliseconds since the epoch, when the ring returned it. */
  readonly fetchedAt: number
}

let cachedKeys: CachedOwnKeys | undefined
let refresh = new Refresh()

/** For tests: the state of a fresh isolate. */
export function forgetOwnKeys(): void {
  cachedKeys = undefined
  refresh = new Refresh()
}

/**
 * Whether the next lease is to bring them: in time, so that no call of a busy isolate has them requested alone.
 * @param now milliseconds
 */
export function areOwnKeysDue(now: number): boolean {
  return Math.abs(ageOf(cachedKeys, now)) >= RENEW_AFTER_MS / 2
}

/** @param fetchedAt milliseconds since the epoch, when they were requested from the ring */
export async function keepOwnKeys(jwks: readonly JWK[], fetchedAt: number): Promise<void> {
  const keys = await importAll(jwks)
  // A request that was abandoned may still end, after one that began later.
  if (!cachedKeys || cachedKeys.fetchedAt <= fetchedAt) cachedKeys = { jwks, keys, fetchedAt }
}

export function ownKeys(reach: OwnKeysReach): KeyFinder {
  return new OwnKeys(reach)
}

class OwnKeys implements KeyFinder {
  readonly #reach: OwnKeysReach

  constructor(reach: OwnKeysReach) {
    this.#reach = reach
  }

  find(kid: string): OwnKey | Promise<OwnKey | null> {
    const isAtHand = ageOf(cachedKeys, this.#reach.now) < RENEW_AFTER_MS
    return (isAtHand ? cachedKeys?.keys.get(kid) : undefined) ?? this.#search(kid)
  }

  async #search(kid: string): Promise<OwnKey | null> {
    const { now } = this.#reach
    const found = (await this.#usable()).keys.get(kid)
    if (found) return found
    if (ageOf(cachedKeys, now) >= COOLDOWN_MS) await refresh.onMiss(POLICY, this.#request(), COOLDOWN_MS)
    return cachedKeys?.keys.get(kid) ?? null
  }

  async published(): Promise<readonly JWK[]> {
    await refresh.keep(ageOf(cachedKeys, this.#reach.now), PUBLISHED_POLICY, this.#request())
    return (await this.#usable()).jwks
  }

  async #usable(): Promise<CachedOwnKeys> {
    const { now } = this.#reach
    await refresh.keep(ageOf(cachedKeys, now), POLICY, this.#request())
    if (!cachedKeys || ageOf(cachedKeys, now) >= UNUSABLE_AFTER_MS) throw new KeysUnavailable()
    return cachedKeys
  }

  #request(): RefreshRequest<unknown> {
    const { fetchKeys, now, background } = this.#reach
    const onFailure = (error: unknown): void => logEvent("own_keys_not_fetched", { error: String(error) })
    return { now, background, attempt: async () => keepOwnKeys(await fetchKeys(), now), onFailure }
  }
}

function ageOf(cached: CachedOwnKeys | undefined, now: number): number {
  return cached ? now - cached.fetchedAt : Number.POSITIVE_INFINITY
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
