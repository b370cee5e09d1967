/** MCP servers that are up to something, made with the MCP project's own server; and what is no MCP server at all. */
import { createServer, type IncomingMessage, type RequestListener } from "node:http"
import { buffer } from "node:stream/consumers"
import { createMcpHandler, Server, type Tool } from "@modelcontextprotocol/server"
import { listen } from "../../../dev/loopback.ts"
import type { Upstream } from "../../../dev/upstreams.ts"

export interface Page {
  readonly tools: readonly Tool[]
  readonly nextCursor?: string
}

export function tool(name: string, more: Omit<Partial<Tool>, "name"> = {}): Tool {
  return { name, description: `What ${name} does`, inputSchema: { type: "object" }, ...more }
}

/** @param page of the list, by its cursor */
export function startListing(page: (cursor: string | undefined) => Page): Promise<Upstream> {
  const mcp = createMcpHandler(() => {
    const server = new Server({ name: "listing", version: "1" }, { capabilities: { tools: {} } })
    server.setRequestHandler("tools/list", ({ params }) => {
      const { tools, nextCursor } = page(params?.cursor)
      return { tools: [...tools], ...(nextCursor !== undefined && { nextCursor }) }
    })
    return server
  })
  return startRaw(async (request, response) => {
    const headers = new Headers()
    for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value))
    const { method = "GET", url = "/" } = request
    const body = method === "POST" ? { body: await buffer(request) } : {}
    const answer = await mcp.fetch(new Request(new URL(url, "http://127.0.0.1"), { method, headers, ...body }))
    response.writeHead(answer.status, [...answer.headers].flat())
    response.end(await answer.text())
  })
}

/** What a front answers by itself; null: it passes the request on. */
type Answer = (request: IncomingMessage, body: string) => { readonly status: number; readonly text?: string } | null

/** Before an MCP server, as a proxy. @param rewrite what the server answers */
export function startFront(upstream: Upstream, answer: Answer, rewrite = (text: string) => text): Promise<Upstream> {
  return startRaw(async (request, response) => {
    const body = (await buffer(request)).toString()
    const own = answer(request, body)
    if (own) {
      response.writeHead(own.status).end(own.text)
      return
    }
    const headers = new Headers()
    for (const [name, value] of Object.entries(request.headers)) {
      if (!["host", "connection", "content-length"].includes(name)) headers.set(name, String(value))
    }
    const { method = "GET" } = request
    const passed = await fetch(upstream.url, { method, headers, ...(method === "POST" ? { body } : {}) })
    const text = rewrite(await passed.text())
    const isStream = text.startsWith("event:") || text.startsWith("data:")
    const type = isStream ? "text/event-stream" : (passed.headers.get("content-type") ?? "")
    response.writeHead(passed.status, { "content-type": type }).end(text)
  })
}

export async function startRaw(
  listener: (...args: Parameters<RequestListener>) => void | Promise<void>,
): Promise<Upstream> {
  const server = createServer((request, response) => {
    Promise.resolve(listener(request, response)).catch(() => response.destroy())
  })
  const { origin, close } = await listen(server, 0)
  return { url: `${origin}/mcp`, close }
}
