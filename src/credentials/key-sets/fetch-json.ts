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

/**
 * Throws if it cannot be fetched as required.
 * @param local the local stack: loopback may be fetched
 * @param most bytes
 */
export async function fetchJson(uri: string, local: boolean, most: number): Promise<Fetched> {
  const url = new URL(uri)
  if (!mayBeFetched(url, local)) throw new Error("the URL may not be fetched")
  const response = await fetch(url, {
    redirect: "manual",
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  if (response.status !== 200) throw new Error(`status ${response.status}`)
  const text = await boundedText(response, most)
  if (text === null) throw new Error("the document is too long or not UTF-8")
  return { text, type: response.headers.get("content-type") ?? "" }
}
