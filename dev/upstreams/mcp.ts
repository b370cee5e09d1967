/** An MCP server of the demo over HTTP: passes each message to the library's handler, and stores it. */
import { type IncomingMessage, type ServerResponse, createServer } from "node:http"
import { Readable } from "node:stream"
import { buffer } from "node:stream/consumers"
import { pipeline } from "node:stream/promises"
import { type McpHttpHandler, type McpServer, createMcpHandler } from "@modelcontextprotocol/server"
import { z } from "zod"
import { listen } from "../loopback.ts"
import type { Upstream } from "./everything.ts"
import { type Received, tellingHeaders } from "./received.ts"

export interface McpUpstream extends Upstream {
  /** Every message so far, oldest first. */
  readonly received: () => readonly Received[]
}

const Message = z.object({ method: z.string(), params: z.object({ name: z.string() }).optional().catch(undefined) })

/** Stateless: @param make a server for each message. Port 0: a free one. */
export async function startMcp(port: number, make: () => McpServer): Promise<McpUpstream> {
  const received: Received[] = []
  const mcp = createMcpHandler(make)
  const server = createServer((request, response) => {
    serve(mcp, request, response, received).catch(() => response.destroy())
  })
  const { origin, close } = await listen(server, port)
  return {
    url: `${origin}/mcp`,
    received: () => [...received],
    async close() {
      await mcp.close()
      await close()
    },
  }
}

/** What a tool answers. */
export function say(value: Readonly<Record<string, unknown>>) {
  return { content: [{ type: "text" as const, text: JSON.stringify(value) }] }
}

async function serve(
  mcp: McpHttpHandler,
  request: IncomingMessage,
  response: ServerResponse,
  received: Received[],
): Promise<void> {
  const body = await buffer(request)
  received.push({ ...message(body, request), headers: tellingHeaders(request.headers) })

  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value))
  const gone = new AbortController()
  response.once("close", () => gone.abort())
  const { method = "GET", url = "/" } = request
  const answer = await mcp.fetch(
    new Request(new URL(url, "http://127.0.0.1"), {
      method,
      headers,
      signal: gone.signal,
      ...(method === "GET" || method === "HEAD" ? {} : { body }),
    }),
  )

  response.writeHead(answer.status, [...answer.headers].flat())
  if (answer.body === null) return void response.end()
  await pipeline(Readable.from(answer.body), response)
}

/** A message without a body, such as the GET that opens a stream, is named by its HTTP method. */
function message(body: Buffer, { method = "" }: IncomingMessage): { method: string; name: string } {
  try {
    const parsed = Message.parse(JSON.parse(body.toString()))
    return { method: parsed.method, name: parsed.params?.name ?? "" }
  } catch {
    return { method, name: "" }
  }
}
