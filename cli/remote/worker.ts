/** Requests to a Narrowgate Worker, as an operator, or as an agent of itself. */
import { isIP } from "node:net"
import { z } from "zod"
import { CONTRACT, pathTo, type EndpointName, type Parameters } from "../../src/api/contract/contract.ts"
import { forbiddenFix } from "../../src/api/contract/forbidden.ts"
import { NDJSON } from "../../src/core/encoding/ndjson.ts"
import { distrusted } from "./unreachable.ts"
import { escaped } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"

/** Of the local stack. */
export const DEFAULT_URL = "http://127.0.0.1:8787"
/**
 * The development identity provider of a local stack listens on the port after its Worker's. A Worker elsewhere has
 * none, so the address is that of the default stack.
 */
export function providerOf(url: string): string {
  const { port } = (isLoopback(url) ? URL.parse(url) : null) ?? { port: "8787" }
  return `http://127.0.0.1:${Number(port) + 1}`
}

const TIMEOUT_MS = 10_000
const STACK_MEND =
  "Start the local stack (`narrowgate dev`), or name the one that runs: --url http://127.0.0.1:PORT, or NARROWGATE_URL; its identity provider is on the next port, or where --idp says."

export interface WorkerOptions {
  /** Origin of the Worker. */
  readonly url: string
  /** Origin of the identity provider. */
  readonly idp: string
}

/** Runs a request to `origin`; if there is no answer, fails with a message in place of a stack trace. */
export async function reach<Value>(origin: string, ask: () => Promise<Value>): Promise<Value> {
  try {
    return await ask()
  } catch (failure) {
    if (failure instanceof Failure) throw failure
    const ofTls = distrusted(new URL(origin), failure)
    if (ofTls) throw ofTls
    // Node's message for a failed connection; its cause is no more readable.
    const failed = failure instanceof TypeError && failure.message === "fetch failed"
    const unreachable = failed || (failure instanceof DOMException && failure.name === "TimeoutError")
    if (unreachable) {
      const fix = isLoopback(origin) ? STACK_MEND : "Check the address and the network."
      throw new Failure(`no answer from ${origin}`, fix, EXIT.unreachable)
    }
    throw new Failure(failure instanceof Error ? failure.message : String(failure), `Look at what ${origin} says.`)
  }
}

interface Input<Name extends EndpointName, Value> {
  readonly parameters: Parameters<Name>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: object
  /** Of the response: the contract's own schema, or one that also reads the response of an earlier version. */
  readonly schema: z.ZodType<Value>
  /** Seconds that the answer may wait for what it is about (RFC 7240, section 4.3). */
  readonly wait?: number
}

/** Sends a request to an endpoint of the management API, as its entry in the contract describes it. */
export async function requestApi<Name extends EndpointName, Value>(
  worker: Pick<WorkerOptions, "url">,
  bearer: string,
  name: Name,
  input: Input<Name, Value>,
): Promise<Value> {
  return (await responseOf(worker, bearer, name, input)).value
}

/** The same, with the headers of the answer. */
export async function responseOf<Name extends EndpointName, Value>(
  worker: Pick<WorkerOptions, "url">,
  bearer: string,
  name: Name,
  { parameters, query, body, schema, wait = 0 }: Input<Name, Value>,
): Promise<{ readonly value: Value; readonly headers: Headers }> {
  return reach(worker.url, async () => {
    const signal = AbortSignal.timeout(TIMEOUT_MS + wait * 1000)
    const response = await send(worker, bearer, name, { parameters, query, body, wait, signal })
    const parsed = schema.safeParse(await response.json().catch(() => undefined))
    if (parsed.success) return { value: parsed.data, headers: response.headers }
    throw new Failure(
      `${worker.url} answered in another shape than expected`,
      "Check that `--url` is a Narrowgate Worker of this version.",
    )
  })
}

/** The answer of an endpoint whose answers are lines, as it comes: only its beginning has a time. */
export async function readApi<Name extends EndpointName>(
  worker: Pick<WorkerOptions, "url">,
  bearer: string,
  name: Name,
  input: Pick<Input<Name, never>, "parameters" | "query">,
): Promise<AsyncIterable<Uint8Array>> {
  return reach(worker.url, async () => {
    const late = new AbortController()
    const timeout = setTimeout(() => late.abort(new DOMException("late", "TimeoutError")), TIMEOUT_MS)
    try {
      const { body } = await send(worker, bearer, name, { ...input, wait: 0, signal: late.signal })
      return body ?? new ReadableStream()
    } finally {
      clearTimeout(timeout)
    }
  })
}

interface Sending<Name extends EndpointName> {
  readonly parameters: Parameters<Name>
  readonly query?: Readonly<Record<string, string>> | undefined
  readonly body?: object | undefined
  readonly wait: number
  readonly signal: AbortSignal
}

async function send<Name extends EndpointName>(
  { url }: Pick<WorkerOptions, "url">,
  bearer: string,
  name: Name,
  { parameters, query, body, wait, signal }: Sending<Name>,
): Promise<Response> {
  requireTls(url)
  const prefer = wait === 0 ? {} : { prefer: `wait=${wait}` }
  const accept = "isLines" in CONTRACT[name] ? NDJSON : "application/json"
  const response = await fetch(new URL(pathTo(name, parameters, query), url), {
    method: CONTRACT[name].method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { authorization: `Bearer ${bearer}`, accept, ...prefer },
    redirect: "error",
    signal,
  })
  if (!response.ok) throw await refusalOf(response)
  return response
}

async function refusalOf(response: Response): Promise<Failure> {
  const fixes: Readonly<Record<number, string>> = {
    401: "Get a fresh token: an operator's has the Worker as its audience; an agent's ends with its task.",
    404: "Check the id: nothing has it, or no longer.",
    413: "Send less.",
    429: "Wait, and try again later.",
    503: "Try again: until it is answered, it is not certain that anything was done.",
  }
  const { status } = response
  const text = (await response.text()).trim()
  const failure = failureBody.safeParse(parsedOrNull(text)).data
  // A Narrowgate Worker's message, and the id of its record; the whole answer of any other server.
  const body = escaped(failure ? describe(failure) : text, 600)
  const ofCaller = status >= 400 && status < 500
  const ofReason = failure?.reason === undefined ? undefined : forbiddenFix(failure.reason)
  const fix =
    ofReason ?? fixes[status] ?? (ofCaller ? "Correct the request as the answer says." : "Look at the Worker's log.")
  return new Failure(`${new URL(response.url).pathname} answered ${status} ${body}`, fix)
}

function describe({ error, error_description: words, nearest = [], decision_id: id }: Refusal): string {
  const near = nearest.length === 0 ? "" : ` Did you mean ${nearest.map((name) => `\`${name}\``).join(", ")}?`
  return `${error}: ${words}${near}${id === undefined ? "" : ` (${id})`}`
}

const failureBody = z.object({
  error: z.string(),
  error_description: z.string(),
  nearest: z.array(z.string()).optional(),
  decision_id: z.string().optional(),
  reason: z.string().optional(),
})
type Refusal = z.infer<typeof failureBody>

export function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Anyone on the network reads a token without TLS: plain http is for this machine only. */
export function requireTls(url: string): void {
  if (mayCarrySecrets(url)) return
  const fix = "Write an https URL; http is for this machine alone, such as http://127.0.0.1:8787."
  throw new Failure(`--url cannot be ${url}: a token would be sent unencrypted`, fix, EXIT.usage)
}

/** Nobody else reads traffic on loopback. */
export function mayCarrySecrets(url: string): boolean {
  const protocol = URL.parse(url)?.protocol
  return protocol === "https:" || (protocol === "http:" && isLoopback(url))
}

export function isLoopback(url: string): boolean {
  const host = URL.parse(url)?.hostname.replace(/^\[|\]$/gu, "") ?? ""
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."))
}
