/**
 * The door for Workers that are bound to this one by a service binding: what a gateway would ask over HTTP, asked as
 * plain values and answered as such. A Worker is a registered gateway like any other, of the dialect `worker`, with a
 * key: that it is bound says nothing of what it stands before.
 */
import { WorkerEntrypoint } from "cloudflare:workers"
import * as z from "zod"
import { BODILESS } from "../core/catalog/call-request.ts"
import { filterTools } from "./filter-tools.ts"
import { answerTo, refusal } from "./endpoint.ts"
import { settleCall } from "./settle-call.ts"
import { requestOf, said, type RelayedRequest } from "./dialects/relayed-request.ts"
import { REQUEST_ID } from "./dialects/worker.ts"
import { requestContext, type RequestContext } from "../request-context.ts"

const key = z.string()
const headers = z.union([z.record(z.string(), z.string()), z.array(z.tuple([z.string(), z.string()]))])
const body = z.union([z.string(), z.instanceof(Uint8Array<ArrayBuffer>), z.null()])
// What is misspelt must not count as left out: a `Body` would be a call without one.
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
const listSchema = z.strictObject({ key, server: z.string(), headers, body })

/**
 * An agent's request, as the Worker received it: `url` absolute, and as it will be sent on; `headers` with all that the
 * agent sent, `Authorization` and `DPoP` among them, a name that came twice twice; `body` null if the request has none,
 * which may be left out of a GET, HEAD or OPTIONS alone. `requestId`: the Worker's own, never
 * its client's, where it asks again about a request of which it got no answer: within 5 s that counts once.
 */
export type WorkerCall = z.input<typeof callSchema>
/** A server's answer to `tools/list`, with the headers of the request that it answers. */
export type WorkerList = z.input<typeof listSchema>

/** What the answer to `authorize` called the call. */
export type WorkerSettlement = z.input<typeof settlementSchema>

export interface WorkerAnswer {
  readonly allowed: boolean
  /** What the agent is to get where it is not allowed, with these headers and this body. */
  readonly status: number
  /** Where it is allowed: identity headers, which the Worker sets over the agent's own. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export class Authorizer extends WorkerEntrypoint<Env> {
  /** May this call pass? */
  async authorize(call: WorkerCall): Promise<WorkerAnswer> {
    const context = this.#around()
    const read = callSchema.safeParse(call)
    const request = read.success ? questionOf(read.data) : null
    if (!read.success || !request) return malformed(context)
    return plain(await answerTo(request, "/", "rpc", read.data.key, context))
  }

  /** Which tools of this list may be called? `body` of an allow is the list. */
  async tools(list: WorkerList): Promise<WorkerAnswer> {
    const context = this.#around()
    const read = listSchema.safeParse(list)
    const request = read.success ? listOf(read.data) : null
    if (!read.success || !request) return malformed(context)
    return plain(await filterTools(request, read.data.key, context))
  }

  /** A call that it let through has ended: `X-Narrowgate-Decision` and `X-Narrowgate-Task` of the answer say which. */
  async settle(call: WorkerSettlement): Promise<WorkerAnswer> {
    const context = this.#around()
    const read = settlementSchema.safeParse(call)
    if (!read.success) return malformed(context)
    const { key: presented, decision, task } = read.data
    const request = new Request(HERE, { method: "POST", body: JSON.stringify({ task }) })
    return plain(await settleCall(request, decision, presented, context))
  }

  #around(): RequestContext {
    return requestContext(this.env, (work) => this.ctx.waitUntil(work))
  }
}

const HERE = "https://rpc.invalid/"

type Headed = Pick<z.output<typeof callSchema>, "headers" | "body">

/** An empty body is none: that of a request whose headers announce one was not passed (gateway/worker.ts). */
const toldOf = ({ headers, body = null }: Headed): RelayedRequest => ({
  headers: Array.isArray(headers) ? headers : Object.entries(headers),
  body: body === null || body.length === 0 ? null : body,
})

function questionOf(call: z.output<typeof callSchema>): Request | null {
  const { method, url, requestId } = call
  const asked = said(method, url)
  if (!asked) return null
  return requestId === undefined
    ? requestOf(toldOf(call), asked, [REQUEST_ID])
    : requestOf(toldOf(call), { ...asked, [REQUEST_ID]: requestId })
}

function listOf(list: z.output<typeof listSchema>): Request | null {
  // Of the request that it answers; that is not what the answer is.
  const own = { "X-Narrowgate-Server": list.server, "Content-Type": "application/json" }
  return requestOf(toldOf(list), own, ["Content-Encoding", "Content-Length"])
}

const malformed = async (context: RequestContext): Promise<WorkerAnswer> =>
  plain(refusal({ reason: "target_ambiguous", what: "what the Worker says of it is no request" }, context))

async function plain(response: Response): Promise<WorkerAnswer> {
  const { ok: allowed, status, headers } = response
  return { allowed, status, headers: Object.fromEntries(headers), body: await response.text() }
}
