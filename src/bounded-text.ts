/** A body's text comes within this, in all: what a request is judged by must not grow old while its body trickles in. */
const DEADLINE_MS = 10_000

/**
 * The body as text, or null where it is longer than `limit` bytes, no valid UTF-8, or not there in time. A declared length
 * is believed only to refuse sooner.
 */
export async function boundedText(
  message: Pick<Request | Response, "headers" | "body">,
  limit: number,
): Promise<string | null> {
  if (Number(message.headers.get("content-length") ?? "0") > limit) return null
  if (message.body === null) return ""
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  let text = ""
  let length = 0
  const reader = message.body.getReader()
  let late = false
  const timer = setTimeout(() => {
    late = true
    void reader.cancel().catch(() => undefined)
  }, DEADLINE_MS)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (late) return null
      if (done) return text + decoder.decode()
      length += value.byteLength
      if (length > limit) {
        await reader.cancel()
        return null
      }
      text += decoder.decode(value, { stream: true })
    }
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  } finally {
    clearTimeout(timer)
  }
}
