/** The door to managing: each request is itself a recorded decision (DESIGN §5). */
import type { Context } from "hono"
import { recordAtEdge } from "../audit/edge-recorder.ts"
import { recordOf, type DecisionRecord } from "../core/record/record.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { newId } from "../platform/new-id.ts"
import { rawTarget } from "../platform/raw-target.ts"
import { bundleFor, requestContext, type RequestContext } from "../request-context.ts"
import { identityOf } from "./identity.ts"
import type { ApiResult, RecordStart } from "./outcome.ts"

type Work = (request: Request, bundle: Bundle, context: RequestContext, known: RecordStart) => Promise<ApiResult>

export async function manage(
  c: Context<{ Bindings: Env }>,
  kind: "approval" | "end" | "management",
  work: Work,
): Promise<Response> {
  const context = requestContext(c.env, (promise) => c.executionCtx.waitUntil(promise))
  const id = newId("dec", context.receivedAt)
  const bundle = await bundleFor(context)
  const [path = null] = rawTarget(c.req.raw).split("?", 1)
  const { method } = c.req
  const known = { id, at: context.receivedAt, kind, method, path, bundle: bundle?.pointer ?? null }
  const {
    status,
    body,
    record,
    headers: own = {},
  }: ApiResult = bundle ? await work(c.req.raw, bundle, context, known) : NO_BUNDLE
  if (record) {
    const total_ms = Date.now() - context.receivedAt
    const { token, ...identity } = identityOf(c.req.raw)
    // One that names the agent by itself has been to the ledger.
    const unconfirmed = record.chain === undefined ? token : undefined
    const why = status === 200 ? {} : { denial: whyRefused(status, method) }
    const whole = recordOf({ ...identity, ...why, ...record, ...known, total_ms })
    recordAtEdge(c.env, whole, context.background, unconfirmed)
  }
  const answer = status === 200 || typeof body !== "object" ? body : { ...body, decision_id: id }
  const headers = new Headers({ "Cache-Control": "no-store", "X-Narrowgate-Decision": id })
  if (status !== 200 && record?.code !== undefined) headers.set("X-Narrowgate-Code", record.code)
  if (status === 401) headers.set("WWW-Authenticate", "Bearer")
  if (status === 503) headers.set("Retry-After", "5")
  for (const [name, value] of Object.entries(own)) headers.set(name, value)
  return Response.json(answer, { status, headers })
}

/** What the record of a refusal says that says nothing itself. */
function whyRefused(status: ApiResult["status"], method: string): DecisionRecord["denial"] {
  if (status === 400) return { reason: "request_malformed", what: method === "GET" ? "its query" : "its body or path" }
  return status === 503 ? { reason: "unavailable" } : null
}

const NO_BUNDLE: ApiResult = {
  status: 503,
  body: { error: "unavailable", error_description: "No bundle of policies could be loaded." },
  record: { code: "unavailable", denial: { reason: "bundle_unavailable" } },
}
