/**
 * Requests to the issuer: answers of bounded size within a bounded time, without redirects, because none of its
 * endpoints redirects and an assertion must not follow one elsewhere.
 */
import { NarrowgateError } from "./errors.ts"
import { firstOf } from "./signals.ts"

/** Bytes; the longest answer is the metadata, with a few kilobytes. */
const LONGEST_ANSWER = 131_072

export interface Reach {
  readonly fetch: typeof fetch
  /** Milliseconds. */
  readonly timeout: number
  readonly allowHttp: boolean
  readonly signal?: AbortSignal | undefined
}

/**
 * @returns the answer with its whole body
 * @throws {NarrowgateError} `issuer_unreachable`, `issuer_invalid`; the reason of the caller's own signal
 */
export async function boundedFetch(url: string, init: RequestInit, reach: Reach): Promise<Response> {
  const late = AbortSignal.timeout(reach.timeout)
  const signal = firstOf(reach.signal, late)
  try {
    const response = await reach.fetch(url, { ...init, redirect: "manual", signal })
    const body = await readBounded(response)
    const { status, statusText, headers } = response
    // Of an opaque redirect, which a browser gives in place of a 3xx, the status is 0.
    return new Response(isNullBody(status) ? null : body, { status: status || 502, statusText, headers })
  } catch (thrown) {
    if (thrown instanceof NarrowgateError) throw thrown
    reach.signal?.throwIfAborted()
    const why = late.aborted ? `did not answer within ${reach.timeout} ms` : "cannot be reached"
    throw new NarrowgateError("issuer_unreachable", `${new URL(url).origin} ${why}`, { cause: thrown })
  }
}

const isNullBody = (status: number): boolean => status === 204 || status === 205 || status === 304

async function readBounded({ body }: Response): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let length = 0
  const reader = body?.getReader()
  for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
    parts.push(next.value)
    length += next.value.length
    if (length > LONGEST_ANSWER) {
      await reader?.cancel().catch(() => undefined)
      throw new NarrowgateError("issuer_invalid", `an answer has more than ${LONGEST_ANSWER} bytes`)
    }
  }
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** @throws {NarrowgateError} `insecure_url`, if a token must not go there */
export function requireSecure(url: URL, allowHttp: boolean): void {
  if (url.protocol === "https:" || (url.protocol === "http:" && (allowHttp || LOOPBACK.test(url.hostname)))) return
  throw new NarrowgateError("insecure_url", `no token goes to ${url.origin}, because that is not HTTPS`)
}
