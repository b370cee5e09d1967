/** Fetches documents of others from their exact URL: without redirects, within a time limit, and up to a size. */
import { boundedText } from "../../platform/request-body.ts"
import { mayBeFetched } from "../../core/encoding/url.ts"

const TIMEOUT_MS = 5_000

/** How a document that is cached is fetched again. A call waits as long as the fetch may take. */
export const FETCH_LIMITS = {
  timeout: TIMEOUT_MS,
  staleWait: TIMEOUT_MS,
  coldWait: TIMEOUT_MS,
  pause: 1_000,
  longestPause: 30_000,
} as const

export interface Fetched {
  readonly text: string
  /** Its `Content-Type`. Empty if it has none. */
  readonly type: string
}

/** The host has answered, and not with such a document: it will not do so later either, unless it changes. */
export class UnusableDocument extends Error {}

/** What a host answers that is out of order for a while (RFC 9110, section 15). */
const isOutOfOrder = (status: number): boolean => status >= 500 || status === 408 || status === 425 || status === 429

/**
 * Throws if it cannot be fetched as required; an `UnusableDocument` if that is what the host has answered.
 * @param local the local stack: loopback may be fetched
 * @param most bytes
 */
export async function fetchJson(uri: string, local: boolean, most: number): Promise<Fetched> {
  const url = new URL(uri)
  if (!mayBeFetched(url, local)) throw new UnusableDocument("its URL may not be fetched")
  const response = await fetch(url, {
    redirect: "manual",
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const { status } = response
  if (status !== 200) await response.body?.cancel()
  if (isOutOfOrder(status)) throw new Error(`status ${status}`)
  if (status >= 300 && status < 400) throw new UnusableDocument("it is a redirect")
  if (status !== 200) throw new UnusableDocument(`status ${status}`)
  const text = await boundedText(response, most)
  if (text === null) throw new UnusableDocument(`it is longer than ${most} bytes, or not UTF-8`)
  return { text, type: response.headers.get("content-type") ?? "" }
}
