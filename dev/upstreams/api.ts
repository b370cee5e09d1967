/** A small CRM and mail API over HTTP, for routes that are no MCP tools. In memory, and it sends no mail. */
import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import { json } from "node:stream/consumers"
import { listen } from "../loopback.ts"
import type { Upstream } from "./everything.ts"
import { type Received, tellingHeaders } from "./received.ts"

export interface Api extends Upstream {
  /** Every request so far, oldest first. */
  readonly received: () => readonly Received[]
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

interface Route {
  readonly method: string
  readonly path: RegExp
  readonly answer: (id: string, body: unknown) => Answer
}

const ROUTES: readonly Route[] = [
  { method: "GET", path: /^\/crm\/tickets$/, answer: () => ok({ tickets: [ticket("42"), ticket("43")] }) },
  { method: "GET", path: /^\/crm\/tickets\/([\w-]+)$/, answer: (id) => ok(ticket(id)) },
  { method: "POST", path: /^\/crm\/tickets\/([\w-]+)\/replies$/, answer: (id, body) => created({ ticket: id, body }) },
  {
    method: "GET",
    path: /^\/crm\/customers\/([\w-]+)$/,
    answer: (id) => ok({ id, name: "Ada Example", email: "ada@example.com", born: "1990-12-10" }),
  },
  { method: "POST", path: /^\/mail\/messages$/, answer: (_id, body) => created({ body }) },
]

/** Port 0: a free one. */
export async function startApi(options: { readonly port: number }): Promise<Api> {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const { method = "", url = "" } = request
    received.push({ method, name: url, headers: tellingHeaders(request.headers) })
    const path = url.split("?", 1)[0] ?? ""
    const body = method === "POST" ? await json(request).catch(() => undefined) : undefined
    const { status, body: content } = respond(method, path, body)
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(content))
  })
  const { origin, close } = await listen(server, options.port)
  return { url: origin, close, received: () => [...received] }
}

function respond(method: string, path: string, body: unknown): Answer {
  for (const route of ROUTES) {
    const match = route.method === method ? route.path.exec(path) : null
    if (match === null) continue
    if (method === "POST" && body === undefined) return { status: 400, body: { error: "not JSON" } }
    return route.answer(match[1] ?? "", body)
  }
  return { status: 404, body: { error: "no such route" } }
}

function ticket(id: string): Readonly<Record<string, string>> {
  return { id, subject: "The printer is on fire", customer: "c-7", state: "open" }
}

function ok(body: unknown): Answer {
  return { status: 200, body }
}

function created(body: Readonly<Record<string, unknown>>): Answer {
  return { status: 201, body: { id: randomUUID(), ...body } }
}
