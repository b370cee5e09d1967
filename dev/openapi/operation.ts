/** What the description says of one operation (OpenAPI 3.1). */
import { object, oneOf, text, type Schema } from "./schema.ts"

export interface Parameter {
  readonly name: string
  readonly in: "path" | "query" | "header"
  readonly required?: boolean
  readonly description?: string
  readonly schema: Schema
}

interface Content {
  readonly [mediaType: string]: { readonly schema: Schema }
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
  readonly description?: string
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
  "X-Narrowgate-Code": "The code of the error.",
  "X-Narrowgate-Status": "The status of the code, also if the dialect answers with another one.",
  "X-Narrowgate-Agent": "The calling agent.",
  "X-Narrowgate-User": "Issuer and subject, joined by `|`; empty without a user.",
  "X-Narrowgate-Task": "Id of the task.",
  "X-Narrowgate-Purpose": "Purpose of the task.",
  "X-Narrowgate-Tool": "The tool that is called.",
  "Txn-Token": "A Transaction Token if the gateway wants one; else empty.",
  "X-Request-ID": "As it was sent.",
  "WWW-Authenticate": "The challenge.",
  "DPoP-Nonce": "What the next proof must have (RFC 9449, section 8).",
  "Retry-After": "Seconds.",
  "RateLimit-Policy": "draft-ietf-httpapi-ratelimit-headers.",
  RateLimit: "draft-ietf-httpapi-ratelimit-headers.",
  "Content-Language": "Of the description.",
  "Cache-Control": "How long it may be kept.",
  Location: "Where the browser goes.",
} as const
type Header = keyof typeof HEADERS

export function headers(...names: readonly Header[]): NonNullable<Answer["headers"]> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

/** `{error, error_description, decision_id}`. A fault that nobody foresaw has left no record: then there is no id. */
export function errorAnswer(
  status: number,
  codes: readonly string[],
  description: string,
  members: Readonly<Record<string, Schema>> = {},
): Answer {
  const id = status === 503 ? "decision_id?" : "decision_id"
  const schema = object({ error: oneOf(codes), error_description: text(), [id]: text(), ...members })
  const waits = status === 503 || status === 429 ? (["Retry-After"] as const) : []
  const sent = headers("X-Narrowgate-Decision", "X-Narrowgate-Code", ...waits)
  return { description, headers: sent, content: json(schema) }
}
