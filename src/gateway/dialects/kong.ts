/**
 * Kong's OPA plugin: a POST of a document about the client's request, answered by 200 and a document, whatever the
 * verdict. Kong tells the path with its escapes and dot segments resolved, and the query as a table: a name that is
 * there twice is an array, one without a value is `true`. Of arguments and of headers it tells the first hundred, and
 * sends all of them on; of a body that it does not hold in memory it tells nothing, and sends it on.
 * Source: Kong documentation, "OPA plugin", input format and expected responses.
 */
import * as z from "zod"
import { boundedText, CALL_BODY_MS } from "../../platform/request-body.ts"
import { BODILESS } from "../../core/catalog/call-request.ts"
import { parseJson } from "../../core/catalog/json-body.ts"
import { deny, isDenied, type Denied } from "../../core/denials/denial.ts"
import type { GatewayDefinition } from "../../core/policy/definition/gateways.ts"
import type { Dialect } from "./dialect.ts"
import { readForwarded } from "./forwarded.ts"
import { announcesBody, linesOf, requestOf } from "./relayed-request.ts"

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

/** A body of a call at most (present.ts), each of whose bytes may be an escape of six here, and what else is told. */
const MAX_QUESTION_BYTES = 7 * 1_048_576

export const kong: Dialect = {
  endpoint: "/authz/forward",
  asks: ({ method, headers }, endpoint) =>
    endpoint === kong.endpoint && method === "POST" && OTHERS.every((name) => !headers.has(name)),
  async unwrap(question, gateway) {
    const http = await httpOf(question)
    if (isDenied(http)) return http
    const what = objectionTo(http, gateway)
    return what === null ? requestFor(http) : unreadable(what)
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

/** Set by gateways of other dialects, which take our 200 for an allow, whatever it says. */
const OTHERS = ["X-Forwarded-Method", "X-Forwarded-Uri", "X-Original-Method", "X-Original-URI", "X-Original-URL"]

/** As many might be all that were told of more. */
const TOO_MANY = 100

const unreadable = (what: string): Denied => deny({ reason: "target_ambiguous", what })

async function httpOf(question: Request): Promise<Http | Denied> {
  const text = await boundedText(question, MAX_QUESTION_BYTES, CALL_BODY_MS)
  const parsed =
    text === null
      ? unreadable(`the question is too long, not UTF-8, or took more than ${CALL_BODY_MS / 1000} s`)
      : parseJson(text)
  if (isDenied(parsed)) return parsed
  const read = questionSchema.safeParse(parsed.json)
  if (!read.success) return unreadable("the question is not what Kong's OPA plugin asks")
  const { http } = read.data.input.request
  const isWhole = [http.headers, http.querystring].every((table) => Object.values(table).flat().length < TOO_MANY)
  return isWhole ? http : unreadable("it has a hundred headers or query arguments, and may have more")
}

/** A header loses blanks at its ends, and of a decoded path what follows a `?` would be a query. */
const PATH = /^\/[\x21-\x3e\x40-\x7e]*$/
/** Decoded, nobody knows whether they were: as they are, some readers end or part an argument there. */
const TREACHEROUS_DECODED = /[;#%\\]/

/** Why what Kong tells could be something else than what it sends on; null: it could not. */
function objectionTo({ method, path, querystring, headers, body }: Http, gateway: GatewayDefinition): string | null {
  if (!PATH.test(path)) return "its path has a byte that is no part of one"
  const query = [...Object.keys(querystring), ...Object.values(querystring).flat()]
  if (query.some((text) => text !== true && TREACHEROUS_DECODED.test(text))) {
    return "its query has, decoded, what some readers take for a delimiter"
  }
  if (!gateway.body || body) return null
  return !announcesBody(linesOf(headers)) && (body === "" || BODILESS.has(method))
    ? null
    : "it has a body that is not told"
}

function requestFor({ method, host, path, querystring, headers, body = "" }: Http): Request | Denied {
  const own = {
    "X-Forwarded-Method": method,
    "X-Forwarded-Uri": path + queryOf(querystring),
    "X-Forwarded-Host": host,
  }
  return requestOf({ headers: linesOf(headers), body }, own) ?? unreadable("no HTTP request can be so")
}

function queryOf(table: Http["querystring"]): string {
  const pairs = Object.entries(table).flatMap(([name, value]) =>
    [value].flat().map((one) => [name, ...(one === true ? [] : [one])].map(encodeURIComponent).join("=")),
  )
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`
}
