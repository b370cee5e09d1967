/**
 * Routes of the management API. The contract names who may use each endpoint and which input it takes; every request is
 * itself a recorded decision, so that operators are as accountable as agents are.
 */
import type { Context, Hono } from "hono"
import { recordAtEdge } from "../audit/edge-recorder.ts"
import { recordOf, type DecisionRecord } from "../core/record/record.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { PUBLICATION_HEADER } from "../bundles/publication.ts"
import { faultIn, isBodyError, readBody } from "../platform/json-body.ts"
import { newId } from "../platform/new-id.ts"
import { rawTarget } from "../platform/raw-target.ts"
import { bundleFor, requestContext } from "../request-context.ts"
import { callerOf, permitAfterBody, type Caller, type Incoming } from "./caller.ts"
import { CONTRACT, ENDPOINT_NAMES, type EndpointName } from "./contract/contract.ts"
import type { Access, Endpoint } from "./contract/endpoint.ts"
import { ERRORS } from "./contract/errors.ts"
import { NDJSON } from "../core/encoding/ndjson.ts"
import { isParameter, PARAMETERS, type Parameter } from "./contract/parameters.ts"
import { HANDLERS } from "./handlers.ts"
import { identityOf } from "./identity.ts"
import { isAgents } from "./task-caller.ts"
import { errorBody, isApiError, type ApiAnswer, type ApiError, type RecordStart } from "./outcome.ts"

type HttpContext = Context<{ Bindings: Env }>

export function addManagementRoutes(app: Hono<{ Bindings: Env }>): void {
  for (const name of ENDPOINT_NAMES) {
    const { method, path, access } = CONTRACT[name]
    app.on(method, path, async (c, next) => (isOtherEndpoint(access, c) ? next() : manage(name, c)))
  }
}

/**
 * A request for the history without a publisher's header is an operator's, whose endpoint has the same path; one for an
 * approval without an agent's credential is a person's.
 */
function isOtherEndpoint(access: Access, { req, env, executionCtx }: HttpContext): boolean {
  if (access.by === "agent") {
    return !isAgents(
      req.raw,
      requestContext(env, (promise) => executionCtx.waitUntil(promise)),
    )
  }
  return access.by === "publisher" && access.statement === "history" && req.header(PUBLICATION_HEADER) === undefined
}

type Result = ApiAnswer<unknown> | ApiError
interface HandledRequest {
  readonly result: Result
  /** Null if the caller is not authenticated, or the result's own record names them. */
  readonly caller: Caller | null
}

async function manage(name: EndpointName, c: HttpContext): Promise<Response> {
  const endpoint: Endpoint = CONTRACT[name]
  const context = requestContext(c.env, (promise) => c.executionCtx.waitUntil(promise))
  const id = newId("dec", context.receivedAt)
  const [path = null] = rawTarget(c.req.raw).split("?", 1)
  const { method } = c.req
  const incoming = { request: c.req.raw, parameters: c.req.param(), context }
  // A publisher needs no bundle, because the first bundle arrives in this way.
  const bundle = endpoint.access.by === "publisher" ? null : await bundleFor(context)
  const started = { id, at: context.receivedAt, kind: endpoint.record, method, path, bundle: bundle?.pointer ?? null }
  const { result, caller } = await outcomeOf(name, endpoint, incoming, bundle, started)
  const record = recordFor(result, endpoint)
  if (record) {
    const total_ms = Date.now() - context.receivedAt
    const { token, ...identity } = identityOf(c.req.raw)
    // A record that names an agent itself comes from a request whose token the ledger has verified.
    const unconfirmed = record.chain === undefined ? token : undefined
    const whole = recordOf({ ...identity, ...started, ...caller?.record, ...record, total_ms })
    recordAtEdge(c.env, whole, context.background, unconfirmed)
  }
  return respond(result, endpoint, id)
}

/** Authenticates the caller first, so that the record of every later error names them. */
async function outcomeOf(
  name: EndpointName,
  endpoint: Endpoint,
  incoming: Incoming,
  bundle: Bundle | null,
  started: RecordStart,
): Promise<HandledRequest> {
  const { access } = endpoint
  const found = await callerOf(endpoint, incoming, bundle)
  if (isApiError(found)) return { result: found, caller: null }
  const query = readQuery(endpoint, incoming.request)
  const unread = { record: recordOfPath(incoming.parameters) }
  if (isApiError(query)) return { result: { ...query, ...unread }, caller: found }
  const body = found.ignoresBody ? { body: {} } : await readBodyOf(endpoint, incoming.request)
  if (isApiError(body)) return { result: { ...body, ...unread }, caller: found }
  const caller = bundle ? permitAfterBody(found, access, body.body, bundle) : found
  if (isApiError(caller)) return { result: caller, caller: null }
  if (!caller.who) throw new Error("policy was not asked")
  const input = { ...incoming, ...query, ...body, caller: caller.who, bundle, started }
  const handler: (input: never) => Promise<Result> = HANDLERS[name]
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what this very entry says has read it and found the caller
  return { result: await handler(input as never), caller }
}

/** What the record says of a request whose query or body cannot be read: the things that its path names. */
function recordOfPath(values: Incoming["parameters"]): Partial<DecisionRecord> {
  const named = Object.entries(values).filter((entry): entry is [Parameter, string] => isParameter(entry[0]))
  const { task, ...others } = Object.fromEntries(
    named.map(([name, value]) => [name, value.slice(0, PARAMETERS[name].length)]),
  )
  return { ...(task !== undefined && { task }), arguments: others }
}

function readQuery({ query }: Endpoint, { url }: Request): { readonly query: object | null } | ApiError {
  if (!query) return { query: null }
  const read = query().safeParse(Object.fromEntries(new URL(url).searchParams))
  if (read.success) return { query: read.data }
  return { error: "invalid_request", description: faultIn(read.error, "The query") }
}

async function readBodyOf({ body }: Endpoint, request: Request): Promise<{ readonly body: object } | ApiError> {
  if (!body || body.isRaw) return { body: {} }
  const read = await readBody(request, body.schema(), body.maxBytes, body.isOptional)
  if (!isBodyError(read)) return { body: read }
  return {
    error: "invalid_request",
    description: body.usage === undefined ? read.wrong : `${read.wrong} ${body.usage}`,
  }
}

/** Returns null if the ledger writes the record, or the request continues one that is recorded. */
function recordFor(result: Result, { method }: Endpoint): Partial<DecisionRecord> | null {
  if (!isApiError(result)) return result.record === null ? null : { decision: "allow", code: "ok", ...result.record }
  const { error: code, denial = denialOf(code, method), record } = result
  return { code, denial, ...record }
}

/** The reason for the record of an error that states none. */
function denialOf(code: ApiError["error"], method: Endpoint["method"]): DecisionRecord["denial"] {
  const { status } = ERRORS[code]
  if (status === 400) return { reason: "request_malformed", what: method === "GET" ? "its query" : "its body or path" }
  return status === 503 ? { reason: "unavailable" } : null
}

function respond(result: Result, { access }: Endpoint, id: string): Response {
  const headers = new Headers({ "Cache-Control": "no-store", "X-Narrowgate-Decision": id })
  if (!isApiError(result)) {
    for (const [name, value] of Object.entries(result.headers ?? {})) headers.set(name, value)
    const { answer } = result
    if (!(answer instanceof ReadableStream)) return Response.json(answer, { headers })
    headers.set("Content-Type", NDJSON)
    return new Response(answer, { headers })
  }
  const { error } = result
  const own = error === "policy_denied" ? {} : result.headers
  const { status } = ERRORS[error]
  headers.set("X-Narrowgate-Code", error)
  if (status === 401 && access.by !== "publisher") headers.set("WWW-Authenticate", "Bearer")
  if (status === 503) headers.set("Retry-After", "5")
  for (const [name, value] of Object.entries(own ?? {})) headers.set(name, value)
  return Response.json(errorBody(result, id), { status, headers })
}
