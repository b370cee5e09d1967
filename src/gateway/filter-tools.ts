/**
 * The endpoint for a gateway that removes from a server's list (of tools, resources, their templates, or prompts) what
 * the agent may not call: identify the gateway, find the server, `listTools`, and return the same document with the rest
 * alone. Its key has a header of its own: a request with the header that opens `/authz/` is denied everywhere else
 * (app.ts).
 */
import { boundedBytes, textOf } from "../platform/request-body.ts"
import { EVENT_STREAM, readListAnswer, type ListAnswer } from "../core/catalog/list-answer.ts"
import { deny, isDenied, type Denial, type Denied } from "../core/denials/denial.ts"
import { isJsonType } from "../core/encoding/json.ts"
import { listTools, serverOf } from "./list-tools.ts"
import { logEvent } from "../platform/log.ts"
import { ofGateway, recordEdgeDenial } from "../audit/edge-record.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { newId } from "../platform/new-id.ts"
import type { RequestContext } from "../request-context.ts"
import { isObserved, denialResponse } from "./answer.ts"
import { identifyCaller } from "./endpoint.ts"
import { MAX_BODY_BYTES } from "./present.ts"
import type { IdentifiedGateway } from "./registry.ts"
import { traceIn } from "./trace.ts"

/** @param key that the gateway presented; null: it presented none */
export async function filterTools(request: Request, key: string | null, context: RequestContext): Promise<Response> {
  const identified = await identifyCaller(key, context)
  if (identified instanceof Response) return identified
  const { caller, bundle } = identified
  const brought: Brought = { request, bytes: await boundedBytes(request, MAX_BODY_BYTES), caller }
  try {
    return await filtered(brought, bundle, context)
  } catch (error) {
    logEvent("listing_failed", { gateway: caller.gateway.id, error: String(error) })
    return refuse({ reason: "failed" }, brought, bundle, context)
  }
}

const SERVER_HEADER = "X-Narrowgate-Server"

/** What a registered gateway has sent. */
interface Brought {
  readonly request: Request
  /** Null if the body is too long. */
  readonly bytes: Uint8Array<ArrayBuffer> | null
  readonly caller: IdentifiedGateway
}

async function filtered(brought: Brought, bundle: Bundle, context: RequestContext): Promise<Response> {
  const { request, caller } = brought
  const { headers: sent } = request
  const name = sent.get(SERVER_HEADER)
  if (name === null) return refuse({ reason: "target_missing", header: SERVER_HEADER }, brought, bundle, context)
  const server = serverOf(name, caller.gateway, bundle)
  if (!server) return refuse({ reason: "tool_unknown", called: name }, brought, bundle, context)
  const answer = await readBrought(brought)
  if (isDenied(answer)) return refuse(answer.denied, brought, bundle, context)
  const { list, type } = answer
  // The server's own error lists nothing, so there is nothing to decide.
  if (!list)
    return new Response(
      answer.keeping(() => false),
      { headers: { ...NO_STORE, "Content-Type": type } },
    )
  const [authorization, proof] = [sent.get("authorization"), sent.get("dpop")]
  const trace = traceIn(sent)
  const decision = await listTools({ ...caller, server, authorization, proof, list, trace }, bundle, context)
  const { id, denial, visible } = decision
  // An observing gateway need not hide what it allows anyway.
  const back = isObserved(decision) ? asItCame(id, brought) : null
  if (back) return back
  if (denial)
    return denialResponse(
      denial,
      { ...decision, server, task: null, windows: [], scope: null },
      context.config.issuer,
      request,
      asIs,
    )
  return new Response(
    answer.keeping((key) => visible.has(key)),
    { headers: { "Content-Type": type, ...headersOf(id) } },
  )
}

async function readBrought({ request: { headers }, bytes }: Brought): Promise<ListAnswer | Denied> {
  const encoding = headers.get("content-encoding")
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    return deny({ reason: "body_rejected", what: "it is encoded" })
  }
  const type = headers.get("content-type")
  const isStream = type?.split(";")[0]?.trim().toLowerCase() === EVENT_STREAM
  if (!isStream && !isJsonType(type)) {
    return deny({ reason: "mcp_rejected", what: "its body is not declared as JSON in UTF-8, or as an event stream" })
  }
  const text = bytes && textOf(bytes)
  return text === null
    ? deny({ reason: "body_rejected", what: "it is too long, not UTF-8, or did not come in time" })
    : readListAnswer(text, isStream)
}

const NO_STORE = { "Cache-Control": "no-store" }
const headersOf = (id: string) => ({ ...NO_STORE, "X-Narrowgate-Decision": id })

/** Null if the body is too long. */
function asItCame(id: string, { request, bytes }: Brought): Response | null {
  if (!bytes) return null
  const headers = new Headers(headersOf(id))
  for (const name of ["Content-Type", "Content-Encoding"]) {
    const value = request.headers.get(name)
    if (value !== null) headers.set(name, value)
  }
  return new Response(bytes, { headers, encodeBody: "manual" })
}

/** The gateway itself is the client here: its dialect carries nothing to an agent. */
const asIs = (status: number): number => status

function refuse(denial: Denial, brought: Brought, bundle: Bundle, context: RequestContext): Response {
  const id = newId("dec", context.receivedAt)
  const { gateway } = brought.caller
  const of = { ...ofGateway(gateway, bundle), trace: traceIn(brought.request.headers) }
  recordEdgeDenial(id, "management", denial, of, context)
  const back = isObserved({ gateway, denial }) ? asItCame(id, brought) : null
  return (
    back ??
    denialResponse(
      denial,
      { id, gateway, denial, task: null, windows: [], scope: null },
      context.config.issuer,
      brought.request,
      asIs,
    )
  )
}
