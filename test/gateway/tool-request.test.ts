/**
 * What `check` and decision tables take for the call of a tool behind a gateway is what the Worker locates, whatever the
 * dialect: the test kit's client calls, its gateways ask as each make does, and the dialect and the catalog read it.
 */
import { expect, it } from "vitest"
import { askAs } from "../../testing/kit/gateways.ts"
import { requestOf as clientRequest, type AgentRequest } from "../../testing/kit/requests.ts"
import { lifecycleTools } from "../../src/core/catalog/lifecycle.ts"
import { buildCatalog, locate, type Catalog, type Located } from "../../src/core/catalog/locate.ts"
import type { McpServer } from "../../src/core/catalog/mcp-server.ts"
import type { RouteDefinition } from "../../src/core/catalog/route.ts"
import { locateTool, toolRequests } from "../../src/core/catalog/tool-request.ts"
import type { Tool } from "../../src/core/catalog/tool.ts"
import { isDenied, type Denied } from "../../src/core/denials/denial.ts"
import { DIALECT_NAMES, DIALECTS as TRAITS, type GatewayDefinition } from "../../src/core/policy/definition/gateways.ts"
import type { DialectTraits } from "../../src/core/policy/definition/gateways.ts"
import { callOf } from "../../src/gateway/authzen/call.ts"
import { subjectHeaders } from "../../src/gateway/dialects/authzen.ts"
import { DIALECTS } from "../../src/gateway/dialects/dialects.ts"
import { relayHeadersOf, requestOf } from "../../src/gateway/dialects/relayed-request.ts"
import { present } from "../../src/gateway/present.ts"
import { randomOf } from "../harness/random.ts"

const ORIGIN = "https://api.test"
const TOKEN = `e30.${btoa(JSON.stringify({ client_id: "agent" })).replace(/=+$/, "")}.x`

interface GeneratedCall {
  readonly tool: string
  readonly args: Readonly<Record<string, unknown>>
}

interface Generated {
  readonly catalog: Catalog
  readonly parts: {
    readonly tools: readonly Tool[]
    readonly routes: readonly RouteDefinition[]
    readonly servers: readonly McpServer[]
  }
  readonly calls: readonly GeneratedCall[]
}

function generated(random: () => number): Generated {
  const oneOf = <Item>(items: readonly [Item, ...Item[]]): Item =>
    items[Math.floor(random() * items.length)] ?? items[0]
  const text = (): string => oneOf(["a", "ann@example.org", "x y&z=1", "42", "Ä-ß", "q+r", "~"])
  const json = (): unknown => oneOf<unknown>([text(), 7, -1.5, true, null, [1, "a"], { b: { c: text() } }])
  const calls: GeneratedCall[] = []
  const routes = Array.from({ length: 6 }, (_, index): RouteDefinition => {
    const tool = `http.tool${index}`
    const method = oneOf(["GET", "POST", "PUT", "PATCH", "DELETE"])
    const isWhole = random() < 0.5
    const isBodied = ["POST", "PUT", "PATCH"].includes(method)
    const own = random() < 0.7 ? { id: isWhole ? 12 : text() } : {}
    calls.push({ tool, args: { ...own, ...(random() < 0.7 && { to: isBodied ? json() : text() }) } })
    const path = "id" in own ? `/r${index}/{id}` : `/r${index}`
    return { tool, origin: ORIGIN, methods: [method], path, integers: isWhole ? ["id"] : [] }
  })
  const servers = Array.from({ length: 3 }, (_, index): McpServer => {
    const name = `mcp${index}`
    calls.push({ tool: `${name}.read`, args: random() < 0.3 ? {} : { to: json(), text: text() } })
    calls.push({ tool: `${name}.rows`, args: { table: oneOf(["orders", "a b", "Ä"]) } })
    calls.push({ tool: `${name}.ask`, args: { topic: text() } })
    return {
      name,
      origin: ORIGIN,
      path: `/${name}`,
      enforces_headers: random() < 0.6,
      resources: [{ tool: `${name}.rows`, pattern: "db://tables/{table}" }],
      prompts: [{ tool: `${name}.ask`, prompt: "Ask" }],
      ...(random() < 0.2 && { judges_answers: true as const }),
    }
  })
  const tools = [
    ...calls.map(({ tool }) => toolNamed(tool)),
    ...servers.flatMap(({ name }) => lifecycleTools(name, [])),
  ]
  const byName = new Map(tools.map((tool) => [tool.name, tool]))
  return { catalog: buildCatalog(byName, servers, routes), parts: { tools, routes, servers }, calls }
}

function toolNamed(name: string): Tool {
  const server = name.slice(0, name.indexOf("."))
  return { name, server, action: "read", sensitivity: "public", labels: [], groups: [], cost: 1, redact: [] }
}

function gatewaysOf(): readonly GatewayDefinition[] {
  return DIALECT_NAMES.flatMap((dialect) => {
    const traits: DialectTraits = TRAITS[dialect]
    const forwarding = traits.rejects?.body ? [false] : [false, true]
    return forwarding.map((body): GatewayDefinition => {
      const own = { key_sha256: [], origins: [ORIGIN], audience: ORIGIN, environment: "test", denials: "http" } as const
      return { id: `${dialect}-${body}`, dialect, body, mode: "enforce", ...own }
    })
  })
}

/** The gateway's own request to the Worker, as the Worker reads it. */
async function askedOf(request: AgentRequest, gateway: GatewayDefinition, catalog: Catalog): Promise<Request> {
  const { dialect } = gateway
  if (dialect === "worker") return workerRequest(request, gateway)
  let asked: Request | undefined
  const headers = { ...request.headers, authorization: `Bearer ${TOKEN}` }
  const fetch = async (url: string | URL | Request, init?: RequestInit): Promise<never> => {
    asked = new Request(url, init)
    throw new Error("asked")
  }
  const endpoint = { url: "https://authz.test", fetch, authorize: fetch }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- none of them gets an answer
  const asking = askAs(gateway, "key", { ...request, headers }, {}, endpoint as unknown as Parameters<typeof askAs>[4])
  await expect(asking).rejects.toThrow("asked")
  if (!asked) throw new Error("nothing was asked")
  if (dialect !== "authzen") return asked
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the kit's own document, and all of a bundle that is read
  const [question, bundle] = [await asked.json(), { catalog }] as unknown as [
    Parameters<typeof callOf>[0],
    Parameters<typeof callOf>[2],
  ]
  const call = callOf(question, gateway, bundle)
  if (isDenied(call)) throw new Error(JSON.stringify(call))
  return made(requestOf(call.request, { ...call.relayHeaders, ...subjectHeaders(question.subject) }))
}

/** As src/gateway/rpc.ts makes it of the values that the Worker passes. */
function workerRequest({ method, origin, target, headers, body }: AgentRequest, gateway: GatewayDefinition): Request {
  const relayed = { headers: Object.entries(headers), body: gateway.body ? body : null }
  return made(requestOf(relayed, relayHeadersOf(method, origin + target) ?? {}))
}

function made(request: Request | null): Request {
  if (!request) throw new Error("no request can carry it")
  return request
}

async function locatedBy(
  request: AgentRequest,
  gateway: GatewayDefinition,
  catalog: Catalog,
): Promise<Located | Denied> {
  const dialect = DIALECTS[gateway.dialect]
  const asked = await askedOf(request, gateway, catalog)
  const read = dialect.unwrap ? await dialect.unwrap(asked, gateway) : asked
  if (isDenied(read)) return read
  const { pathname, search } = new URL(read.url)
  const presented = await present(read, pathname + search, dialect.endpoint, { gateway, keyHash: "" })
  return isDenied(presented) ? presented : locate(catalog, presented)
}

/** What decides: the tool, its arguments, and what it uses besides. */
function shown(located: Located | Denied): object {
  if (isDenied(located)) return located.denied
  const { tool, arguments: args, byHeaders, besides } = located
  return { tool: tool.name, arguments: args, byHeaders, besides }
}

const CATALOGS = 12

it("each dialect locates the call that is derived for it", async () => {
  const outcomes = { seen: 0, unseen: 0, refused: 0 }
  for (const { catalog, parts, calls } of Array.from({ length: CATALOGS }, (_, seed) => generated(randomOf(seed)))) {
    for (const gateway of gatewaysOf()) {
      for (const { tool, args } of calls) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that is read of the policies
        const request = clientRequest(parts as unknown as Parameters<typeof clientRequest>[0], tool, args)
        const located = await locatedBy(request, gateway, catalog)
        const [derived] = toolRequests(catalog, tool, args, gateway)
        expect(derived?.filled).toEqual([])
        const called = `${gateway.id} ${tool} ${JSON.stringify(args)}`
        expect(derived && shown(locateTool(catalog, derived)), called).toEqual(shown(located))
        outcomes[isDenied(located) ? "refused" : located.arguments.complete ? "seen" : "unseen"] += 1
      }
    }
  }
  expect(Math.min(...Object.values(outcomes)), JSON.stringify(outcomes)).toBeGreaterThan(100)
})
