/**
 * Cuts a server's answer to a request for a list down to what the agent may call, by `POST /v1/tools/filter`. An answer
 * that cannot be filtered does not reach the client.
 */
import { type IncomingMessage } from "node:http"
import { text } from "node:stream/consumers"
import { messagesIn } from "../../src/core/encoding/event-stream.ts"
import { isObject } from "../../src/core/encoding/json.ts"
import type { Authorizer, OriginalRequest } from "./ask.ts"
import { first } from "./headers.ts"

const LISTS = new Set(["tools/list", "resources/list", "resources/templates/list", "prompts/list"])

/** A gateway without the body knows the method from the header of MCP 2026-07-28. */
export function asksForList({ headers, body }: OriginalRequest): boolean {
  const named = first(headers, "mcp-method") ?? ""
  if (LISTS.has(named)) return true
  const message = parsed(Buffer.from(body).toString())
  return isObject(message) && typeof message["method"] === "string" && LISTS.has(message["method"])
}

/**
 * @param server its name in the catalog
 * @returns the answer's body; null if the answer cannot be filtered
 */
export async function filteredAnswer(
  { origin, key }: Authorizer,
  server: string,
  { headers }: OriginalRequest,
  answer: IncomingMessage,
): Promise<string | null> {
  const own = ["authorization", "dpop"].flatMap((name): [string, string][] => {
    const value = first(headers, name)
    return value === undefined ? [] : [[name, value]]
  })
  const filter = async (list: string): Promise<string | null> => {
    const message = parsed(list)
    // An error, or a notification before the answer, lists nothing. Anything else is the filter's to read, or to refuse.
    if (isObject(message) && ("error" in message || "method" in message) && !("result" in message)) return list
    const response = await fetch(new URL("/v1/tools/filter", origin), {
      method: "POST",
      headers: {
        ...Object.fromEntries(own),
        "Content-Type": "application/json",
        "X-Narrowgate-Filter-Key": key,
        "X-Narrowgate-Server": server,
      },
      body: list,
    })
    return response.status === 200 ? response.text() : null
  }
  const type = answer.headers["content-type"] ?? ""
  if (type.includes("json")) return filter(await text(answer))
  if (!type.includes("event-stream")) return null
  const events: string[] = []
  answer.setEncoding("utf8")
  for await (const data of messagesIn(answer)) {
    const list = data === "" ? data : await filter(data)
    if (list === null) return null
    // Each line of it is a line of the event.
    events.push(`event: message\ndata: ${list.replaceAll("\n", "\ndata: ")}\n\n`)
  }
  return events.join("")
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
