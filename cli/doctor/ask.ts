/** One request to a server that may be slow, wrong or hostile: bounded in time and bytes, and never redirected. */
import { parsedOrNull } from "../remote/worker.ts"
import { unreachable } from "../remote/unreachable.ts"
import { Failure } from "../terminal/failure.ts"

/** A Worker's description of its endpoints, which has its version, is the longest: 200 kB. */
const MOST_BYTES = 1_048_576

export interface Answer {
  readonly url: URL
  readonly status: number
  readonly headers: Headers
  /** Null if the body is no JSON. */
  readonly json: unknown
  /** Seconds by which the server's clock is ahead of this machine's; null if it does not state the time. */
  readonly ahead: number | null
}

/** @param signal ends the request; its reason is not shown */
export async function ask(url: URL, init: RequestInit, signal: AbortSignal): Promise<Answer | Failure> {
  const sent = Date.now()
  try {
    const response = await fetch(url, { ...init, redirect: "manual", signal })
    const received = Date.now()
    const text = await textOf(response)
    if (text === null) {
      return new Failure(`${url.host} has sent more than ${MOST_BYTES / 1024 / 1024} MiB`, `Check the URL: ${url.href}`)
    }
    const { status, headers } = response
    return { url, status, headers, json: parsedOrNull(text), ahead: aheadIn(headers, (sent + received) / 2) }
  } catch (thrown) {
    if (!signal.aborted) return unreachable(url, thrown)
    return new Failure(`no answer from ${url.host} in time`, "Check the address, the network and the server's load.")
  }
}

/** Null if it is too long. */
async function textOf({ body }: Response): Promise<string | null> {
  if (!body) return ""
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let bytes = 0
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    bytes += read.value.byteLength
    if (bytes > MOST_BYTES) {
      await reader.cancel().catch(() => undefined)
      return null
    }
    chunks.push(read.value)
  }
  return Buffer.concat(chunks).toString()
}

/** `Date` has whole seconds, of which half a one has passed on average; a cache adds `Age` (RFC 9111, section 5.1). */
function aheadIn(headers: Headers, between: number): number | null {
  const date = Date.parse(headers.get("date") ?? "")
  if (Number.isNaN(date)) return null
  const age = Number(headers.get("age") ?? 0)
  return (date + 500 + (Number.isFinite(age) ? age * 1000 : 0) - between) / 1000
}
