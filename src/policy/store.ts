/**
 * Bundles out of KV. Under `pointer` stands a JWS by a publisher's key, under `body/<digest>` the immutable bytes it
 * names. An isolate keeps the last good bundle as a value (never another request's promise, which workerd forbids),
 * looks for a newer one in the background, and refuses a pointer older than one it saw.
 */
import { compactVerify, createLocalJWKSet } from "jose"
import * as z from "zod"
import type { Config } from "../config.ts"
import { assemble, type Bundle } from "./assemble.ts"
import { PUBLICATION_TYPES, type Pointer } from "./bundle.ts"
import { digestOf } from "./digest.ts"
import { logEvent } from "../log.ts"
import { prepared } from "../schema.ts"

export const POINTER_KEY = "pointer"
export const bodyKey = (digest: string): string => `body/${digest}`

/** A bundle checked this long ago is checked again, but beside the call, not before it. */
const CHECK_AFTER_MS = 30_000
/** Beyond this a call waits for the check: a publish holds everywhere a minute later (DESIGN §3). */
const BLOCK_AFTER_MS = 60_000
/** Beyond this without a successful check nothing is decided any more: rules may have been withdrawn meanwhile. */
const UNUSABLE_AFTER_MS = 600_000
/** A store that does not answer for this long is out of reach. */
const TIMEOUT_MS = 5_000
/** The local stack shows an edit of `policies/` at once. */
const LOCAL_CHECK_AFTER_MS = 500

const pointerSchema = prepared(z.object({ seq: z.int().nonnegative(), digest: z.string().regex(/^[0-9a-f]{64}$/) }), {
  seq: 0,
  digest: "0".repeat(64),
})

interface Held {
  readonly bundle: Bundle
  readonly checkedAt: number
}

let held: Held | undefined
/** When the check under way began; one that never ends, because its request was cut off, is given up. */
let checkingSince = Number.NEGATIVE_INFINITY

/** For tests: a fresh isolate. */
export function forgetBundle(): void {
  held = undefined
  checkingSince = Number.NEGATIVE_INFINITY
}

/**
 * The bundle to decide by, or null where there is none or KV has been out of reach for too long.
 * @param now milliseconds
 * @param background takes work that the call does not wait for
 */
export async function currentBundle(
  kv: KVNamespace,
  config: Config,
  now: number,
  background: (work: Promise<unknown>) => void,
): Promise<Bundle | null> {
  const age = held ? apart(now, held.checkedAt) : Number.POSITIVE_INFINITY
  const checkAfter = config.local ? LOCAL_CHECK_AFTER_MS : CHECK_AFTER_MS
  if (held && age < checkAfter) return held.bundle
  if (held && age < BLOCK_AFTER_MS && !config.local) {
    if (apart(now, checkingSince) > 2 * TIMEOUT_MS) {
      checkingSince = now
      background(check(kv, config, now).finally(() => (checkingSince = Number.NEGATIVE_INFINITY)))
    }
    return held.bundle
  }
  await check(kv, config, now)
  return held && apart(now, held.checkedAt) < UNUSABLE_AFTER_MS ? held.bundle : null
}

/** A clock that has stepped back by much must not keep withdrawn rules for as long again; a few milliseconds are nothing. */
function apart(now: number, then: number): number {
  return Math.abs(now - then)
}

/** The very bundle that a pointer names: what the ledger decides by, so that one call never mixes two. */
export async function bundleOf(kv: KVNamespace, pointer: Pointer): Promise<Bundle | null> {
  const known = bundleHeld(pointer)
  if (known) return known
  try {
    const bundle = await fetchBody(kv, pointer)
    if (bundle && (!held || held.bundle.pointer.seq < pointer.seq))
      held = { bundle, checkedAt: held?.checkedAt ?? Number.NEGATIVE_INFINITY }
    return bundle
  } catch (error) {
    report(error)
    return null
  }
}

/**
 * What is held, where its content is the one named; republished, as after a rollback, it is held by the newer pointer.
 */
export function bundleHeld(pointer: Pointer): Bundle | null {
  if (held?.bundle.pointer.digest !== pointer.digest) return null
  const { bundle, checkedAt } = held
  if (bundle.pointer.seq >= pointer.seq) return bundle
  held = { bundle: { ...bundle, pointer }, checkedAt }
  return held.bundle
}

/** A failed check changes nothing: the last good bundle stays until it is unusable. */
async function check(kv: KVNamespace, config: Config, now: number): Promise<void> {
  try {
    const text = await withTimeout(kv.get(POINTER_KEY, { cacheTtl: 30 }))
    if (text === null) return
    const pointer = await verifyPointer(text, config, PUBLICATION_TYPES.pointer)
    const known = held?.bundle.pointer
    if (known && pointer.seq < known.seq) throw new Error(`pointer ${pointer.seq} is older than ${known.seq}`)
    const bundle = bundleHeld(pointer) ?? (await fetchBody(kv, pointer))
    // Another check may have got further meanwhile; an older pointer never comes back.
    if (bundle && (!held || held.bundle.pointer.seq <= pointer.seq)) held = { bundle, checkedAt: now }
  } catch (error) {
    report(error)
  }
}

/** @param type that its JWS must have. Throws where a publisher has not signed it. */
export async function verifyPointer(text: string, config: Config, type: string): Promise<Pointer> {
  const keys = createLocalJWKSet({ keys: [...config.publisherKeys.keys] })
  const { payload } = await compactVerify(text, keys, { algorithms: ["ES256"] }).then((verified) => {
    if (verified.protectedHeader.typ !== type) throw new Error("the pointer has another type")
    return verified
  })
  return pointerSchema.parse(JSON.parse(new TextDecoder().decode(payload)))
}

/** Throws where it is not there whole. */
export async function fetchBody(kv: KVNamespace, pointer: Pointer): Promise<Bundle> {
  const bytes = await withTimeout(kv.get(bodyKey(pointer.digest), "arrayBuffer"))
  if (bytes === null) throw new Error(`bundle ${pointer.digest} is missing`)
  if ((await digestOf(new Uint8Array(bytes))) !== pointer.digest) throw new Error(`bundle ${pointer.digest} is corrupt`)
  return assemble(new TextDecoder().decode(bytes), pointer)
}

/** Of a read of KV. */
export async function withTimeout<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("KV did not answer in time")), TIMEOUT_MS)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}

function report(error: unknown): void {
  logEvent("bundle_check_failed", { error: String(error) })
}
