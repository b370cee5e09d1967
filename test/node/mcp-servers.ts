/**
 * MCP servers for the probe to ask, on loopback: real ones of both generations, and one that answers as a test tells
 * it, whatever a hostile server could. Tests run in workerd, so they tell it over HTTP.
 */
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { buffer } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import type { TestProject } from "vitest/node"
import { listen } from "../../dev/loopback.ts"
import { startBilling } from "../../dev/upstreams/billing.ts"
import { startDesk } from "../../dev/upstreams/desk.ts"
import { startEverything } from "../../dev/upstreams/everything.ts"
import type { Asked, Told } from "../harness/mcp-places.ts"

interface Place {
  readonly told: Readonly<Record<string, Told>>
  readonly asked: Asked[]
}

export default async function mcpServers(project: TestProject): Promise<() => Promise<void>> {
  const [desk, billing, everything] = await Promise.all([
    startDesk({ port: 0 }),
    startBilling({ port: 0 }),
    startEverything({ port: 0 }),
  ])
  const places = new Map<string, Place>()
  const server = createServer((request, response) => {
    serve(places, desk.describeSearch, request, response).catch(() => response.destroy())
  })
  const { origin, close } = await listen(server, 0)
  project.provide("mcpServers", { desk: desk.url, billing: billing.url, everything: everything.url, told: origin })
  return async () => {
    await close()
    await everything.close()
    await billing.close()
    await desk.close()
  }
}

async function serve(
  places: Map<string, Place>,
  describeSearch: (description: string | null) => void,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = "", url = "/", headers } = request
  const text = (await buffer(request)).toString()
  if (method === "PUT") {
    if (url === "/desk") describeSearch(JSON.parse(text))
    else places.set(url, { told: JSON.parse(text), asked: [] })
    return void response.end()
  }
  const place = places.get(url)
  if (method === "GET") return void response.end(JSON.stringify(place?.asked ?? []))
  if (!place) return void response.writeHead(404).end()
  const body: { id?: number; method?: string } = text === "" ? {} : JSON.parse(text)
  const version = String(headers["mcp-protocol-version"] ?? "")
  const asked: Asked = { method, rpc: body.method ?? "", version, headers: flat(request), body }
  place.asked.push(asked)
  await tell(place, asked, response)
}

function flat({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}

/** By JSON-RPC method and protocol version, by method, or for everything. A mismatch is a method of its own. */
function toldFor({ told }: Place, { method, rpc, version, headers }: Asked): Told | undefined {
  const differs = headers["mcp-name"] !== undefined
  const kind = method === "DELETE" ? "DELETE" : differs ? "mismatch" : rpc
  return told[`${kind} ${rpc}`] ?? told[`${kind} ${version}`] ?? told[kind] ?? told["*"]
}

async function tell(place: Place, asked: Asked, response: ServerResponse): Promise<void> {
  const told = toldFor(place, asked) ?? { status: 404 }
  const { status = 200, headers = { "content-type": "application/json" }, chunks = [], repeat = 1, delay = 0 } = told
  const count = place.asked.filter((each) => each.rpc === asked.rpc).length
  const filled = (text: string): string =>
    text.replaceAll("$ID", String(asked.body.id ?? null)).replaceAll("$COUNT", String(count))
  if (told.hangs === true) return
  response.writeHead(status, headers)
  const gone = once(response, "close")
  for (let index = 0; index < repeat && !response.destroyed; index++) {
    for (const chunk of chunks) {
      if (delay > 0) await sleep(delay)
      // What nobody reads must not pile up here.
      if (!response.write(filled(chunk))) await Promise.race([once(response, "drain"), gone])
    }
  }
  if (told.open !== true) response.end()
}
