/**
 * Reads the bodies of answers before the MCP client does, and hands them on as they were understood: the client gets
 * exactly what was checked here. Other clients may read ambiguous text differently.
 */
import { readAnswer } from "../../../src/core/catalog/mcp-answer.ts"
import { messagesIn } from "../../../src/core/encoding/event-stream.ts"

/** Of each message; a list of a thousand tools with long schemas has about a hundred thousand. */
const MOST_PARTS = 500_000

/** @param object makes the error to throw, of words that follow "its answer" */
export async function readBody(response: Response, object: (objection: string) => Error): Promise<BodyInit | null> {
  const { body, headers } = response
  const type = (headers.get("content-type") ?? "").toLowerCase()
  if (!body) return null
  const checked = (text: string): string => {
    const read = readAnswer(text, MOST_PARTS)
    if (read && "objection" in read) throw object(read.objection)
    return text
  }
  if (type.includes("json")) return checked(await response.text())
  if (!type.includes("event-stream")) return body
  return streamOf(events(body, checked))
}

async function* events(body: ReadableStream<Uint8Array>, checked: (text: string) => string): AsyncGenerator<string> {
  // Written anew: another parser might end its lines elsewhere.
  for await (const data of messagesIn(textsOf(body))) yield `data: ${checked(data).replaceAll("\n", "\ndata: ")}\n\n`
}

async function* textsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      yield decoder.decode(read.value, { stream: true })
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

function streamOf(texts: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await texts.next()
      if (done === true) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
    // A client that waits for the server by then gets the failure from the request's signal.
    cancel: () => void texts.return(undefined).catch(() => undefined),
  })
}
