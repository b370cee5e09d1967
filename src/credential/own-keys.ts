/**
 * Our own public keys in this isolate, from the key ring, or from another isolate that has asked it lately. The ring is
 * asked again when they are stale and, at most once in a cooldown, for an unknown `kid`, so that neither forged tokens nor
 * readers of the JWK set make calls to it. What is held or shared may still have a key that was pulled since: that its
 * tokens open nothing is the switches' to say, which are asked about each token by its `kid`.
 */
import { importJWK, type CryptoKey, type JWK } from "jose"
import { z } from "zod"
import { logEvent } from "../log.ts"
import { isOwnAlgorithm, type OwnAlgorithm } from "./algorithm.ts"
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

/** Short: where a key was pulled, another one signs at once, and its tokens are refused for as long. */
const COOLDOWN_MS = 2_000
/** A key that the ring dropped is forgotten this much later, by this isolate and by those that share with it. */
const REFRESH_AFTER_MS = 300_000
const UNUSABLE_AFTER_MS = 3_600_000

/** The ring is out of reach and nothing of it is known here, or nothing new enough. */
export class KeysUnavailable extends Error {}

interface Held {
  readonly jwks: readonly JWK[]
  readonly keys: ReadonlyMap<string, OwnKey>
  /** Milliseconds, when the ring said so. */
  readonly fetchedAt: number
}

let held: Held | undefined
/** Milliseconds, when this isolate last asked the ring. */
let askedAt = Number.NEGATIVE_INFINITY

/** For tests: a fresh isolate. */
export function forgetOwnKeys(): void {
  held = undefined
  askedAt = Number.NEGATIVE_INFINITY
}

const placeOf = (issuer: string): string => `own ${issuer}`

/** What other isolates of this data centre would take from it: a key was pulled. */
export async function forgetSharedKeys(issuer: string): Promise<void> {
  await dropShared(placeOf(issuer))
}

export function ownKeys({ fetchKeys, issuer, now, background }: OwnKeysReach): KeyFinder {
  const ask = async (): Promise<Held> => {
    try {
      const jwks = await fetchKeys()
      askedAt = now
      held = { jwks, keys: await importAll(jwks), fetchedAt: now }
      const text = JSON.stringify({ keys: jwks })
      background(writeShared(placeOf(issuer), { text, fetchedAt: now }, REFRESH_AFTER_MS / 1000))
    } catch (error) {
      // The ring is out of reach: what it said lately still holds, for a while.
      if (!held || now - held.fetchedAt > UNUSABLE_AFTER_MS) throw new KeysUnavailable(String(error))
    }
    return held
  }
  const current = async (isEnough: (known: Held) => boolean): Promise<Held> => {
    if (!held) {
      const shared = await takeShared(issuer, now)
      // Another request may have asked the ring in the meantime.
      held ??= shared
    }
    const isFresh = held && now - held.fetchedAt < REFRESH_AFTER_MS && isEnough(held)
    return held && (isFresh || now - askedAt < COOLDOWN_MS) ? held : ask()
  }
  return {
    find: async (kid) => (await current((known) => known.keys.has(kid))).keys.get(kid) ?? null,
    published: async () => (await current(() => false)).jwks,
  }
}

const sharedSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })

/** Nothing where there is none, or one that this isolate would ask for anew. */
async function takeShared(issuer: string, now: number): Promise<Held | undefined> {
  const shared = await readShared(placeOf(issuer))
  if (!shared || now - shared.fetchedAt >= REFRESH_AFTER_MS) return undefined
  try {
    const { keys: jwks } = sharedSchema.parse(JSON.parse(shared.text))
    return { jwks, keys: await importAll(jwks), fetchedAt: shared.fetchedAt }
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
