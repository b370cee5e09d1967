/**
 * HTTP/1.1 by hand: any target, any header twice, any byte. What a client of HTTP would fix or refuse to send arrives
 * as it was meant.
 */
import { connect } from "node:net"

export interface Sent {
  readonly method?: string
  readonly target: string
  /** In order; a `Host` here replaces the usual one. */
  readonly headers?: readonly (readonly [name: string, value: string])[]
  /** Framed by its length, unless a header frames it. */
  readonly body?: string
}

export interface Answer {
  /** 0: none came. */
  readonly status: number
  readonly headers: Headers
  /** One character a byte. */
  readonly body: string
}

/** Longer than any gateway waits for its authorizer. */
const ANSWER_WITHIN_MS = 40_000

export interface Conversation {
  /** Ends it early: on what has come so far, headers and all. */
  readonly until?: (text: string) => boolean
  /** What is said once the answer's head is there. */
  readonly then?: string
}

/** Sent as bytes, one a character. */
export async function send(port: number, sent: Sent, { until, then }: Conversation = {}): Promise<Answer> {
  return new Promise((resolve) => {
    let text = ""
    let saidThen = false
    const socket = connect(port, "127.0.0.1", () => socket.write(Buffer.from(bytesOf(sent), "latin1")))
    const end = (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(read(text))
    }
    const timer = setTimeout(end, ANSWER_WITHIN_MS)
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1")
      if (then !== undefined && !saidThen && text.includes("\r\n\r\n")) {
        saidThen = true
        socket.write(then)
      }
      if (until ? until(text) || isRefusal(text) : isWhole(text, sent.method)) end()
    })
    socket.on("end", end).on("error", end)
  })
}

function bytesOf({ method = "GET", target, headers = [], body = "" }: Sent): string {
  const has = (name: string): boolean => headers.some(([other]) => other.toLowerCase() === name)
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(has("host") ? [] : ["Host: api.example"]),
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(body === "" || has("content-length") || has("transfer-encoding") ? [] : [`Content-Length: ${body.length}`]),
  ]
  return `${lines.join("\r\n")}\r\n\r\n${body}`
}

function read(received: string): Answer & { readonly raw: string } {
  const text = received.replace(/^HTTP\/1\.1 100 [^]*?\r\n\r\n/, "")
  const end = text.indexOf("\r\n\r\n")
  if (end < 0) return { status: 0, headers: new Headers(), body: "", raw: "" }
  const [line = "", ...lines] = text.slice(0, end).split("\r\n")
  const headers = new Headers()
  for (const each of lines) headers.append(each.slice(0, each.indexOf(":")), each.slice(each.indexOf(":") + 1).trim())
  const raw = text.slice(end + 4)
  const body = headers.get("transfer-encoding") === "chunked" ? unchunked(raw) : raw
  return { status: Number(line.split(" ")[1]), headers, body, raw }
}

function unchunked(text: string): string {
  const [start = "", size = "0"] = /^([0-9a-f]+)[^\r]*\r\n/i.exec(text) ?? []
  const length = Number.parseInt(size, 16)
  if (length === 0) return ""
  const end = start.length + length
  return text.slice(start.length, end) + unchunked(text.slice(end + 2))
}

function isWhole(received: string, method?: string): boolean {
  const { status, headers, body, raw } = read(received)
  if (status === 0) return false
  if (method === "HEAD" || status === 204 || status === 304) return true
  if (headers.get("transfer-encoding") === "chunked") return raw.endsWith("0\r\n\r\n")
  const length = headers.get("content-length")
  return length !== null && body.length >= Number(length)
}

function isRefusal(received: string): boolean {
  return read(received).status >= 300 && isWhole(received)
}
