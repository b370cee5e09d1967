/**
 * HTTP/1.1 by hand over a socket, as an attacker writes it: any header twice, any length, any Host. What `fetch` would
 * fix or refuse to send arrives as it was meant.
 */
import { connect } from "cloudflare:sockets"
import { US } from "../harness/issuers.ts"
import { linesOf } from "../harness/door.ts"

const HOST = new URL(US).host

/** @returns the answer; with the status 0 where the server has hung up without one */
export async function overTheWire(request: Request, port: number): Promise<Response> {
  const body = await request.clone().bytes()
  const socket = connect({ hostname: "127.0.0.1", port })
  const writer = socket.writable.getWriter()
  const writing = (async () => {
    await writer.write(headOf(request, body.byteLength))
    if (body.byteLength > 0) await writer.write(body)
  })()
  // It may answer and hang up before it has read all.
  const received = await Promise.all([allOf(socket.readable), writing.catch(() => undefined)])
  await socket.close().catch(() => undefined)
  return read(received[0])
}

function headOf(request: Request, length: number): Uint8Array {
  const { url, method } = request
  const lines = linesOf(request)
  const host = lines.some(([name]) => name.toLowerCase() === "host") ? [] : [`host: ${HOST}`]
  const sized = length > 0 || method !== "GET" ? [`content-length: ${length}`] : []
  const head = [
    `${method} ${url.slice(url.indexOf("/", "https://".length))} HTTP/1.1`,
    ...host,
    ...lines.filter(([name]) => name.toLowerCase() !== "content-length").map(([name, value]) => `${name}: ${value}`),
    ...sized,
    "connection: close",
  ]
  return new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`)
}

async function allOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  try {
    for await (const chunk of stream) chunks.push(chunk)
  } catch {
    // A connection that is reset has said what it had to say.
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer())
}

function read(bytes: Uint8Array): Response {
  const text = new TextDecoder().decode(bytes)
  const end = text.indexOf("\r\n\r\n")
  const [status = "", ...lines] = text.slice(0, Math.max(0, end)).split("\r\n")
  const headers = new Headers()
  for (const line of lines) {
    const colon = line.indexOf(":")
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  const rest = text.slice(end + 4)
  const body = headers.get("transfer-encoding") === "chunked" ? unchunked(rest) : rest
  const code = Number(/^HTTP\/1\.1 (\d{3})/.exec(status)?.[1] ?? "599")
  return new Response(code === 204 ? null : body, { status: code, headers })
}

/** All that the Worker says is ASCII, so that a byte is a character. */
function unchunked(text: string): string {
  const [, size = "0"] = /^([0-9a-f]+)\r\n/i.exec(text) ?? []
  const length = Number.parseInt(size, 16)
  const start = size.length + 2
  return length === 0 ? "" : text.slice(start, start + length) + unchunked(text.slice(start + length + 2))
}
