/**
 * Cuts a server's answer to a request for a list down to what the agent may call, by `POST /v1/tools/filter`. An answer
 * that cannot be filtered does not reach the client.
 */
import { type IncomingMessage } from "node:http"
import { buffer } from "node:stream/consumers"
import { isObject } from "../../src/core/encoding/json.ts"
import type { Authorizer, OriginalRequest } from "./ask.ts"
import { first, pairs, type Pair } from "./headers.ts"

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
  const carried = (from: readonly Pair[], name: string): [string, string][] => {
    const value = first(from, name)
    return value === undefined ? [] : [[name, value]]
  }
  const body = new Uint8Array(await buffer(answer))
  const response = await fetch(new URL("/v1/tools/filter", origin), {
    method: "POST",
    headers: {
      ...Object.fromEntries([
        ...["authorization", "dpop"].flatMap((name) => carried(headers, name)),
        ...["content-type", "content-encoding"].flatMap((name) => carried(pairs(answer.rawHeaders), name)),
      ]),
      "X-Narrowgate-Filter-Key": key,
      "X-Narrowgate-Server": server,
    },
    body,
  })
  return response.status === 200 ? response.text() : null
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
