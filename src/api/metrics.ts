/**
 * `GET /metrics`: what a deployment's records add up to, and how it is at the moment, for Prometheus and other readers of
 * its formats. For an operator, by the same checks as any list of decisions; and for a scraper, which has a key of its
 * own, because it cannot renew a token. That key opens nothing else, and its reads are not recorded: they come every few
 * seconds, and show no single call.
 */
import { recordAtEdge } from "../audit/edge-recorder.ts"
import { CONTENT_TYPES, exposition, formatFor } from "../core/metrics/exposition.ts"
import { samplesOf } from "../core/metrics/samples.ts"
import { recordOf } from "../core/record/record.ts"
import { hashOfKey } from "../credentials/api-key.ts"
import { readingOf } from "../export/reading.ts"
import { newId } from "../platform/new-id.ts"
import { bundleFor, type RequestContext } from "../request-context.ts"
import { ERRORS } from "./contract/errors.ts"
import { identityOf } from "./identity.ts"
import { authorizeOperator } from "./operator.ts"
import { errorBody, isApiError, type CallerError } from "./outcome.ts"

const PATH = "/metrics"
const BEARER = /^Bearer +([\x21-\x7e]+)$/i

export async function metrics(request: Request, context: RequestContext): Promise<Response> {
  const id = newId("dec", context.receivedAt)
  if (!isScraper(request, context)) {
    const rejection = await rejectionOf(request, id, context)
    if (rejection) return rejection
  }
  const format = formatFor(request.headers.get("accept"))
  const text = exposition(samplesOf(await readingOf(context)), format)
  return new Response(text, { headers: { "Cache-Control": "no-store", "Content-Type": CONTENT_TYPES[format] } })
}

function isScraper({ headers }: Request, { config }: RequestContext): boolean {
  const [, key = null] = BEARER.exec(headers.get("authorization") ?? "") ?? []
  const hash = hashOfKey(key)
  return hash !== null && config.scrapeKeys.has(hash)
}

/** Records that an operator reads the metrics, or that a caller is rejected; returns the answer to the latter. */
async function rejectionOf(request: Request, id: string, context: RequestContext): Promise<Response | null> {
  const { env, receivedAt: at, background } = context
  const bundle = await bundleFor(context)
  const thing = { area: "decisions", kind: "decision", target: null } as const
  const caller = bundle ? await authorizeOperator(request, "viewer", thing, bundle, context) : NO_BUNDLE
  const { token, ...identity } = identityOf(request)
  const started = { ...identity, id, at, kind: "management", method: "GET", path: PATH } as const
  const outcome = isApiError(caller)
    ? { code: caller.error, denial: caller.denial ?? null, ...caller.record }
    : ({ decision: "allow", code: "ok", ...caller } as const)
  const whole = { ...started, bundle: bundle?.pointer ?? null, ...outcome, total_ms: Date.now() - at }
  recordAtEdge(env, recordOf(whole), background, token)
  return isApiError(caller) ? errorAnswer(caller, id) : null
}

const NO_BUNDLE: CallerError = {
  error: "unavailable",
  description: "No bundle of policies could be loaded.",
  denial: { reason: "bundle_unavailable" },
}

function errorAnswer(failure: CallerError, id: string): Response {
  const { error } = failure
  const { status } = ERRORS[error]
  const headers = new Headers({
    "Cache-Control": "no-store",
    "X-Narrowgate-Code": error,
    "X-Narrowgate-Decision": id,
    ...(status === 401 && { "WWW-Authenticate": "Bearer" }),
    ...(status === 503 && { "Retry-After": "5" }),
  })
  return Response.json(errorBody(failure, id), { status, headers })
}
