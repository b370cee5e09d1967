/**
 * Public keys of others: a JWKS URL, a SPIFFE bundle, OIDC discovery, or inline in the policy bundle. A fetched set is
 * cached as a value, in the isolate and for other isolates. It is renewed while calls go on, and fetched again at most
 * once in a cooldown if a token names an unknown key. If an issuer is unavailable, its tokens verify with the cached
 * set within a fixed bound; afterwards none of them verifies.
 */
import * as z from "zod"
import { logEvent } from "../../platform/log.ts"
import { Refreshes, type RefreshPolicy, type RefreshRequest } from "../../platform/refresh.ts"
import { discoveryUrl, type KeySource } from "../../core/policy/definition/keys.ts"
import { FETCH_LIMITS, fetchJson } from "./fetch-json.ts"
import { readKeyDocument, type KeyDocument } from "./key-document.ts"
import { importKeys, keyFor, type PublicKey } from "./public-key.ts"
import { readShared, writeShared } from "./shared-cache.ts"

/**
 * Between two refreshes because of an unknown key or a bad signature: forged tokens must not cause requests to the
 * issuer.
 */
const UNKNOWN_KEY_COOLDOWN_MS = 5_000
/** A set that could not be renewed for this long verifies nothing any more. */
const UNUSABLE_AFTER_MS = 3_600_000
/**
 * A set this many times older than it should be is fetched before it is used: a revoked key must not be accepted again.
 */
const WAIT_AFTER = 2
const BELIEVE_OLDER_AFTER_MS = 300_000
const MAX_BYTES = 262_144

/** The owner of the keys: an entry of issuers.yaml, or an agent that signs its own assertions. */
export interface KeyOwner {
  /** For the log. */
  readonly id: string
  /** Base of discovery. */
  readonly issuer?: string
  readonly keys: KeySource
  readonly algorithms: readonly string[]
}

export interface FetchContext {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** The local stack: loopback may be fetched. */
  readonly local: boolean
  /** Takes work that the response does not wait for. */
  readonly background: (work: Promise<unknown>) => void
}

interface CachedKeys extends KeyDocument {
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number
  /** Milliseconds since the epoch, from when on the issuer has sent bundles with a smaller number. */
  readonly olderSince?: number
}
const keySets = new Map<string, CachedKeys>()

const refreshes = new Refreshes()
const inlineKeys = new WeakMap<object, readonly PublicKey[]>()

/** For tests: the state of a fresh isolate. */
export function forgetKeySets(): void {
  keySets.clear()
  refreshes.clear()
}

export type FoundKey = { readonly key: CryptoKey } | { readonly missing: "key" | "keys" }

/** The key that is to verify a token; or that the set has no such key, or that no set is available. */
export async function findKey(
  owner: KeyOwner,
  kid: string | null,
  alg: string,
  fetchContext: FetchContext,
): Promise<FoundKey> {
  const keys = owner.keys.kind === "inline" ? await inline(owner) : await current(owner, kid, alg, fetchContext)
  if (!keys) return { missing: "keys" }
  const key = keyFor(keys, kid, alg)
  return key ? { key } : { missing: "key" }
}

/**
 * Another key for a token that `tried` has not signed: issuers replace a key under its id, or give no id, and the
 * cached key may be the earlier one. The set is fetched at most as often as for unknown keys.
 */
export async function findOtherKey(
  owner: KeyOwner,
  kid: string | null,
  alg: string,
  tried: CryptoKey,
  fetchContext: FetchContext,
): Promise<CryptoKey | null> {
  if (owner.keys.kind === "inline") return null
  const place = placeOf(owner)
  const other = (): CryptoKey | null => {
    const key = keyFor(keySets.get(place)?.keys ?? [], kid, alg)
    return key === tried ? null : key
  }
  const found = other()
  if (found) return found
  await refreshes.of(place).onMiss(FETCH_LIMITS, refreshRequest(owner, fetchContext), UNKNOWN_KEY_COOLDOWN_MS)
  return other()
}

async function inline({ keys: source, algorithms }: KeyOwner): Promise<readonly PublicKey[]> {
  if (source.kind !== "inline") return []
  const cached = inlineKeys.get(source)
  if (cached) return cached
  const keys = await importKeys(source.jwks.keys, algorithms, "sig")
  inlineKeys.set(source, keys)
  return keys
}

async function current(
  owner: KeyOwner,
  kid: string | null,
  alg: string,
  fetchContext: FetchContext,
): Promise<readonly PublicKey[] | null> {
  const place = placeOf(owner)
  const { now } = fetchContext
  if (!keySets.has(place)) await takeShared(owner, now)
  const cached = keySets.get(place)
  const age = cached ? now - cached.fetchedAt : Number.POSITIVE_INFINITY
  const refresh = refreshes.of(place)
  const request = refreshRequest(owner, fetchContext)
  const isMissing = cached && age < UNUSABLE_AFTER_MS && keyFor(cached.keys, kid, alg) === null
  if (isMissing) await refresh.onMiss(FETCH_LIMITS, request, UNKNOWN_KEY_COOLDOWN_MS)
  else await refresh.keep(age, policyOf(cached?.renewAfter ?? 0), request)
  const keys = keySets.get(place)
  return keys && now - keys.fetchedAt < UNUSABLE_AFTER_MS ? keys.keys : null
}

const policyOf = (renewAfter: number): RefreshPolicy => ({
  ...FETCH_LIMITS,
  refreshAfter: renewAfter,
  waitAfter: WAIT_AFTER * renewAfter,
  unusableAfter: UNUSABLE_AFTER_MS,
})

function refreshRequest(owner: KeyOwner, { now, local, background }: FetchContext): RefreshRequest<unknown> {
  return {
    now,
    background,
    async attempt() {
      const { text } = await fetchJson(await uriOf(owner, local), local, MAX_BYTES)
      const { sequence } = await take(owner, text, now)
      const document = { text, fetchedAt: now, sequence: sequence === null ? null : String(sequence) }
      await writeShared(placeOf(owner), document, UNUSABLE_AFTER_MS / 1000)
    },
    onFailure: (error) => logEvent("keys_not_fetched", { issuer: owner.id, error: String(error) }),
  }
}

/** A set that another isolate has fetched is as good as one of our own; it is read only if this isolate has none. */
async function takeShared(owner: KeyOwner, now: number): Promise<void> {
  const shared = await readShared(placeOf(owner))
  if (!shared || now - shared.fetchedAt >= UNUSABLE_AFTER_MS) return
  try {
    await take(owner, shared.text, shared.fetchedAt)
  } catch (error) {
    logEvent("keys_not_shared", { issuer: owner.id, error: String(error) })
  }
}

/** Replaces the earlier set as a whole. Throws if the document is invalid, or older. */
async function take(owner: KeyOwner, text: string, fetchedAt: number): Promise<KeyDocument> {
  const place = placeOf(owner)
  const kind = owner.keys.kind === "spiffe_bundle" ? "spiffe_bundle" : "jwks"
  const read = await readKeyDocument(text, kind, owner.algorithms)
  const cached = keySets.get(place)
  if (cached && cached.fetchedAt > fetchedAt) return cached
  // A copy that lags must not bring back what was revoked; a server that continues with smaller numbers is accepted in
  // the end.
  if (cached && isOlder(read, cached) && fetchedAt - cached.fetchedAt < UNUSABLE_AFTER_MS) {
    const olderSince = cached.olderSince ?? fetchedAt
    keySets.set(place, { ...cached, olderSince })
    if (fetchedAt - olderSince < BELIEVE_OLDER_AFTER_MS) {
      throw new Error(`bundle ${read.sequence ?? "without a number"} is older than ${cached.sequence}`)
    }
  }
  keySets.set(place, { ...read, fetchedAt })
  return read
}

/** A bundle without a number is older than any that has one. */
function isOlder({ sequence }: KeyDocument, current: KeyDocument): boolean {
  return current.sequence !== null && (sequence === null || sequence < current.sequence)
}

/**
 * Identifies a set by the source of its keys and how they are read, not by the owner's name: an issuer that a bundle
 * moves must not keep the keys of its old location, and no two trust domains share a set.
 */
function placeOf({ keys, issuer = "", algorithms, id }: KeyOwner): string {
  const where = keys.kind === "jwks_uri" ? keys.uri : keys.kind === "spiffe_bundle" ? `${id} ${keys.uri}` : issuer
  return `${keys.kind} ${where} ${algorithms.join(" ")}`
}

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.string() })

async function uriOf({ keys, issuer = "" }: KeyOwner, local: boolean): Promise<string> {
  if (keys.kind === "jwks_uri" || keys.kind === "spiffe_bundle") return keys.uri
  const { text } = await fetchJson(discoveryUrl(issuer), local, MAX_BYTES)
  const found = discoverySchema.parse(JSON.parse(text))
  // OpenID Connect Discovery 1.0, section 4.3.
  if (found.issuer !== issuer) throw new Error("the discovery document is another issuer's")
  return found.jwks_uri
}
