/**
 * Holds every answer that a test gets, and every request that was granted, against the description of the endpoints
 * (docs/reference/openapi.json): a status, a media type, a header or a member that it does not name is a failure, and so
 * is one that is missing.
 */
import { z } from "zod"
import text from "../../docs/reference/openapi.json" with { type: "text" }

type Schema = Readonly<Record<string, unknown>>

const schema = z.record(z.string(), z.unknown())
const reference = z.strictObject({ $ref: z.string() })
const header = z.object({ required: z.boolean().default(false), schema })
const content = z.record(z.string(), z.object({ schema }))
const answer = z.object({ content: content.optional(), headers: z.record(z.string(), reference).default({}) })
const operation = z.object({
  security: z.array(z.record(z.string(), z.array(z.string()))),
  parameters: z
    .array(z.object({ name: z.string(), in: z.string(), required: z.boolean().default(false), schema }))
    .default([]),
  requestBody: z.object({ required: z.boolean(), content }).optional(),
  responses: z.record(z.string(), z.union([reference, answer])),
  "x-any-method": z.boolean().optional(),
})
type Operation = z.infer<typeof operation>
type Answer = z.infer<typeof answer>

const { paths, components } = z
  .object({
    paths: z.record(z.string(), z.record(z.string(), operation)),
    components: z.object({
      schemas: z.record(z.string(), schema),
      responses: z.record(z.string(), answer),
      headers: z.record(z.string(), header),
      securitySchemes: z.record(z.string(), z.object({ type: z.string(), in: z.string(), name: z.string() }).partial()),
    }),
  })
  .parse(JSON.parse(z.string().parse(text)))

/** The fewest parameters first: `/v1/decisions/rates` is not `/v1/decisions/{decision}`. */
const TEMPLATES = Object.entries(paths)
  .map(([template, operations]) => ({ template, operations, pattern: patternOf(template) }))
  .toSorted((a, b) => a.template.split("{").length - b.template.split("{").length)

function patternOf(template: string): RegExp {
  const parts = template.split(/\{(\w+)\}/g).map((part, index) => {
    if (index % 2 === 0) return part.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
    return part === "path" ? ".*" : "[^/]+"
  })
  return new RegExp(`^${parts.join("")}$`)
}

/** The operation at a path, of which the answers are also those of paths that nobody describes. */
function operationAt(path: string): Operation {
  const own = paths[path]?.["get"]
  if (!own) throw new Error(`${path} is not described`)
  return own
}
const FOR_GATEWAYS = operationAt("/authz/forward")
const NOWHERE = operationAt("/.well-known/oauth-protected-resource/{gateway}")

/** Each operation as `GET /v1/tasks/{task}`; `ALL` for one that any method is answered as. */
export const OPERATIONS = Object.entries(paths).flatMap(([template, operations]) =>
  Object.entries(operations).map(
    ([method, own]) => `${own["x-any-method"] ? "ALL" : method.toUpperCase()} ${template}`,
  ),
)

/** Pages for people are not for programs. */
export const PAGES = /^\/(?:console|sign-in|sign-out)(?:\/|$)/

/** What the description does not allow, in the order in which it happened. */
const found: string[] = []

/** What was found since this was asked last. */
export function undescribed(): readonly string[] {
  return found.splice(0)
}

let looked = 0
/** The Worker's door opens the one that its pages use: an answer that passes both is looked at once. */
const seen = new WeakSet<Response>()

/** How many answers were looked at. */
export function lookedAt(): number {
  return looked
}

type Fetch<Rest extends readonly unknown[]> = (request: Request, ...rest: Rest) => Response | Promise<Response>

/** The same, with each answer looked at. */
export function described<Rest extends readonly unknown[]>(fetch: Fetch<Rest>): Fetch<Rest> {
  return async (request, ...rest) => {
    const described = request.body !== null && operationOf(request).own?.requestBody
    const sent = described ? request.clone() : null
    const response = await fetch(request, ...rest)
    if (seen.has(response)) return response
    seen.add(response)
    looked++
    const problem = await problemIn(request, sent, response).catch(String)
    if (problem !== null)
      found.push(`${request.method} ${new URL(request.url).pathname} ${response.status}: ${problem}`)
    return response
  }
}

async function problemIn(request: Request, sent: Request | null, response: Response): Promise<string | null> {
  const { pathname, searchParams } = new URL(request.url)
  if (PAGES.test(pathname)) return null
  // A browser asks so about a request that is described itself.
  if (request.method === "OPTIONS" && response.status === 204 && FOR_PAGES.every((name) => response.headers.has(name)))
    return null
  const { template, own } = operationOf(request)
  // Whatever a zone makes of its path, a gateway's key opens what is for gateways and nothing else.
  if (request.headers.has("x-narrowgate-key") && !own?.["x-any-method"]) {
    return response.ok ? "a gateway's key opens it" : problemOfAnswer(FOR_GATEWAYS, "a gateway", request, response)
  }
  if (template !== undefined && !own && response.status === 405) {
    const allowed = Object.keys(TEMPLATES.find((each) => each.template === template)?.operations ?? {})
    const stated = (response.headers.get("allow") ?? "").toLowerCase().split(", ")
    const missing = allowed.filter((method) => !stated.includes(method))
    return missing.length === 0 ? null : `its Allow does not say ${missing.join(", ")}`
  }
  if (template === undefined || !own) {
    return response.status === 404
      ? problemOfAnswer(NOWHERE, "nowhere", request, response)
      : "there is no such operation"
  }
  const key = `${template} ${request.method}`
  const answered = await problemOfAnswer(own, key, request, response)
  if (answered !== null || !response.ok) return answered
  return (
    problemOfCredentials(own, request.headers) ??
    problemOfParameters(own, key, searchParams, request.headers) ??
    (await problemOfBody(own, key, sent))
  )
}

function operationOf({ method, url }: Request): { readonly template?: string; readonly own: Operation | null } {
  const { pathname } = new URL(url)
  const found = TEMPLATES.find(({ pattern }) => pattern.test(pathname))
  if (!found) return { own: null }
  const { template, operations } = found
  const own = operations[method === "HEAD" ? "get" : method.toLowerCase()]
  return { template, own: own ?? Object.values(operations).find((each) => each["x-any-method"]) ?? null }
}

async function problemOfAnswer(
  own: Operation,
  key: string,
  request: Request,
  response: Response,
): Promise<string | null> {
  const known = answerTo(own, response.status)
  if (!known) return "the status is not described"
  const type = mediaType(response)
  const missent = problemOfHeaders(known, type, response.headers)
  if (missent !== null) return missent
  if (type === null) {
    const mayBeEmpty = !known.content || own["x-any-method"] || request.method === "HEAD"
    return mayBeEmpty ? null : "a body is described"
  }
  const described = known.content?.[type] ?? known.content?.["*/*"]
  if (!described) return `the media type ${type} is not described`
  // What may be anything need not be JSON.
  if (type !== "application/json" || request.method === "HEAD" || Object.keys(described.schema).length === 0)
    return null
  return problemOfValue(`${key} ${response.status}`, described.schema, await response.clone().json())
}

function answerTo({ responses }: Operation, status: number): Answer | null {
  const known = responses[status]
  if (!known || !("$ref" in known)) return known ?? null
  return components.responses[nameIn(known)] ?? null
}

const nameIn = ({ $ref }: z.infer<typeof reference>): string => $ref.split("/").at(-1) ?? ""

const mediaType = ({ headers }: Request | Response): string | null =>
  headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? null

/** By which pages of other origins may read an answer: test/flow/pages-of-other-origins.test.ts. */
const FOR_PAGES = ["access-control-allow-origin", "access-control-expose-headers"]
/** Headers that the description of an answer need not name: its content's, its time, and what HTTP/1.0 has for `no-store`. */
const UNNAMED = new Set(["content-type", "content-length", "content-encoding", "date", "pragma", ...FOR_PAGES])

function problemOfHeaders(known: Answer, type: string | null, sent: Headers): string | null {
  const described = new Map(Object.entries(known.headers).map(([name, ref]) => [name.toLowerCase(), ref]))
  for (const [name, ref] of described) {
    const { required, schema: own } = components.headers[nameIn(ref)] ?? { required: false, schema: {} }
    const value = sent.get(name)
    if (value === null && required) return `the header ${name} is missing`
    const problem = value === null ? null : problemOfText(`header ${nameIn(ref)}`, own, value)
    if (problem !== null) return `the header ${name}: ${problem}`
  }
  if (!described.has("cache-control") && sent.get("cache-control") !== "no-store") return "it may be stored"
  // A page, and what leads to one, has headers for browsers.
  if (type === "text/html" || described.has("location")) return null
  const undescribed = [...sent.keys()].find(
    (name) => !described.has(name) && !UNNAMED.has(name) && name !== "cache-control",
  )
  return undescribed === undefined ? null : `the header ${undescribed} is not described`
}

/** What is granted is granted to one of those who are described. */
function problemOfCredentials({ security }: Operation, sent: Headers): string | null {
  const isPresented = (scheme: string): boolean => {
    const { type, in: place, name = "" } = components.securitySchemes[scheme] ?? {}
    if (type === "http") return /^(?:Bearer|DPoP) /i.test(sent.get("authorization") ?? "")
    return place === "cookie" ? (sent.get("cookie") ?? "").includes(`${name}=`) : sent.has(name)
  }
  if (security.length === 0) return null
  const isOne = security.some((schemes) => Object.keys(schemes).every(isPresented))
  return isOne ? null : "no credential is presented that is described"
}

function problemOfParameters(own: Operation, key: string, query: URLSearchParams, sent: Headers): string | null {
  for (const { name, in: place, required } of own.parameters) {
    const isMissing = place === "query" ? !query.has(name) : place === "header" && !sent.has(name)
    if (required && isMissing) return `the parameter ${name} is missing`
  }
  // There the query is the call's.
  if (own["x-any-method"]) return null
  const known = own.parameters.filter((each) => each.in === "query")
  for (const [name, value] of query) {
    const parameter = known.find((each) => each.name === name)
    if (!parameter) return `the query parameter ${name} is not described`
    const problem = problemOfText(`${key} ?${name}`, parameter.schema, value)
    if (problem !== null) return `the query parameter ${name}: ${problem}`
  }
  return null
}

/** Of a value in a header or a query, where all that there is is text. */
function problemOfText(key: string, own: Schema, value: string): string | null {
  const isNumber = own["type"] === "integer" || own["type"] === "number"
  return problemOfValue(key, own, isNumber ? Number(value) : value)
}

async function problemOfBody({ requestBody }: Operation, key: string, sent: Request | null): Promise<string | null> {
  if (!requestBody) return null
  const text = sent ? new TextDecoder().decode(await sent.arrayBuffer()) : ""
  for (const [type, { schema: own }] of Object.entries(requestBody.content)) {
    // What may be anything need not be JSON.
    if (!["type", "anyOf", "$ref"].some((keyword) => keyword in own)) return null
    if (text === "") return requestBody.required ? "a body is required" : null
    switch (type) {
      // The Worker asks nobody for a Content-Type of JSON, but where the specification does.
      case "application/json":
        return problemOfValue(`${key} body`, own, JSON.parse(text))
      case "application/x-www-form-urlencoded": {
        const fields = Object.fromEntries(new URLSearchParams(text))
        // Whatever a form has besides is ignored (RFC 6749, section 3.2), which a test shows with this field.
        delete fields["unknown"]
        const closedForm = { ...own, additionalProperties: false }
        return sent && mediaType(sent) === type ? problemOfValue(`${key} body`, closedForm, fields) : `it is no ${type}`
      }
      default:
        return sent && mediaType(sent) === type ? null : `it is no ${type}`
    }
  }
  return null
}

const compiled = new Map<string, z.ZodType>()

function problemOfValue(key: string, schema: Schema, value: unknown): string | null {
  const known = compiled.get(key) ?? compile(schema)
  compiled.set(key, known)
  const { error } = known.safeParse(value)
  return error ? z.prettifyError(error).slice(0, 1_000) : null
}

function compile(schema: Schema): z.ZodType {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the description's own test says that its schemas are some
  return z.fromJSONSchema({ ...z.record(z.string(), z.unknown()).parse(closed(schema)), $defs: DEFINITIONS } as never)
}

/** An object has the members that are named, and no others, unless it says that it is open. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== "object" || schema === null) return schema
  const own = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]))
  if (typeof own["$ref"] === "string") return { $ref: own["$ref"].replace("#/components/schemas/", "#/$defs/") }
  const isClosed = typeof own["properties"] === "object" && !("additionalProperties" in own)
  return isClosed ? { ...own, additionalProperties: false } : own
}
const DEFINITIONS = closed(components.schemas)
