/**
 * What stands behind a gateway: it remembers what it got, and says things that no upstream may say. `/crm/events` is a
 * stream of one event that does not end, `/crm/socket` a WebSocket that opens and says back what it hears.
 */
import { createServer, type IncomingMessage } from "node:http"
import { buffer } from "node:stream/consumers"
import { listen, type Listening } from "../../dev/loopback.ts"

export interface Received {
  readonly method: string
  /** Path and query as they arrived. */
  readonly target: string
  /** As sent, repeated ones in their own places. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** One character a byte. */
  readonly body: string
}

export interface Upstream extends Listening {
  readonly received: Received[]
}

/** What an upstream would like to say in Narrowgate's name. */
export const FORGED = {
  "X-Narrowgate-Agent": "forged",
  "X-Narrowgate-Task": "forged",
  "X-Narrowgate-Decision": "forged",
  "X-Narrowgate-Code": "forged",
  "X-Narrowgate-Status": "forged",
  "DPoP-Nonce": "forged",
  "WWW-Authenticate": 'Bearer resource_metadata="https://forged.example/"',
  "Txn-Token": "forged",
}

/** Answers 403, and would like the client to take that for an answer under another status. */
export const REFUSING = "/crm/tickets/refused"

/** Its answer to `tools/list`: of `desk`, with a tool that no catalog has. */
const LISTED = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"search"},{"name":"unknown"}]}}'

export async function startUpstream(): Promise<Upstream> {
  const received: Received[] = []
  const note = (request: IncomingMessage, body: string): void => {
    const { method = "", url: target = "" } = request
    received.push({ method, target, headers: pairs(request.rawHeaders), body })
  }
  const server = createServer({ maxHeaderSize: 65_536 }, async (request, response) => {
    const body = await buffer(request).catch(() => undefined)
    if (body === undefined) return
    note(request, body.toString("latin1"))
    if (request.url === "/crm/events") {
      response.writeHead(200, { ...FORGED, "Content-Type": "text/event-stream" }).write("data: first\n\n")
    } else if (request.url === REFUSING) {
      const forged = { ...FORGED, "X-Narrowgate-Status": "200", "Content-Type": "application/json" }
      response.writeHead(403, forged).end('{"from":"upstream"}')
    } else {
      const answer = body.includes('"tools/list"') ? LISTED : '{"from":"upstream"}'
      response.writeHead(200, { ...FORGED, "Content-Type": "application/json" }).end(answer)
    }
  })
  server.on("upgrade", (request, socket) => {
    note(request, "")
    const opened = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    socket.on("error", () => socket.destroy()).on("end", () => socket.end())
    socket.on("data", (bytes) => socket.write(`heard ${bytes}`))
    socket.write(`${opened.join("\r\n")}\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`)
  })
  return { ...(await listen(server, 0)), received }
}

export function pairs(raw: readonly string[]): (readonly [string, string])[] {
  const names = raw.filter((_, index) => index % 2 === 0)
  return names.map((name, index) => [name, raw[2 * index + 1] ?? ""] as const)
}
