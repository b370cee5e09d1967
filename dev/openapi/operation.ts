/** What the description says of one operation (OpenAPI 3.1). */
import { object, oneOf, text, type Schema } from "./schema.ts"

export interface Parameter {
  readonly name: string
  readonly in: "path" | "query" | "header"
  readonly required?: boolean
  readonly description?: string
  readonly schema: Schema
}

export const inPath = (name: string, description: string): Parameter => ({
  name,
  in: "path",
  required: true,
  description,
  schema: { type: "string" },
})

export interface Content {
  readonly [mediaType: string]: { readonly schema: Schema; readonly example?: unknown }
}

export interface Answer {
  readonly description: string
  readonly headers?: Readonly<Record<string, { readonly $ref: string }>>
  readonly content?: Content
}

export interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly description: string
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required: boolean; readonly content: Content }
  readonly responses: Readonly<Record<string, Answer>>
  /** The Worker takes every method here, and answers as for this one. */
  readonly "x-any-method"?: true
}

export type Method = "get" | "post" | "delete"
export type Paths = Readonly<Record<string, Partial<Readonly<Record<Method, Operation>>>>>

export const json = (schema: Schema): Content => ({ "application/json": { schema } })
export const html: Content = { "text/html": { schema: { type: "string" } } }

/** Headers of answers, by their name. */
export const HEADERS = {
  "X-Narrowgate-Decision": "Id of the decision record.",
  "Preference-Applied": "`wait=N`: the answer comes after a wait (RFC 7240, section 3).",
  "X-Narrowgate-Code": "The code of the error.",
  "X-Narrowgate-Status":
    "The status that the client is to get: that of the code, also if the dialect answers with another one; for a body that an MCP client takes for its server's, 200, and 202 without one.",
  "X-Narrowgate-Agent": "The calling agent.",
  "X-Narrowgate-User": "Issuer and subject, joined by `|`; empty without a user.",
  "X-Narrowgate-Task": "Id of the task.",
  "X-Narrowgate-Purpose": "Purpose of the task.",
  "X-Narrowgate-Tool": "The tool that is called.",
  "X-Narrowgate-List":
    "If the gateway's entry has `filters_lists` and the call requests a list of an MCP server: the name of that server, whose answer the gateway posts to `/v1/tools/filter`. It is not for the upstream.",
  "Txn-Token": "A Transaction Token if the gateway wants one; else empty.",
  traceparent:
    "W3C Trace Context: the span of the decision, as the parent of what follows; only of a call that is traced.",
  "X-Request-ID": "As it was sent.",
  "WWW-Authenticate": "The challenge.",
  "DPoP-Nonce": "What the next proof must have (RFC 9449, section 8).",
  "Retry-After": "Seconds.",
  "RateLimit-Policy": "draft-ietf-httpapi-ratelimit-headers.",
  RateLimit: "draft-ietf-httpapi-ratelimit-headers.",
  "Content-Language": "Of the description.",
  "Cache-Control": "How long it may be kept.",
  Location: "Where the browser goes.",
  "Referrer-Policy": "What the client learns of the address that sends it the browser.",
} as const
type Header = keyof typeof HEADERS
/** A header whose name ends in `?` may be absent. */
type Named = Header | `${Header}?`

/** Ends the name of a header that may be absent. */
export const OPTIONAL = ".optional"

export function headers(...names: readonly Named[]): NonNullable<Answer["headers"]> {
  return Object.fromEntries(
    names.map((name) => [name.replace("?", ""), { $ref: `#/components/headers/${name.replace("?", OPTIONAL)}` }]),
  )
}

/** Each of them as it is used: one that is there every time, and one that may be absent. */
export function headerComponents(uses: string): Readonly<Record<string, Schema>> {
  const all = Object.entries(HEADERS).flatMap(([name, description]): (readonly [string, Schema])[] => {
    const header = { description, schema: name === "Retry-After" ? { type: "integer" } : { type: "string" } }
    return [
      [name, { ...header, required: true }],
      [name + OPTIONAL, header],
    ]
  })
  return Object.fromEntries(all.filter(([name]) => uses.includes(`"#/components/headers/${name}"`)))
}

export interface Besides {
  readonly members?: Readonly<Record<string, Schema>>
  readonly headers?: readonly Named[]
}

/** `{error, error_description, decision_id}`. A fault that nobody foresaw has left no record: then there is no id. */
export function errorAnswer(
  status: number,
  codes: readonly string[],
  description: string,
  besides: Besides = {},
): Answer {
  const id = status === 503 ? "decision_id?" : "decision_id"
  const schema = object({ error: oneOf(codes), error_description: text(), [id]: text(), ...besides.members })
  const recorded =
    status === 503
      ? (["X-Narrowgate-Decision?", "X-Narrowgate-Code?"] as const)
      : (["X-Narrowgate-Decision", "X-Narrowgate-Code"] as const)
  const waits = status === 503 || status === 429 ? (["Retry-After"] as const) : []
  const sent = headers(...recorded, ...waits, ...(besides.headers ?? []))
  return { description, headers: sent, content: json(schema) }
}

/** A fault that nobody foresaw, where no other 503 is answered. */
export const unforeseen: Answer = {
  description: "An unforeseen fault.",
  headers: headers("Retry-After"),
  content: json(object({ error: { const: "unavailable" }, error_description: text() })),
}
