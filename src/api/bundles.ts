/**
 * `GET /v1/bundles`, `GET /v1/bundles/:digest`: what was published, by whom and why, and what was in it; for operators.
 */
import { recordAtEdge } from "../audit/edge-recorder.ts"
import { recordOf } from "../core/record/record.ts"
import { authorizeOperator } from "./operator.ts"
import type { ApiResult } from "./outcome.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { bodyKey, withTimeout } from "../bundles/store.ts"
import { type RequestContext } from "../request-context.ts"
import { PUBLICATION_HEADER, publisherOf, readHistoryQuestion } from "../bundles/publication.ts"
import { publications } from "../bundles/publications.ts"
import { newId } from "../platform/new-id.ts"
import { rawTarget } from "../platform/raw-target.ts"

const ALL = { area: "bundles", kind: "bundle", target: null } as const
const MAX_LISTED = 1_000
const DEFAULT_LISTED = 20

/** `deciding`: what the isolate that answers decides by, which a publication reaches within a minute or two. */
export async function listBundles(request: Request, bundle: Bundle, context: RequestContext): Promise<ApiResult> {
  const operator = await authorizeOperator(request, "viewer", ALL, bundle, context)
  if ("status" in operator) return operator
  const asked = Number(new URL(request.url).searchParams.get("limit") ?? DEFAULT_LISTED)
  const limit = Number.isInteger(asked) && asked > 0 ? Math.min(asked, MAX_LISTED) : DEFAULT_LISTED
  const object = publications(context.env)
  const body = { deciding: bundle.pointer, ...(await object.head()), history: await object.list(limit) }
  return { status: 200, body, record: { decision: "allow", code: "ok", ...operator } }
}

/**
 * The same for a publisher, who is known by their key: where what was published lets no operator in any more, somebody
 * must be able to see what to go back to.
 */
export async function listForPublisher(request: Request, question: string, context: RequestContext): Promise<Response> {
  const { env, config, receivedAt: at, background } = context
  const id = newId("dec", at)
  const asked = await readHistoryQuestion(question, config, at)
  const [path = null] = rawTarget(request).split("?", 1)
  const verdict = asked
    ? ({ decision: "allow", code: "ok", operator: publisherOf(asked) } as const)
    : ({ code: "invalid_token", denial: { reason: "operator_rejected", because: null } } as const)
  const known = { id, at, kind: "management", method: request.method, path, total_ms: Date.now() - at } as const
  recordAtEdge(env, recordOf({ ...known, ...verdict }), background)
  const headers = { "Cache-Control": "no-store", "X-Narrowgate-Decision": id }
  if (!asked) {
    const error_description = `${PUBLICATION_HEADER} must hold a question that a publisher's key has signed just now.`
    const body = { error: "invalid_token", error_description, decision_id: id }
    return Response.json(body, { status: 401, headers: { ...headers, "X-Narrowgate-Code": "invalid_token" } })
  }
  const object = publications(env)
  return Response.json({ ...(await object.head()), history: await object.list(MAX_LISTED) }, { headers })
}

/** The body as text: its UTF-8 has the digest. */
export async function showBundle(
  request: Request,
  digest: string,
  bundle: Bundle,
  context: RequestContext,
): Promise<ApiResult> {
  const what = digest.slice(0, 64)
  const operator = await authorizeOperator(request, "viewer", { ...ALL, target: what }, bundle, context)
  if ("status" in operator) return operator
  const body = /^[0-9a-f]{64}$/.test(digest) ? await withTimeout(context.env.BUNDLES.get(bodyKey(digest))) : null
  if (body !== null) {
    return { status: 200, body: { digest, body }, record: { decision: "allow", code: "ok", ...operator } }
  }
  const error = { error: "not_found", error_description: "There is no such bundle." }
  return { status: 404, body: error, record: { code: "not_found", ...operator, denial: { reason: "not_found", what } } }
}
