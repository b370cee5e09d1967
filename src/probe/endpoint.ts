/**
 * One MCP server that the probe sends requests to: streamable HTTP, responses as JSON or as an event stream, everything
 * bounded. It is not trusted: it may redirect, trickle, never end, or respond with something other than JSON. Source:
 * MCP 2025-03-26 to 2026-07-28, "Transports", "Streamable HTTP".
 */
import { mayBeFetched } from "../core/encoding/url.ts"
import { PROBE_SECRET, type Probe } from "../core/catalog/mcp-server.ts"
import { readAnswer } from "../core/catalog/mcp-answer.ts"
import { isJsonType, isObject } from "../core/encoding/json.ts"
import { messagesIn } from "../core/encoding/event-stream.ts"

/** In total, so that one server that hangs does not keep the probe from the others. */
const SERVER_MS = 20_000
const REQUEST_MS = 8_000
/** Of all its responses. Several servers are probed at once, and an isolate has 128 MiB for everything. */
const MAX_BYTES = 2 * 1_048_576
/** Likewise: ten MiB of memory at worst. A list of a thousand tools has about half as many. */
const MAX_PARTS = 100_000

/** Gives the reason in our own words: those of a server or the platform may contain what was sent. */
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
  /** The JSON-RPC response. Null if there is none. */
  readonly message: Readonly<Record<string, unknown>> | null
  /** What made it unreadable, in words that follow "its answer". Null if nothing did. */
  readonly objection: string | null
  /** `Mcp-Session-Id`. */
  readonly session: string | null
}

type ProbeResponse = Pick<Reply, "message" | "objection">
const NOTHING: ProbeResponse = { message: null, objection: null }

type Headers = Readonly<Record<string, string>>

export class Endpoint {
  readonly #url: URL
  readonly #own: Headers
  readonly #allowance: Allowance
  readonly #deadline = AbortSignal.timeout(SERVER_MS)
  #bytesLeft = MAX_BYTES
  #partsLeft = MAX_PARTS
  #requests = 0

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
    const id = ++this.#requests
    return this.#post({ jsonrpc: "2.0", id, method, params }, id, headers)
  }

  async notify(method: string, headers: Headers): Promise<void> {
    await this.#post({ jsonrpc: "2.0", method }, null, headers)
  }

  /** Ends the session; whether the server does so makes no difference. */
  async endSession(headers: Headers): Promise<void> {
    try {
      const response = await this.#fetch("DELETE", null, headers)
      await response.body?.cancel()
    } catch {
      // The server forgets the session by itself, in time.
    }
  }

  /** @param id null: no response is expected */
  async #post(body: object, id: number | null, headers: Headers): Promise<Reply> {
    const response = await this.#fetch("POST", JSON.stringify(body), headers)
    const { status } = response
    const session = response.headers.get("mcp-session-id")
    const type = response.headers.get("content-type")
    try {
      if (status >= 300 && status < 400) throw new ProbeFailed("it redirects")
      const isStream = /^text\/event-stream\b/i.test(type ?? "")
      if (id === null || !response.body || !(isStream || isJsonType(type))) return { status, session, ...NOTHING }
      const texts = this.#textsOf(response.body)
      const reply = isStream
        ? await this.#answerAmong(texts, id)
        : this.#answerIn(await whole(texts), status === 200 ? id : null)
      return { status, session, ...reply }
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
      // The signal also ends the reading of the body.
      signal: AbortSignal.any([this.#deadline, AbortSignal.timeout(REQUEST_MS)]),
    })
  }

  /** The first event that is the response, unless an earlier one cannot be read. */
  async #answerAmong(texts: AsyncIterable<string>, id: number): Promise<ProbeResponse> {
    for await (const data of messagesIn(texts)) {
      const reply = this.#answerIn(data, id)
      if (reply !== NOTHING) return reply
    }
    return NOTHING
  }

  /** @param id null: any response */
  #answerIn(text: string, id: number | null): ProbeResponse {
    const read = readAnswer(text, this.#partsLeft)
    if (!read) return NOTHING
    if ("objection" in read) return { message: null, objection: read.objection }
    this.#partsLeft -= read.parts
    const isAnswer = (each: unknown): each is Readonly<Record<string, unknown>> =>
      isObject(each) && (id === null || each["id"] === id) && ("result" in each || "error" in each)
    const message = read.messages.find(isAnswer)
    return message ? { message, objection: null } : NOTHING
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
