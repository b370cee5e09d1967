/**
 * Documents with public keys, shared between the isolates of a data centre, so that a new isolate need not fetch them
 * from the issuer. Only a convenience: without such a cache, or if it is empty, the isolate asks the issuer.
 */
import * as z from "zod"
import { logEvent } from "../../platform/log.ts"

const schema = z.object({
  text: z.string(),
  /** Milliseconds since the epoch. */
  fetchedAt: z.number(),
  /** Decimal `spiffe_sequence`. Null if the document has none. */
  sequence: z.string().regex(/^\d+$/).nullable().default(null),
})
export type SharedDocument = z.infer<typeof schema>

/**
 * A document with a smaller number is written after this long: its server has started again, and the other has not been
 * seen since.
 */
const KEEP_NEWER_FOR_MS = 300_000

/** A name that no request can have: these entries are never served. */
const keyOf = (place: string): string => `https://keys.narrowgate.invalid/${encodeURIComponent(place.toWellFormed())}`

/** workerd on one machine (docs/guides/serve.md), which has no other isolate to share with either. */
const HAS_NO_CACHE = /No Cache was configured/u

function logFailure(error: unknown): void {
  if (!HAS_NO_CACHE.test(String(error))) logEvent("shared_cache_failed", { error: String(error) })
}

export async function readShared(place: string): Promise<SharedDocument | null> {
  try {
    const found = await caches.default.match(keyOf(place))
    return found ? schema.parse(await found.json()) : null
  } catch (error) {
    logFailure(error)
    return null
  }
}

/**
 * Does not replace a newer document. Two isolates that write at once may still end with the older one; a reader
 * compares it with its own, and fetches from the issuer in time.
 * @param seconds how long others may use it
 */
export async function writeShared(place: string, document: SharedDocument, seconds: number): Promise<void> {
  try {
    const there = await readShared(place)
    if (there && isNewer(there, document)) return
    const headers = { "Cache-Control": `public, max-age=${seconds}` }
    await caches.default.put(keyOf(place), Response.json(document, { headers }))
  } catch (error) {
    logFailure(error)
  }
}

function isNewer(there: SharedDocument, document: SharedDocument): boolean {
  if (there.fetchedAt > document.fetchedAt) return true
  if (document.fetchedAt - there.fetchedAt >= KEEP_NEWER_FOR_MS || there.sequence === null) return false
  return document.sequence === null || BigInt(document.sequence) < BigInt(there.sequence)
}
