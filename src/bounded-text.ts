/**
 * The body as text, or null where it is longer than `limit` bytes or no valid UTF-8. A declared length is believed only
 * to refuse sooner.
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
  try {
    for (;;) {
      const { done, value } = await reader.read()
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
  }
}
