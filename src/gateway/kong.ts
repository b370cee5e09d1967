/**
 * Kong's OPA plugin: a POST of a document about the client's request, answered by 200 and a document, whatever the
 * verdict. Kong tells the path with its escapes and dot segments resolved, and the query as a table: a name that is
 * there twice is an array, one without a value is `true`. Of arguments and of headers it tells the first hundred, and
 * sends all of them on.
 * Source: Kong documentation, "OPA plugin", input format and expected responses.
 */
import { z } from "zod"
import { boundedText } from "../bounded-text.ts"
import { deny, isDenied, type Denied } from "../decision.ts"
import { parseJson } from "../json.ts"
import type { Dialect } from "./dialect.ts"
import { readForwarded } from "./forwarded.ts"

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
        body: z.string().default(""),
      }),
    }),
  }),
})
type Http = z.output<typeof questionSchema>["input"]["request"]["http"]

/** A body of a call at most (present.ts), each of whose bytes may be an escape of six here, and what else is told. */
const MAX_QUESTION_BYTES = 7 * 1_048_576

export const kong: Dialect = {
  endpoint: "/authz/forward",
  async unwrap(question) {
    const http = await httpOf(question)
    return isDenied(http) ? http : requestOf(http)
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

/** As many might be all that were told of more. */
const TOO_MANY = 100

const unreadable = (what: string): Denied => deny({ reason: "target_ambiguous", what })

async function httpOf(question: Request): Promise<Http | Denied> {
  const text = await boundedText(question, MAX_QUESTION_BYTES)
  const parsed = text === null ? unreadable("the question is too long or not UTF-8") : parseJson(text)
  if (isDenied(parsed)) return parsed
  const read = questionSchema.safeParse(parsed.json)
  if (!read.success) return unreadable("the question is not what Kong's OPA plugin asks")
  const { http } = read.data.input.request
  const isWhole = [http.headers, http.querystring].every((told) => Object.values(told).flat().length < TOO_MANY)
  return isWhole ? http : unreadable("it has a hundred headers or query arguments, and may have more")
}

function requestOf({ method, host, path, querystring, headers: told, body }: Http): Request | Denied {
  try {
    const headers = new Headers()
    for (const [name, value] of Object.entries(told)) for (const one of [value].flat()) headers.append(name, one)
    // It has been unpacked to be told; what it was in does not matter any more.
    headers.delete("content-length")
    headers.set("X-Forwarded-Method", method)
    headers.set("X-Forwarded-Uri", path + queryOf(querystring))
    headers.set("X-Forwarded-Host", host)
    return new Request(HERE, { method: "POST", headers, body })
  } catch (error) {
    if (error instanceof TypeError) return unreadable("no HTTP request can be so")
    throw error
  }
}

const HERE = "https://kong.invalid/"

function queryOf(table: Http["querystring"]): string {
  const pairs = Object.entries(table).flatMap(([name, value]) =>
    [value].flat().map((one) => [name, ...(one === true ? [] : [one])].map(encodeURIComponent).join("=")),
  )
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`
}
