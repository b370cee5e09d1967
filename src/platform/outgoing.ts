/** One request to a server of others: to a host that may be reached, without following redirects, bounded in time. */
import { mayBeFetched } from "../core/encoding/url.ts"

export interface Outgoing {
  readonly url: string
  readonly method: "POST" | "PUT"
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array<ArrayBuffer>
}

export interface OutgoingLimits {
  /** Loopback may be reached. */
  readonly local: boolean
  readonly timeoutMs: number
  /** Bytes of the answer that are read. 0: none, and nothing waits for it. */
  readonly answerBytes: number
}

export type OutgoingAnswer =
  | {
      readonly status: number
      readonly retryAfter: string | null
      /** Null if it is longer than the limit. */
      readonly text: string | null
    }
  | { readonly failure: "timeout" | "unreachable" }
  | { readonly hindrance: "url_refused" }

export async function sendOut(
  { url, method, headers, body }: Outgoing,
  { local, timeoutMs, answerBytes }: OutgoingLimits,
): Promise<OutgoingAnswer> {
  // Even though the bundle's build has checked URLs: one may be a secret, which no build has seen.
  if (!URL.canParse(url) || !mayBeFetched(new URL(url), local)) return { hindrance: "url_refused" }
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const response = await fetch(url, { method, redirect: "manual", headers, body, signal })
    const text = await readUpTo(response, answerBytes)
    return { status: response.status, retryAfter: response.headers.get("retry-after"), text }
  } catch (error) {
    return { failure: error instanceof Error && error.name === "TimeoutError" ? "timeout" : "unreachable" }
  }
}

async function readUpTo({ body }: Response, most: number): Promise<string | null> {
  const decoder = new TextDecoder()
  let [text, bytes] = ["", 0]
  if (most > 0 && body)
    for await (const chunk of body) {
      bytes += chunk.length
      if (bytes > most) return null
      text += decoder.decode(chunk, { stream: true })
    }
  else await body?.cancel()
  return text
}
