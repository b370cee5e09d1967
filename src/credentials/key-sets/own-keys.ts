/**
 * Our own public keys in this isolate, from the key ring, or at first from another isolate that has fetched them
 * recently. A call uses the cached keys, which are renewed while calls go on, by one of them at a time. A call waits
 * only if its `kid` is unknown, at most once in a cooldown, so that forged tokens cause no requests to the one ring; or
 * if the cache is older than the bound within which the ring may be unavailable. Cached or shared keys may include one
 * that was pulled since. The switches, which are checked for each token by its `kid`, reject its tokens.
 */
import { importJWK, type CryptoKey, type JWK } from "jose"
import * as z from "zod"
import { logEvent } from "../../platform/log.ts"
import { Refresh, type RefreshPolicy, type RefreshRequest } from "../../platform/refresh.ts"
import { isOwnAlgorithm, type OwnAlgorithm } from "../../core/keys/algorithm.ts"
import { FETCH_LIMITS } from "./fetch-json.ts"
import { dropShared, readShared, writeShared } from "./shared-cache.ts"

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
  /** Our own URL: isolates of another Worker share nothing with ours. */
  readonly issuer: string
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
/** A key that the ring dropped is forgotten this much later, by this isolate and by those that share with it. */
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
  /** It came from another isolate. */
  readonly isShared: boolean
}

let cachedKeys: CachedOwnKeys | undefined
let refresh = new Refresh()

/** For tests: the state of a fresh isolate. */
export function forgetOwnKeys(): void {
  cachedKeys = undefined
  refresh = new Refresh()
}

const placeOf = (issuer: string): string => `own ${issuer}`

/** Drops the keys that other isolates of this data centre would read from this one, because a key was pulled. */
export async function forgetSharedKeys(issuer: string): Promise<void> {
  await dropShared(placeOf(issuer))
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
    if (ageAtRing(cachedKeys, now) >= COOLDOWN_MS) await refresh.onMiss(POLICY, this.#request(), COOLDOWN_MS)
    return cachedKeys?.keys.get(kid) ?? null
  }

  async published(): Promise<readonly JWK[]> {
    await refresh.keep(ageAtRing(cachedKeys, this.#reach.now), PUBLISHED_POLICY, this.#request())
    return (await this.#usable()).jwks
  }

  async #usable(): Promise<CachedOwnKeys> {
    const { issuer, now } = this.#reach
    if (!cachedKeys) {
      const shared = await takeShared(issuer, now)
      // Another request may have fetched them from the ring in the meantime.
      cachedKeys ??= shared
    }
    await refresh.keep(ageOf(cachedKeys, now), POLICY, this.#request())
    if (!cachedKeys || ageOf(cachedKeys, now) >= UNUSABLE_AFTER_MS) throw new KeysUnavailable()
    return cachedKeys
  }

  #request(): RefreshRequest<unknown> {
    const { now, background } = this.#reach
    const onFailure = (error: unknown): void => logEvent("own_keys_not_fetched", { error: String(error) })
    return { now, background, attempt: async () => this.#fetch(), onFailure }
  }

  async #fetch(): Promise<void> {
    const { fetchKeys, issuer, now, background } = this.#reach
    const jwks = await fetchKeys()
    const keys = await importAll(jwks)
    // A request that was abandoned may still end, after one that began later. Another isolate's clock is not ours.
    if (cachedKeys && !cachedKeys.isShared && cachedKeys.fetchedAt > now) return
    cachedKeys = { jwks, keys, fetchedAt: now, isShared: false }
    const text = JSON.stringify({ keys: jwks })
    background(writeShared(placeOf(issuer), { text, fetchedAt: now, sequence: null }, RENEW_AFTER_MS / 1000))
  }
}

function ageOf(cached: CachedOwnKeys | undefined, now: number): number {
  return cached ? now - cached.fetchedAt : Number.POSITIVE_INFINITY
}

/** A set that the ring has just sent is current; another isolate's may be older. */
function ageAtRing(cached: CachedOwnKeys | undefined, now: number): number {
  return Math.max(ageOf(cached, now), cached?.isShared === true ? COOLDOWN_MS : 0)
}

const sharedSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })

/** Nothing if there is none, or one that this isolate would renew. */
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
