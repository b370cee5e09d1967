/**
 * The keys that the issuer publishes: fetched when they are needed, kept for some minutes, and fetched once more for a key
 * that is not among them, never more often than the floors below say. What answers is bounded in time and size.
 */
import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from "jose"
import { isObject } from "../src/core/encoding/json.ts"
import { boundedBytes } from "./body.ts"
import type { FetchKeys } from "./token-options.ts"

/** As long as a pulled key can still pass for valid here. */
const KEPT_MS = 300_000
/** Between two fetches because of an unknown key: a stranger can name any. */
const FLOOR_MS = 10_000
/** Between two fetches of which the first failed. */
const FLOOR_OF_FAILURES_MS = 1_000
const TIMEOUT_MS = 5_000
/** Narrowgate publishes a handful of keys, of less than a kilobyte each. */
const MAX_BYTES = 65_536

export class KeysUnavailableError extends Error {
  override readonly name = "KeysUnavailableError"
}

export function publishedKeys(issuer: string, fetchKeys: FetchKeys): JWTVerifyGetKey {
  let fetchedAt = 0
  let failed: { readonly at: number; readonly cause: unknown } | null = null
  const fetchBounded = async (url: string, { signal }: { readonly signal: AbortSignal }): Promise<Response> => {
    // The clock may have been set back since.
    if (failed !== null && Math.abs(Date.now() - failed.at) < FLOOR_OF_FAILURES_MS) throw unavailable(failed.cause)
    try {
      const answer = await fetchKeys(url, { method: "GET", redirect: "manual", signal })
      if (answer.status !== 200) throw new Error(`${url} answers ${answer.status}`)
      const bytes = await boundedBytes(answer.body, MAX_BYTES)
      if (bytes === null) throw new Error(`${url} answers more than ${MAX_BYTES} bytes`)
      const json: unknown = JSON.parse(new TextDecoder().decode(bytes))
      if (!isObject(json) || !Array.isArray(json["keys"])) throw new Error(`${url} answers no set of keys`)
      failed = null
      fetchedAt = Date.now()
      return Response.json(json)
    } catch (cause) {
      failed = { at: Date.now(), cause }
      throw unavailable(cause)
    }
  }
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), {
    cacheMaxAge: KEPT_MS,
    cooldownDuration: FLOOR_MS,
    timeoutDuration: TIMEOUT_MS,
    [customFetch]: fetchBounded,
  })
  return async (header, token) => {
    // If the clock was set back, `jose` would believe a key that is pulled for as much longer.
    if (Date.now() < fetchedAt) await keys.reload()
    return keys(header, token)
  }
}

const unavailable = (cause: unknown): KeysUnavailableError =>
  new KeysUnavailableError("the issuer's keys are unavailable", { cause })
