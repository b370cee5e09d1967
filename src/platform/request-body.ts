/**
 * A body must arrive within this time, in all: the facts by which a request is decided must not age while its body
 * trickles in.
 */
const DEADLINE_MS = 10_000
/**
 * The same for a call. Its decision counts from its arrival, because the gateway waits from then on (DECIDED_WITHIN_MS
 * in ledger/ask.ts). A body that takes longer is rejected, which leaves half a second to decide.
 */
export const CALL_BODY_MS = 4_000

type Message = Pick<Request | Response, "headers" | "body">

/**
 * The body as text. Null if it is longer than `limit` bytes, not valid UTF-8, or late.
 * @param deadline milliseconds
 */
export async function boundedText(message: Message, limit: number, deadline = DEADLINE_MS): Promise<string | null> {
  const bytes = await boundedBytes(message, limit, deadline)
  return bytes && textOf(bytes)
}

/** Null if it is not valid UTF-8. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}

/**
 * The body. Null if it is longer than `limit` bytes, or late. A declared length only serves to reject sooner.
 * @param deadline milliseconds
 */
export async function boundedBytes(
  { headers, body }: Message,
  limit: number,
  deadline = DEADLINE_MS,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (Number(headers.get("content-length") ?? "0") > limit) return null
  if (body === null) return new Uint8Array()
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  const reader = body.getReader()
  let late = false
  const timer = setTimeout(() => {
    late = true
    void reader.cancel().catch(() => undefined)
  }, deadline)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (late) return null
      if (done) return whole(chunks, length)
      length += value.byteLength
      if (length > limit) {
        await reader.cancel()
        return null
      }
      chunks.push(value)
    }
  } catch (error) {
    // A client's stream fails once it is cancelled: that is the client's fault, and no outage.
    if (late || error instanceof TypeError) return null
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function whole(chunks: readonly Uint8Array<ArrayBuffer>[], length: number): Uint8Array<ArrayBuffer> {
  const [first] = chunks
  if (first && chunks.length === 1) return first
  const all = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.byteLength
  }
  return all
}
