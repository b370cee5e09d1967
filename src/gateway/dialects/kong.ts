/**
 * Kong's OPA plugin sends a POST with a document about the client's request, and expects 200 and a document, whatever
 * the decision. Kong resolves the escapes and dot segments of the path, and sends the query as a table: a name that
 * occurs twice has an array, one without a value has `true`. The document holds the first hundred arguments and the
 * first hundred headers, but Kong forwards all of them. It omits a body that Kong does not hold in memory, but Kong
 * forwards that too. Source: Kong documentation, "OPA plugin", input format and expected responses.
 */
import * as z from "zod"
import { boundedText, CALL_BODY_MS } from "../../platform/request-body.ts"
import { BODILESS } from "../../core/catalog/call-request.ts"
import { parseJson } from "../../core/catalog/json-body.ts"
import { deny, isDenied, type Denied } from "../../core/denials/denial.ts"
import type { GatewayDefinition } from "../../core/policy/definition/gateways.ts"
import type { Dialect } from "./dialect.ts"
import { readForwarded } from "./forwarded.ts"
import { announcesBody, linesOf, nearestTrace, requestOf } from "./relayed-request.ts"

const texts = z.union([z.string(), z.array(z.string())])
const questionSchema = z.object({
  input: z.object({
    request: z.object({
      http: z.object({
        method: z.string(),
        host: z.string(),
        path: z.string(),
        querystring: z.record(z.string(), z.union([texts, z.literal(true)])).default({}),
        headers: z.record(z.string(), texts),
        body: z.string().optional(),
      }),
    }),
  }),
})
type Http = z.output<typeof questionSchema>["input"]["request"]["http"]

/**
 * The longest body of a call (present.ts), each byte of which may be an escape of six bytes here, and room for the rest
 * of the document.
 */
const MAX_QUESTION_BYTES = 7 * 1_048_576

export const kong: Dialect = {
  endpoint: "/authz/forward",
  isDecisionRequest: ({ method, headers }, endpoint) =>
    endpoint === kong.endpoint && method === "POST" && OTHERS.every((name) => !headers.has(name)),
  async unwrap(question, gateway) {
    const http = await httpOf(question)
    if (isDenied(http)) return http
    const what = objectionTo(http, gateway)
    return what === null ? requestFor(http, nearestTrace(question.headers)) : unreadable(what)
  },
  read: readForwarded,
  status: (status) => status,
  async wrap(answer) {
    const { status } = answer
    const headers = Object.fromEntries(answer.headers)
    const allow = status === 200
    const message: unknown = allow ? undefined : await answer.json()
    return Response.json(
      { result: allow ? { allow, headers } : { allow, status, headers, message } },
      { headers: { "Cache-Control": "no-store" } },
    )
  },
}

/** Gateways of other dialects set these headers, and take a 200 for an allow whatever the document says. */
const OTHERS = ["X-Forwarded-Method", "X-Forwarded-Uri", "X-Original-Method", "X-Original-URI", "X-Original-URL"]

/** A table of this size may be the beginning of a longer one. */
const TOO_MANY = 100

const unreadable = (what: string): Denied => deny({ reason: "target_ambiguous", what })

async function httpOf(question: Request): Promise<Http | Denied> {
  const text = await boundedText(question, MAX_QUESTION_BYTES, CALL_BODY_MS)
  const parsed =
    text === null
      ? unreadable(`the document is too long, not UTF-8, or took more than ${CALL_BODY_MS / 1000} s`)
      : parseJson(text)
  if (isDenied(parsed)) return parsed
  const read = questionSchema.safeParse(parsed.json)
  if (!read.success) return unreadable("the document is not what Kong's OPA plugin sends")
  const { http } = read.data.input.request
  const isWhole = [http.headers, http.querystring].every((table) => Object.values(table).flat().length < TOO_MANY)
  return isWhole ? http : unreadable("it has a hundred headers or query arguments, and may have more")
}

/** A header loses the blanks at its ends; and what follows a `?` in a decoded path would be read as a query. */
const PATH = /^\/[\x21-\x3e\x40-\x7e]*$/
/**
 * Nobody knows whether these characters were encoded; if they were not, some readers end or split an argument at them.
 */
const TREACHEROUS_DECODED = /[;#%\\]/

/** Says why the request that Kong forwards could differ from its document; null if it could not. */
function objectionTo({ method, path, querystring, headers, body }: Http, gateway: GatewayDefinition): string | null {
  if (!PATH.test(path)) return "its path has a byte that is no part of one"
  const query = [...Object.keys(querystring), ...Object.values(querystring).flat()]
  if (query.some((text) => text !== true && TREACHEROUS_DECODED.test(text))) {
    return "its decoded query has a character that some readers take for a delimiter"
  }
  if (!gateway.body || body) return null
  return !announcesBody(linesOf(headers)) && (body === "" || BODILESS.has(method))
    ? null
    : "it has a body that the gateway does not relay"
}

function requestFor(
  { method, host, path, querystring, headers, body = "" }: Http,
  trace: Readonly<Record<string, string>>,
): Request | Denied {
  const own = {
    ...trace,
    "X-Forwarded-Method": method,
    "X-Forwarded-Uri": path + queryOf(querystring),
    "X-Forwarded-Host": host,
  }
  // An empty one would get a Content-Type of its own, which says that there is a body.
  return (
    requestOf({ headers: linesOf(headers), body: body === "" ? null : body }, own) ??
    unreadable("no HTTP request can carry it")
  )
}

function queryOf(table: Http["querystring"]): string {
  const pairs = Object.entries(table).flatMap(([name, value]) =>
    [value].flat().map((one) => [name, ...(one === true ? [] : [one])].map(encodeURIComponent).join("=")),
  )
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`
}
