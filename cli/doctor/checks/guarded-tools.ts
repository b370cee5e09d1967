/**
 * Whether a server without a gateway, which asks Narrowgate itself (`guardTool`), does so: its tools are called as by a
 * client without a token, and each call has to be denied. Only tools that read are called, by the catalog and by what
 * the server says of them, so an open one does nothing either.
 */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { z } from "zod"
import { catalogName, type McpServer } from "../../../src/core/catalog/mcp-server.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import { isObject } from "../../../src/core/encoding/json.ts"
import { boundedFetch } from "../../import/mcp/bounded-fetch.ts"
import { Failure } from "../../terminal/failure.ts"
import { failed, ok, problem, skipped, type Finding } from "../finding.ts"
import { WITHIN_MS } from "../subject.ts"

const MOST_TOOLS = 8

const listSchema = z.looseObject({
  tools: z.array(
    z.looseObject({
      name: z.string(),
      inputSchema: z.unknown().optional(),
      annotations: z.looseObject({ readOnlyHint: z.boolean(), destructiveHint: z.boolean() }).partial().optional(),
    }),
  ),
})
type ListedTool = z.infer<typeof listSchema>["tools"][number]

/** The server's own denial, of a call that Narrowgate was not asked about, has no `decision_id`. */
const denialSchema = z.looseObject({ error: z.string(), decision_id: z.string().optional() })
const resultSchema = z.looseObject({
  isError: z.boolean().optional(),
  _meta: z.looseObject({ "narrowgate/denial": denialSchema.optional() }).optional(),
})

/** `open`: it ran. `unclear`: it failed, and whether it would have been denied is not known. */
type Outcome = "denied" | "unavailable" | "open" | "unclear"

interface CalledTool {
  readonly name: string
  readonly outcome: Outcome
}

/** @param signal ends all requests */
export async function judgeTools(server: McpServer, catalog: readonly Tool[], signal: AbortSignal): Promise<Finding> {
  const url = new URL(server.path, server.origin)
  const called = await callReads(url, server, catalog, signal)
  if (called instanceof Failure) return failed(called)
  const namesOf = (wanted: Outcome): string =>
    called.flatMap(({ name, outcome }) => (outcome === wanted ? [name] : [])).join(", ")
  if (namesOf("open") !== "")
    return problem(
      `without a token ${namesOf("open")} of ${url.href} runs: THE SERVER DOES NOT ASK, AND PASSES CALLS`,
      "Wrap the handler of each tool in guardTool, as docs/guides/services.md shows.",
    )
  if (namesOf("unavailable") !== "")
    return problem(
      `${url.href} denies ${namesOf("unavailable")} as unavailable: it gets no decision of Narrowgate`,
      "Check the URL and the key in the server's httpDecisions, and its onFailure (docs/guides/services.md).",
    )
  const denied = called.filter(({ outcome }) => outcome === "denied").length
  if (denied > 0) return ok(`without a token it denies (${denied} of its tools called)`)
  const why = called.length === 0 ? "has no tool that only reads" : `runs none of ${namesOf("unclear")} as called here`
  return skipped(
    `whether ${url.href} asks is not known: it ${why}. Call a tool of it without a token: it has to be denied as missing_token`,
  )
}

async function callReads(
  url: URL,
  server: McpServer,
  catalog: readonly Tool[],
  signal: AbortSignal,
): Promise<readonly CalledTool[] | Failure> {
  const bounded = boundedFetch(url, {}, WITHIN_MS / 1000)
  const client = new Client({ name: "narrowgate-doctor", version: "1" }, { versionNegotiation: { mode: "auto" } })
  const transport = new StreamableHTTPClientTransport(url, {
    fetch: async (to, init) =>
      bounded.fetch(to, { ...init, signal: AbortSignal.any([signal, ...(init?.signal ? [init.signal] : [])]) }),
  })
  try {
    await client.connect(transport, { signal })
    const listed = await client.request({ method: "tools/list", params: {} }, listSchema, { signal }).catch(deniedList)
    if (listed === "unavailable") return [{ name: "its list", outcome: listed }]
    const reads = new Set(catalog.filter(({ action }) => action === "read").map(({ name }) => name))
    const called: CalledTool[] = []
    for (const { name, inputSchema } of listed ? listedReads(listed.tools, server, reads) : ownReads(server, reads)) {
      const params = { name, arguments: argumentsFor(inputSchema) }
      const outcome = await client
        .request({ method: "tools/call", params }, resultSchema, { signal })
        .then(outcomeOf, (): Outcome => (bounded.status() === 401 ? "denied" : "unclear"))
      called.push({ name, outcome })
    }
    return called
  } catch {
    return new Failure(
      `${url.href} lists no tools to a client of MCP`,
      "Check the server's path in catalog.yaml, and look at its log.",
    )
  } finally {
    await transport.terminateSession().catch(() => undefined)
    await client.close().catch(() => undefined)
  }
}

/**
 * Of a list that a server denies to a client without a token (`guardList`), the catalog has the names.
 * @throws what is no denial
 */
function deniedList(error: unknown): "unavailable" | null {
  const { data } = z.object({ data: denialSchema }).parse(error)
  return data.decision_id === undefined && data.error === "unavailable" ? "unavailable" : null
}

function listedReads(
  listed: readonly ListedTool[],
  server: McpServer,
  reads: ReadonlySet<string>,
): readonly ListedTool[] {
  return listed
    .filter(({ name, annotations: { readOnlyHint, destructiveHint } = {} }) => {
      const isRead = reads.has(catalogName(server, name) ?? "")
      return isRead && readOnlyHint !== false && destructiveHint !== true
    })
    .slice(0, MOST_TOOLS)
}

function ownReads(server: McpServer, reads: ReadonlySet<string>): readonly ListedTool[] {
  const prefix = `${server.name}.`
  return [...reads]
    .filter((name) => name.startsWith(prefix) && catalogName(server, name.slice(prefix.length)) === name)
    .slice(0, MOST_TOOLS)
    .map((name) => ({ name: name.slice(prefix.length) }))
}

function outcomeOf({ isError, _meta }: z.infer<typeof resultSchema>): Outcome {
  const denial = _meta?.["narrowgate/denial"]
  if (denial?.error === "unavailable") return "unavailable"
  if (denial?.decision_id !== undefined) return "denied"
  return isError === true ? "unclear" : "open"
}

/** The least that the schema of a tool's arguments asks for: an SDK checks them before the tool's handler is called. */
function argumentsFor(schema: unknown): Record<string, unknown> {
  const { required, properties } = objectOf(schema)
  const names = Array.isArray(required) ? required.filter((name) => typeof name === "string") : []
  return Object.fromEntries(names.map((name) => [name, valueFor(objectOf(objectOf(properties)[name]))]))
}

function valueFor(schema: Readonly<Record<string, unknown>>): unknown {
  const { const: only, default: usual, enum: some, examples, type, minimum } = schema
  const given = [only, usual, ...listOf(some), ...listOf(examples)].find((each) => each !== undefined)
  if (given !== undefined) return given
  if (type === "string") return "0"
  if (type === "integer" || type === "number") return minimum ?? 0
  if (type === "boolean") return false
  if (type === "array") return []
  return type === "object" ? argumentsFor(schema) : null
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> => (isObject(value) ? value : {})
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
