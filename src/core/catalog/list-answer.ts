/**
 * A server's whole answer to a request for a list, as streamable HTTP carries it: one JSON document, or an event stream
 * in which other messages may come first. It is read as clients read it, and written anew with what was read alone: what
 * another reader might find between the lines is gone, and so are the ids of events, from which a client could resume
 * the stream and get the list as the server wrote it. Source: MCP 2025-11-25 and 2026-07-28, "Streamable HTTP".
 */
import { isDenied, type Denied } from "../denials/denial.ts"
import { messagesIn } from "../encoding/event-stream.ts"
import { refuse } from "./mcp-call.ts"
import { readServerMessage, type ServerList, type Unlisted } from "./tool-list.ts"

export const EVENT_STREAM = "text/event-stream"

export interface ListAnswer {
  /** Null: the server answered with an error, which lists nothing. */
  readonly list: ServerList | null
  /** Its media type. */
  readonly type: string
  /** Returns the answer with only the items for which `isKept` is true. */
  readonly keeping: ServerList["keeping"]
}

export async function readListAnswer(text: string, isStream: boolean): Promise<ListAnswer | Denied> {
  const texts = isStream ? await dataIn(text) : [text]
  const messages: { readonly message: ServerList | Unlisted; readonly text: string }[] = []
  for (const each of texts) {
    const message = readServerMessage(each)
    if (isDenied(message)) return message
    messages.push({ message, text: each })
  }
  const [answer, ...others] = messages.filter(({ message }) => message.kind !== "other")
  if (!answer || others.length > 0) return refuse("it does not have exactly one answer")
  const list = "keeping" in answer.message ? answer.message : null
  return {
    list,
    type: isStream ? EVENT_STREAM : "application/json",
    keeping: (isKept) => {
      const written = messages.map((each) => ("keeping" in each.message ? each.message.keeping(isKept) : each.text))
      return isStream ? written.map(eventOf).join("") : written.join("")
    },
  }
}

/** An event without data is no message: it gives a client an id to resume from. */
async function dataIn(text: string): Promise<readonly string[]> {
  const found: string[] = []
  for await (const data of messagesIn(one(text))) if (data !== "") found.push(data)
  return found
}

async function* one(text: string): AsyncGenerator<string> {
  yield text
}

const eventOf = (text: string): string => `event: message\ndata: ${text.replaceAll("\n", "\ndata: ")}\n\n`
