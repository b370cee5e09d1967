/**
 * The entry point for Workers that are bound to this one by a service binding: the request that a gateway would make
 * over HTTP, as plain values, and its answer as such. A Worker is a registered gateway like any other, of dialect
 * `worker`, with a key: the binding alone does not say what it stands in front of.
 */
import { WorkerEntrypoint } from "cloudflare:workers"
import * as z from "zod"
import { BODILESS } from "../core/catalog/call-request.ts"
import { filterTools } from "./filter-tools.ts"
import { answerTo, unidentifiedResponse } from "./endpoint.ts"
import { settleCall } from "./settle-call.ts"
import { requestOf, relayHeadersOf, type RelayedRequest } from "./dialects/relayed-request.ts"
import { REQUEST_ID } from "./dialects/worker.ts"
import { answerUnowned } from "../bundles/ownership.ts"
import { isOwned } from "../platform/config.ts"
import { requestContext, type RequestContext } from "../request-context.ts"

const key = z.string()
const headers = z.union([z.record(z.string(), z.string()), z.array(z.tuple([z.string(), z.string()]))])
const body = z.union([z.string(), z.instanceof(Uint8Array<ArrayBuffer>), z.null()])
// A misspelt member must not count as absent: with `Body` the call would have no body.
const callSchema = z
  .strictObject({
    key,
    method: z.string(),
    url: z.string(),
    headers,
    body: body.optional(),
    requestId: z.string().optional(),
  })
  .refine(({ method, body }) => body !== undefined || BODILESS.has(method))
const settlementSchema = z.strictObject({ key, decision: z.string(), task: z.string() })
const listSchema = z.strictObject({ key, server: z.string(), headers, type: z.string().optional(), body })

/**
 * An agent's request, as the Worker received it: `url` absolute, and as it will be sent on; `headers` with everything
 * that the agent sent, `Authorization` and `DPoP` among it, a name that came twice twice; `body` null if the request
 * has none, absent only for GET, HEAD and OPTIONS. `requestId` is the Worker's own, never its client's: if the Worker
 * asks again about a request whose answer it did not get, both count once within 5 s.
 */
export type WorkerCall = z.input<typeof callSchema>
/**
 * A server's answer to `tools/list`, with the headers of the request that it answers. `type` is the answer's
 * `Content-Type`; absent: JSON.
 */
export type WorkerList = z.input<typeof listSchema>

/** What the answer to `authorize` called the call. */
export type WorkerSettlement = z.input<typeof settlementSchema>

export interface WorkerAnswer {
  readonly allowed: boolean
  /** What the agent gets if the call is denied, with these headers and this body. */
  readonly status: number
  /** Identity headers of an allowed call, which the Worker sets over the agent's own. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export class Authorizer extends WorkerEntrypoint<Env> {
  /** Decides whether a call is allowed. */
  async authorize(call: WorkerCall): Promise<WorkerAnswer> {
    const context = await this.#context()
    if (context instanceof Response) return plain(context)
    const read = callSchema.safeParse(call)
    const request = read.success ? questionOf(read.data) : null
    if (!read.success || !request) return malformed(context)
    return plain(await answerTo(request, "/", "rpc", read.data.key, context))
  }

  /** Decides which tools of a list may be called. `body` of an allow is the list. */
  async tools(list: WorkerList): Promise<WorkerAnswer> {
    const context = await this.#context()
    if (context instanceof Response) return plain(context)
    const read = listSchema.safeParse(list)
    const request = read.success ? listOf(read.data) : null
    if (!read.success || !request) return malformed(context)
    return plain(await filterTools(request, read.data.key, context))
  }

  /** A call that was allowed has ended: `X-Narrowgate-Decision` and `X-Narrowgate-Task` of its answer identify it. */
  async settle(call: WorkerSettlement): Promise<WorkerAnswer> {
    const context = await this.#context()
    if (context instanceof Response) return plain(context)
    const read = settlementSchema.safeParse(call)
    if (!read.success) return malformed(context)
    const { key: presented, decision, task } = read.data
    const request = new Request(HERE, { method: "POST", body: JSON.stringify({ task }) })
    return plain(await settleCall(request, decision, presented, context))
  }

  /** Or the answer if it is not known whose the deployment is. */
  async #context(): Promise<RequestContext | Response> {
    const background = (work: Promise<unknown>): void => this.ctx.waitUntil(work)
    return (!isOwned() && (await answerUnowned(this.env, background))) || requestContext(this.env, background)
  }
}

const HERE = "https://rpc.invalid/"

type Headed = Pick<z.output<typeof callSchema>, "headers" | "body">

/**
 * An empty body counts as none: that of a request whose headers announce a body was not passed (dialects/worker.ts).
 */
const relayedRequestOf = ({ headers, body = null }: Headed): RelayedRequest => ({
  headers: Array.isArray(headers) ? headers : Object.entries(headers),
  body: body === null || body.length === 0 ? null : body,
})

function questionOf(call: z.output<typeof callSchema>): Request | null {
  const { method, url, requestId } = call
  const headers = relayHeadersOf(method, url)
  if (!headers) return null
  return requestId === undefined
    ? requestOf(relayedRequestOf(call), headers, [REQUEST_ID])
    : requestOf(relayedRequestOf(call), { ...headers, [REQUEST_ID]: requestId })
}

function listOf(list: z.output<typeof listSchema>): Request | null {
  // These describe the request that the answer belongs to, not the answer.
  const own = { "X-Narrowgate-Server": list.server, "Content-Type": list.type ?? "application/json" }
  return requestOf(relayedRequestOf(list), own, ["Content-Encoding", "Content-Length"])
}

const malformed = async (context: RequestContext): Promise<WorkerAnswer> =>
  plain(unidentifiedResponse({ reason: "target_ambiguous", what: "what the Worker says of it is no request" }, context))

async function plain(response: Response): Promise<WorkerAnswer> {
  const { ok: allowed, status, headers } = response
  return { allowed, status, headers: Object.fromEntries(headers), body: await response.text() }
}
