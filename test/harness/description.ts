/**
 * Holds every answer that a test gets, and every request that was granted, against the description of the endpoints
 * (docs/reference/openapi.json): a status, a media type or a member that it does not name is a failure.
 */
import { z } from "zod"
import document from "../../docs/reference/openapi.json"

type Schema = Readonly<Record<string, unknown>>

const content = z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) }))
const answer = z.object({ content: content.optional() })
const operation = z.object({
  parameters: z
    .array(z.object({ name: z.string(), in: z.string(), schema: z.record(z.string(), z.unknown()) }))
    .default([]),
  requestBody: z.object({ required: z.boolean(), content }).optional(),
  responses: z.record(z.string(), z.union([z.object({ $ref: z.string() }), answer])),
  "x-any-method": z.boolean().optional(),
})
type Operation = z.infer<typeof operation>
type Answer = z.infer<typeof answer>

const { paths, components } = z
  .object({
    paths: z.record(z.string(), z.record(z.string(), operation)),
    components: z.object({
      schemas: z.record(z.string(), z.record(z.string(), z.unknown())),
      responses: z.record(z.string(), answer),
    }),
  })
  .parse(document)

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

/** Pages for people are not for programs. */
const PAGES = /^\/(?:console|sign-in|sign-out)(?:\/|$)/

/** What the description does not allow, in the order in which it happened. */
const found: string[] = []

/** What was found since this was asked last. */
export function undescribed(): readonly string[] {
  return found.splice(0)
}

type Fetch<Rest extends readonly unknown[]> = (request: Request, ...rest: Rest) => Response | Promise<Response>

/** The same, with each answer looked at. */
export function described<Rest extends readonly unknown[]>(fetch: Fetch<Rest>): Fetch<Rest> {
  return async (request, ...rest) => {
    const sent = request.body === null ? null : request.clone()
    const response = await fetch(request, ...rest)
    const problem = await problemIn(request, sent, response).catch(String)
    if (problem !== null)
      found.push(`${request.method} ${new URL(request.url).pathname} ${response.status}: ${problem}`)
    return response
  }
}

async function problemIn(request: Request, sent: Request | null, response: Response): Promise<string | null> {
  const { pathname, searchParams } = new URL(request.url)
  if (PAGES.test(pathname)) return null
  const { template, operations = {} } = TEMPLATES.find(({ pattern }) => pattern.test(pathname)) ?? {}
  const own = operationFor(operations, request.method)
  // Whatever a zone makes of its path, a gateway's key opens what is for gateways and nothing else.
  const isOfGateway = request.headers.has("x-narrowgate-key")
  if (isOfGateway && !own?.["x-any-method"]) return response.ok ? "a gateway's key opens it" : null
  if (template === undefined || !own) return response.status === 404 ? null : "there is no such operation"
  const key = `${template} ${request.method}`
  const answered = await problemOfAnswer(own, key, request, response)
  if (answered !== null || !response.ok) return answered
  return problemOfQuery(own, key, searchParams) ?? (await problemOfBody(own, key, sent))
}

function operationFor(operations: Readonly<Record<string, Operation>>, method: string): Operation | null {
  const own = operations[method === "HEAD" ? "get" : method.toLowerCase()]
  return own ?? Object.values(operations).find((each) => each["x-any-method"]) ?? null
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
  if (type === null) {
    const mayBeEmpty = !known.content || own["x-any-method"] || request.method === "HEAD"
    return mayBeEmpty ? null : "a body is described"
  }
  const described = known.content?.[type] ?? known.content?.["*/*"]
  if (!described) return `the media type ${type} is not described`
  if (type !== "application/json" || request.method === "HEAD") return null
  return problemOfValue(`${key} ${response.status}`, described.schema, await response.clone().json())
}

function answerTo({ responses }: Operation, status: number): Answer | null {
  const known = responses[status]
  if (!known || !("$ref" in known)) return known ?? null
  return components.responses[known.$ref.split("/").at(-1) ?? ""] ?? null
}

const mediaType = ({ headers }: Request | Response): string | null =>
  headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? null

/** A query that an operation does not read is nobody's. */
function problemOfQuery(own: Operation, key: string, query: URLSearchParams): string | null {
  const known = own.parameters.filter((each) => each.in === "query")
  if (known.length === 0) return null
  for (const [name, value] of query) {
    const parameter = known.find((each) => each.name === name)
    if (!parameter) return `the query parameter ${name} is not described`
    const isNumber = parameter.schema["type"] === "integer" || parameter.schema["type"] === "number"
    const problem = problemOfValue(`${key} ?${name}`, parameter.schema, isNumber ? Number(value) : value)
    if (problem !== null) return `the query parameter ${name}: ${problem}`
  }
  return null
}

async function problemOfBody({ requestBody }: Operation, key: string, sent: Request | null): Promise<string | null> {
  if (!requestBody) return null
  const text = sent ? new TextDecoder().decode(await sent.arrayBuffer()) : ""
  if (text === "") return requestBody.required ? "a body is required" : null
  for (const [type, { schema }] of Object.entries(requestBody.content)) {
    switch (type) {
      // The Worker asks nobody for a Content-Type of JSON, but where the specification does.
      case "application/json":
        return problemOfValue(`${key} body`, schema, JSON.parse(text))
      case "application/x-www-form-urlencoded": {
        const fields = Object.fromEntries(new URLSearchParams(text))
        return sent && mediaType(sent) === type ? problemOfValue(`${key} body`, schema, fields) : `it is no ${type}`
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
