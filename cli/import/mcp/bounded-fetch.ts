/**
 * `fetch` to one server that may be hostile: bounded in time and bytes over all requests together, never redirected,
 * rejecting what is ambiguous, and with a failure that says what is wrong. The failure is stored as well, because the
 * MCP client wraps what its transport throws.
 */
import { unreachable } from "../../remote/unreachable.ts"
import { EXIT, Failure } from "../../terminal/failure.ts"
import { readBody } from "./read-body.ts"

/** Bytes of all answers together; a list of a thousand tools with long schemas has about two megabytes. */
const MOST_BYTES = 16 * 1024 * 1024

export interface BoundedFetch {
  readonly fetch: (url: string | URL, init?: RequestInit) => Promise<Response>
  readonly signal: AbortSignal
  /** The first failure that `fetch` reported. */
  readonly failure: () => Failure | null
  /** Of the answer to the last message, which is a POST; null if there was none. */
  readonly status: () => number | null
}

export function boundedFetch(server: URL, headers: Readonly<Record<string, string>>, seconds: number): BoundedFetch {
  const deadline = AbortSignal.timeout(seconds * 1000)
  const given = new AbortController()
  const signal = AbortSignal.any([deadline, given.signal])
  let failure: Failure | null = null
  let last: number | null = null
  let bytes = 0
  const fail = (why: Failure): Failure => (failure ??= why)
  const giveUp = (why: Failure): Failure => {
    fail(why)
    given.abort(why)
    return why
  }
  deadline.addEventListener("abort", () => fail(late(server, seconds)), { once: true })

  const count = () =>
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength
        if (bytes <= MOST_BYTES) return controller.enqueue(chunk)
        const why = new Failure(
          `${server.host} has sent more than ${MOST_BYTES / 1024 / 1024} MiB`,
          "No list of tools needs as much: check that the URL is the MCP endpoint's.",
        )
        controller.error(giveUp(why))
      },
    })

  return {
    signal,
    failure: () => failure,
    status: () => last,
    async fetch(url, init) {
      const sent = new Headers(init?.headers)
      for (const [name, value] of Object.entries(headers)) sent.set(name, value)
      const signals = init?.signal ? [signal, init.signal] : [signal]
      const isMessage = init?.method === "POST"
      if (isMessage) last = null
      const options = { ...init, headers: sent, redirect: "manual" as const, signal: AbortSignal.any(signals) }
      const lost = (thrown: unknown): never => {
        if (init?.signal?.aborted && !signal.aborted) throw thrown
        throw fail(signal.aborted ? late(server, seconds) : unreachable(server, thrown))
      }
      const response = await fetch(url, options).catch(lost)
      if (isMessage) last = response.status
      const refused = refusal(server, response, Object.keys(headers).length > 0)
      if (refused) throw fail(refused)
      const { status, statusText, headers: received } = response
      const all = { status, statusText, headers: received }
      const counted = new Response(response.body?.pipeThrough(count()) ?? null, all)
      const body = await readBody(counted, (objection) => giveUp(unreadable(server, objection))).catch(lost)
      return new Response(body, all)
    },
  }
}

/** Without its query, which may contain a key. */
export function shownUrl({ origin, pathname }: URL): string {
  return `${origin}${pathname}`
}

function late(server: URL, seconds: number): Failure {
  return new Failure(
    `${server.host} has not listed its tools within ${seconds} s`,
    "Try again, or give it more time by `--timeout SECONDS`.",
    EXIT.unreachable,
  )
}

function unreadable(server: URL, objection: string): Failure {
  return new Failure(
    `what ${server.host} answers ${objection}`,
    "Clients would read it differently: this is a fault of the server, whose maintainers have to fix it.",
  )
}

/** Failures that no attempt in another protocol version could avoid. */
function refusal(server: URL, { status, headers }: Response, isAuthorized: boolean): Failure | null {
  if (status >= 300 && status < 400 && status !== 304) {
    const to = URL.parse(headers.get("location") ?? "", server)
    return new Failure(
      `${shownUrl(server)} redirects${to ? ` to ${shownUrl(to)}` : ""}`,
      "Name the URL of the endpoint itself: credentials are not sent where a redirect leads.",
    )
  }
  if (status !== 401 && status !== 403 && status !== 407) return null
  return isAuthorized
    ? new Failure(
        `${server.host} does not accept the credentials (HTTP ${status})`,
        "Get fresh ones that may list its tools.",
      )
    : new Failure(
        `${server.host} requires credentials (HTTP ${status})`,
        "Put the whole value (`Bearer …`) into an environment variable and name it: `--header-env 'Authorization: VARIABLE'`.",
      )
}
