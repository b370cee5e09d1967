/**
 * One MCP server as a probe asks it: streamable HTTP, answers as JSON or as an event stream, all that is spent on it
 * bounded. It is not trusted: it may redirect, trickle, never end, or answer with what is no JSON. Source: MCP
 * 2025-03-26 to 2026-07-28, "Transports", "Streamable HTTP".
 */
import { mayBeFetched } from "../credential/fetchable.ts"
import { PROBE_SECRET, type Probe } from "../catalog/mcp-server.ts"
import { isJsonType, isObject } from "../json.ts"

/** In all, so that one server that hangs does not keep the others from being asked. */
const SERVER_MS = 20_000
const REQUEST_MS = 8_000
/** Of all its answers. */
const MAX_BYTES = 4 * 1_048_576

/** Says why in words of ours: what a server or the platform says may hold what was sent. */
export class ProbeFailed extends Error {}

export function whyFailed(error: unknown): string {
  if (error instanceof ProbeFailed) return error.message
  return error instanceof Error ? error.name : "unknown"
}

/** Requests that a run may still make: the platform ends an invocation that makes too many. */
export class Allowance {
  #left: number

  constructor(requests: number) {
    this.#left = requests
  }

  /** All of them or none. */
  take(requests: number): boolean {
    if (this.#left < requests) return false
    this.#left -= requests
    return true
  }
}

export interface Reply {
  readonly status: number
  /** The JSON-RPC answer; null where there is none. */
  readonly message: Readonly<Record<string, unknown>> | null
  /** `Mcp-Session-Id`. */
  readonly session: string | null
}

type Headers = Readonly<Record<string, string>>

export class Endpoint {
  readonly #url: URL
  readonly #own: Headers
  readonly #allowance: Allowance
  readonly #deadline = AbortSignal.timeout(SERVER_MS)
  #bytesLeft = MAX_BYTES
  #asked = 0

  private constructor(url: URL, own: Headers, allowance: Allowance) {
    this.#url = url
    this.#own = own
    this.#allowance = allowance
  }

  /** @param local the local stack: loopback may be reached */
  static of({ url, secret }: Probe, env: object, local: boolean, allowance: Allowance): Endpoint {
    const parsed = URL.parse(url)
    if (!parsed || !mayBeFetched(parsed, local)) throw new ProbeFailed("the URL may not be fetched")
    return new Endpoint(parsed, secret === undefined ? {} : { Authorization: secretIn(env, secret) }, allowance)
  }

  async ask(method: string, params: object, headers: Headers): Promise<Reply> {
    const id = ++this.#asked
    return this.#post({ jsonrpc: "2.0", id, method, params }, id, headers)
  }

  async notify(method: string, headers: Headers): Promise<void> {
    await this.#post({ jsonrpc: "2.0", method }, null, headers)
  }

  /** It makes no difference whether the server does so. */
  async endSession(headers: Headers): Promise<void> {
    try {
      const response = await this.#fetch("DELETE", null, headers)
      await response.body?.cancel()
    } catch {
      // It forgets the session by itself, in time.
    }
  }

  /** @param id null: no answer is expected */
  async #post(body: object, id: number | null, headers: Headers): Promise<Reply> {
    const response = await this.#fetch("POST", JSON.stringify(body), headers)
    const { status } = response
    const session = response.headers.get("mcp-session-id")
    const type = response.headers.get("content-type")
    try {
      if (status >= 300 && status < 400) throw new ProbeFailed("it redirects")
      const isStream = /^text\/event-stream\b/i.test(type ?? "")
      if (id === null || !response.body || !(isStream || isJsonType(type))) return { status, session, message: null }
      const texts = this.#textsOf(response.body)
      const message = isStream ? await fromEvents(texts, id) : answerIn(await whole(texts), status === 200 ? id : null)
      return { status, session, message }
    } finally {
      await response.body?.cancel().catch(() => undefined)
    }
  }

  async #fetch(method: "POST" | "DELETE", body: string | null, headers: Headers): Promise<Response> {
    if (!this.#allowance.take(1)) throw new ProbeFailed("the run has no requests left")
    return fetch(this.#url, {
      method,
      body,
      redirect: "manual",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/json, text/event-stream",
        "User-Agent": "narrowgate-probe",
        ...headers,
        ...this.#own,
      },
      // It ends the body too.
      signal: AbortSignal.any([this.#deadline, AbortSignal.timeout(REQUEST_MS)]),
    })
  }

  async *#textsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false })
    const reader = body.getReader()
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        this.#bytesLeft -= value.byteLength
        if (this.#bytesLeft < 0) throw new ProbeFailed("it says too much")
        yield decoder.decode(value, { stream: true })
      }
    } finally {
      reader.releaseLock()
    }
  }
}

const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]{0,8190}[\x21-\x7e])?$/

function secretIn(env: object, name: string): string {
  const value: unknown = PROBE_SECRET.test(name) ? Reflect.get(env, name) : undefined
  if (typeof value !== "string") throw new ProbeFailed("its secret is not set")
  if (!HEADER_VALUE.test(value)) throw new ProbeFailed("its secret is no value of a header")
  return value
}

async function whole(texts: AsyncIterable<string>): Promise<string> {
  const all: string[] = []
  for await (const text of texts) all.push(text)
  return all.join("")
}

/** WHATWG HTML 9.2.6: the first event that is the answer; what a server says besides is left aside. */
async function fromEvents(texts: AsyncIterable<string>, id: number): Promise<Reply["message"]> {
  let line: string[] = []
  let data: string[] = []
  let held = ""
  for await (const chunk of texts) {
    // Half of a line end is not the end of a line.
    const text = held + chunk
    held = text.endsWith("\r") ? "\r" : ""
    const [first = "", ...others] = text.slice(0, text.length - held.length).split(/\r\n|\n|\r/)
    line.push(first)
    for (const next of others) {
      const ended = line.join("")
      line = [next]
      if (ended.startsWith("data:")) data.push(ended.slice(ended.startsWith("data: ") ? 6 : 5))
      if (ended !== "" || data.length === 0) continue
      const message = answerIn(data.join("\n"), id)
      if (message) return message
      data = []
    }
  }
  return null
}

/**
 * Read as clients read it, numbers that a double cannot hold among it: schemas have such, and a list that is not read
 * protects nobody. What cannot be hashed in the end is not as it was pinned.
 * @param id null: whatever it answers
 */
function answerIn(text: string, id: number | null): Reply["message"] {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return null
  }
  // MCP 2025-03-26 knows batches.
  const messages: readonly unknown[] = Array.isArray(json) ? json : [json]
  const isAnswer = (each: unknown): each is Readonly<Record<string, unknown>> =>
    isObject(each) && (id === null || each["id"] === id) && ("result" in each || "error" in each)
  return messages.find(isAnswer) ?? null
}
