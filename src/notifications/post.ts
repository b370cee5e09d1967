/** One try to deliver a message: a POST to a host that may be reached, without following redirects. */
import { mayBeFetched } from "../core/encoding/url.ts"
import type { Message } from "./formats/message.ts"
import type { ReceiverResponse } from "./retry.ts"

const TIMEOUT_MS = 10_000

/** @param local the local stack: loopback may be reached */
export async function post(
  { url, headers, body }: Message,
  local: boolean,
): Promise<ReceiverResponse | { readonly hindrance: "url_refused" }> {
  // Even though the bundle's build has checked URLs: one may be a secret, which no build has seen.
  if (!URL.canParse(url) || !mayBeFetched(new URL(url), local)) return { hindrance: "url_refused" }
  try {
    const response = await fetch(url, {
      method: "POST",
      redirect: "manual",
      headers,
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    // The response's body does not matter, and nothing waits for it.
    await response.body?.cancel()
    return { status: response.status, retryAfter: response.headers.get("retry-after") }
  } catch (error) {
    return { failure: error instanceof Error && error.name === "TimeoutError" ? "timeout" : "unreachable" }
  }
}
