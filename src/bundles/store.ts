/**
 * Loads bundles from KV. Under `pointer` is a JWS by a publisher's key, under `body/<digest>` are the immutable bytes
 * it names. KV may return an older pointer for a minute, and an attacker with write access may put one back. So an
 * isolate also asks the object of publications for the newest pointer that this Worker has accepted, and decides by no
 * older one. It keeps the last good bundle and loads a newer one in the background.
 */
import { within } from "../platform/timeout.ts"
import type { Config } from "../platform/config.ts"
import { logEvent } from "../platform/log.ts"
import { clockDistance, Refresh, Refreshes, type RefreshPolicy, type RefreshRequest } from "../platform/refresh.ts"
import { assemble, type Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { digestOf } from "../core/policy/digest.ts"
import { verifyPublication, type Publication } from "./signed-publication.ts"

export const POINTER_KEY = "pointer"
export const bodyKey = (digest: string): string => `body/${digest}`

/** A store that does not answer for this long is unavailable. */
const TIMEOUT_MS = 5_000
/** Denials say `Retry-After: 5`: by then there is another attempt. */
const PAUSE_MS = 5_000
const POLICY: RefreshPolicy = {
  refreshAfter: 30_000,
  // A publication is in force in every isolate a minute later.
  waitAfter: 60_000,
  // Rules may have been withdrawn meanwhile.
  unusableAfter: 600_000,
  staleWait: 1_000,
  coldWait: 2_000,
  // At most three reads, one after the other.
  timeout: 3 * TIMEOUT_MS,
  pause: PAUSE_MS,
  longestPause: PAUSE_MS,
}
/** The local stack applies an edit of `policies/` at once, and its first bundle as soon as it is published. */
const LOCAL_POLICY: RefreshPolicy = { ...POLICY, refreshAfter: 500, waitAfter: 500, pause: 0 }
/** For the body that a ledger has to decide by. */
const BODY_POLICY: RefreshPolicy = { ...POLICY, timeout: TIMEOUT_MS }
/** Anyone may request `/readyz`: an isolate checks for it no more often than this. */
const NEWEST_FOR_MS = 1_000
/** The same failure is logged at most this often. */
const LOG_EVERY_MS = 60_000

/** The part of the object of publications that an isolate uses. */
export interface PublicationKeeper {
  /** The newest pointer that this Worker has accepted, as it was signed. Null if there is none. */
  readonly newest: () => Promise<string | null>
  /** Hands over a newer pointer. Returns the newest one afterwards. */
  readonly accept: (jws: string) => Promise<string | null>
}

export interface BundleSource {
  readonly kv: KVNamespace
  readonly publications: PublicationKeeper
  readonly config: Config
}

interface LoadedBundle {
  readonly bundle: Bundle
  /** Null if a ledger has named it. */
  readonly jws: string | null
  readonly checkedAt: number
}

/** What an isolate knows of bundles. */
class Memory {
  loaded: LoadedBundle | undefined
  /** The last bundle by which a ledger in this isolate had to decide, as long as no pointer has been checked here. */
  named: Bundle | undefined
  readonly checks = new Refresh()
  /** By pointer. */
  readonly bodies = new Refreshes<Bundle>()
  logged = { error: "", at: Number.NEGATIVE_INFINITY }
}
let memory = new Memory()

/** For tests: the state of a fresh isolate. Work in progress ends in the memory in which it began. */
export function forgetBundle(): void {
  memory = new Memory()
}

/**
 * Returns the bundle to decide by, or null if there is none or none could be checked for too long.
 * @param now milliseconds
 * @param background takes work that the call does not wait for
 */
export async function currentBundle(
  source: BundleSource,
  now: number,
  background: (work: Promise<unknown>) => void,
): Promise<Bundle | null> {
  const cache = memory
  await cache.checks.keep(ageOf(cache, now), policyFor(source), checking(cache, source, now, background))
  return ageOf(cache, now) < POLICY.unusableAfter ? (cache.loaded?.bundle ?? null) : null
}

/**
 * Returns the bundle to decide by if it is that of the newest publication, at most a second ago. Null if it is an
 * earlier one, or the newest cannot be known.
 */
export async function newestBundle(
  source: BundleSource,
  now: number,
  background: (work: Promise<unknown>) => void,
): Promise<Bundle | null> {
  const cache = memory
  const isNewest = (): boolean => ageOf(cache, now) < NEWEST_FOR_MS
  if (!isNewest()) await cache.checks.wait(policyFor(source), checking(cache, source, now, background), POLICY.coldWait)
  return isNewest() ? (cache.loaded?.bundle ?? null) : null
}

const policyFor = ({ config }: BundleSource): RefreshPolicy => (config.local ? LOCAL_POLICY : POLICY)

const ageOf = ({ loaded }: Memory, now: number): number =>
  clockDistance(now, loaded?.checkedAt ?? Number.NEGATIVE_INFINITY)

function checking(
  cache: Memory,
  source: BundleSource,
  now: number,
  background: (work: Promise<unknown>) => void,
): RefreshRequest<unknown> {
  return {
    now,
    background,
    attempt: async () => check(cache, source, now),
    onFailure: (error) => report(cache, error, source.config.local),
  }
}

/** Returns the bundle to decide by if it is loaded and need not be checked yet, as it is for nearly all calls. */
export function bundleAtHand({ local }: Pick<Config, "local">, now: number): Bundle | null {
  const { loaded } = memory
  if (!loaded) return null
  const age = clockDistance(now, loaded.checkedAt)
  return age < (local ? LOCAL_POLICY : POLICY).refreshAfter ? loaded.bundle : null
}

/** Milliseconds since the epoch, when this isolate has last seen which bundle is the newest. Null if it has not. */
export function bundleCheckedAt(): number | null {
  return memory.loaded?.checkedAt ?? null
}

/** The very bundle that a pointer names. The ledger decides by it, so that one call never mixes two. */
export async function bundleOf(kv: KVNamespace, pointer: Pointer): Promise<Bundle | null> {
  const cache = memory
  const bundle = heldIn(cache, pointer)
  if (bundle) return bundle
  const request = {
    now: Date.now(),
    // An object lives on while it waits for its own request.
    background: () => undefined,
    async attempt() {
      const fetched = await fetchBody(kv, pointer)
      keep(cache, fetched)
      return fetched
    },
    onFailure: (error: unknown) => report(cache, error),
  }
  return cache.bodies.of(`${pointer.seq} ${pointer.digest}`).wait(BODY_POLICY, request, BODY_POLICY.coldWait)
}

/** The loaded bundle with this content. Republished content, as after a rollback, counts under its newer pointer. */
export function cachedBundle(pointer: Pointer): Bundle | null {
  return heldIn(memory, pointer)
}

function heldIn(cache: Memory, pointer: Pointer): Bundle | null {
  const { digest } = pointer
  const { loaded, named } = cache
  const found = loaded?.bundle.pointer.digest === digest ? loaded.bundle : named
  if (found?.pointer.digest !== digest) return null
  const bundle = found.pointer.seq >= pointer.seq ? found : { ...found, pointer }
  keep(cache, bundle)
  return bundle
}

/** A bundle that a ledger has named replaces an older one, but does not delay the next check. */
function keep(cache: Memory, bundle: Bundle): void {
  const { loaded } = cache
  if (!loaded) cache.named = bundle
  else if (loaded.bundle.pointer.seq < bundle.pointer.seq)
    cache.loaded = { bundle, jws: null, checkedAt: loaded.checkedAt }
}

/** A failed check changes nothing: the last good bundle stays until it is unusable. */
async function check(cache: Memory, source: BundleSource, now: number): Promise<void> {
  const { kv, publications } = source
  const { loaded } = cache
  const [stored, newest] = await withTimeout(
    Promise.all([kv.get(POINTER_KEY, { cacheTtl: 30 }), publications.newest()]),
  )
  if (stored === null) throw new Error(newest === null && !loaded ? NOTHING_PUBLISHED : "KV holds no pointer")
  if (loaded && loaded.jws === stored && stored === newest) cache.loaded = { ...loaded, checkedAt: now }
  else await follow(cache, await newerOf(stored, newest, source), kv, now)
}

/** KV may be behind. If it is ahead, the pointer is stored for all isolates before this one decides by it. */
async function newerOf(
  stored: string,
  newest: string | null,
  { publications, config }: BundleSource,
): Promise<Publication> {
  const inKv = await verifyPublication(stored, config, "pointer")
  if (stored === newest) return inKv
  const accepted = newest === null ? null : await verifyPublication(newest, config, "pointer")
  if (accepted && accepted.seq >= inKv.seq) return accepted
  const now = await withTimeout(publications.accept(stored))
  if (now === null) throw new Error(`pointer ${inKv.seq} was not accepted`)
  return now === stored ? inKv : verifyPublication(now, config, "pointer")
}

async function follow(cache: Memory, { seq, digest, jws }: Publication, kv: KVNamespace, now: number): Promise<void> {
  const pointer = { digest, seq }
  refuseOlder(cache, pointer)
  const bundle = heldIn(cache, pointer) ?? (await fetchBody(kv, pointer))
  // A ledger may have named a newer one meanwhile; an older pointer is never used again.
  refuseOlder(cache, pointer)
  cache.loaded = { bundle, jws, checkedAt: now }
}

function refuseOlder({ loaded }: Memory, { seq }: Pointer): void {
  const newest = loaded?.bundle.pointer.seq ?? 0
  if (seq < newest) throw new Error(`pointer ${seq} is older than ${newest}`)
}

/** Throws if the body is missing or incomplete. */
export async function fetchBody(kv: KVNamespace, pointer: Pointer): Promise<Bundle> {
  const bytes = await withTimeout(kv.get(bodyKey(pointer.digest), "arrayBuffer"))
  if (bytes === null) throw new Error(`bundle ${pointer.digest} is missing`)
  if ((await digestOf(new Uint8Array(bytes))) !== pointer.digest) throw new Error(`bundle ${pointer.digest} is corrupt`)
  return assemble(new TextDecoder().decode(bytes), pointer)
}

/** For a read of KV, or a request to the object of publications. */
export async function withTimeout<Value>(work: Promise<Value>, milliseconds = TIMEOUT_MS): Promise<Value> {
  return within(work, milliseconds, "KV or the object of publications")
}

/** @param isLocal the Worker is that of the local stack, which publishes as soon as it has started */
function report(cache: Memory, error: unknown, isLocal = false): void {
  const text = String(error)
  const now = Date.now()
  if (text === cache.logged.error && clockDistance(now, cache.logged.at) < LOG_EVERY_MS) return
  cache.logged = { error: text, at: now }
  if (!text.endsWith(NOTHING_PUBLISHED)) logEvent("bundle_check_failed", { error: text })
  else if (!isLocal) logEvent("nothing_published_yet", {})
}
/** A new Worker begins like this: it is no failure, and every call is denied until something is published. */
const NOTHING_PUBLISHED = "nothing has been published yet"
