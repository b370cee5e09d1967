/** catalog.yaml: MCP servers, tools, and the routes by which an HTTP request is recognised as a tool. */
import { z } from "zod"
import { PROBE_SECRET } from "../../../src/core/catalog/mcp-server.ts"
import { ACTIONS, SENSITIVITIES } from "../../../src/core/catalog/tool.ts"
import { mayBeFetched } from "../../../src/core/encoding/url.ts"
import { duration } from "./span.ts"
import { argumentName, label, name, origin, serverName, text, toolName } from "./values.ts"

const SEGMENT = "(?:[A-Za-z0-9._~!$&'()*+,=:@-]+)"
const PARAMETER = "(?:\\{[A-Za-z_][A-Za-z0-9_]*\\})"
const PATH = new RegExp(`^/(?:${SEGMENT}(?:/${SEGMENT})*)?$`, "u")
const ROUTE_PATH = new RegExp(`^/(?:(?:${SEGMENT}|${PARAMETER})(?:/(?:${SEGMENT}|${PARAMETER}))*)?$`, "u")
// A URL parser takes dot segments away, and the Worker refuses them; `;` likewise (src/core/catalog/path.ts).
const DOTS = /\/\.{1,2}(?:\/|$)/u

const serverPath = text(
  (value) => PATH.test(value) && !DOTS.test(value),
  "not a path",
  "Write `/` and plain segments, without a query and without `/` at the end.",
)

const routePath = text(
  (value) =>
    ROUTE_PATH.test(value) && !DOTS.test(value) && parametersOf(value).length === new Set(parametersOf(value)).size,
  "not a route path",
  "Write `/` and segments; `{name}` is one whole segment, each name once. No query, no `/` at the end.",
)

// HEAD is judged as the GET that it stands for.
export const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const

const queryName = text(
  (value) => /^[\x20-\x7e]{1,128}$/u.test(value),
  "not the name of a query argument",
  "Write the name as the upstream reads it, decoded: 1 to 128 visible ASCII characters.",
)

const route = z.strictObject({
  origin: origin.describe("Public origin; some gateway must serve it."),
  methods: z.array(z.enum(METHODS)).min(1).describe("HEAD is judged as GET."),
  path: routePath.describe("`{name}` is one whole, non-empty segment and becomes an argument."),
  integers: z
    .array(argumentName)
    .default([])
    .describe("Path and query arguments that are whole numbers rather than strings."),
  query_names: z
    .array(queryName)
    .exactOptional()
    .describe(
      "Names that its query may have beside plain ones, such as `filter[status]` or `$top`; needed only where something reads arguments of the tool.",
    ),
})

const pin = text(
  (value) => /^[0-9a-f]{64}$/u.test(value),
  "not a pin",
  "Write the 64 hexadecimal digits that an import of the server's tools gives.",
)

const probeUrl = text(
  (value) => {
    const url = URL.parse(value)
    return url !== null && !/[\s#]/u.test(value) && mayBeFetched(url, true)
  },
  "not a URL that can be probed",
  "Write the `https://` URL of the server's own endpoint, at a public host; loopback is for the local stack only.",
)

const probeSecret = text(
  (value) => PROBE_SECRET.test(value),
  "not the name of a secret for probes",
  "Write `PROBE_` and capital letters, digits and `_`: a secret of the Worker that holds the value of `Authorization`.",
)

const tool = z.strictObject({
  name: toolName.describe("Of an MCP server's tool: `<server>.<its own name>`; of any other: as you like."),
  action: z.enum(ACTIONS).describe("Its class: rules and scopes speak of it."),
  sensitivity: z
    .enum(SENSITIVITIES)
    .describe("Of what it gives out or touches: public < internal < confidential < restricted."),
  labels: z
    .array(label)
    .default([])
    .describe("What a tree of tasks has done once it called this tool, such as `reads:confidential`, `sink:external`."),
  groups: z.array(name).default([]).describe("Its Cedar ToolGroups."),
  cost: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(1)
    .describe("0: a call does not count against `calls` of a grant. Anything else counts as one call."),
  duration: duration
    .exactOptional()
    .describe("The longest that one call of it takes, `30s` or up to `1h`: afterwards it is no longer in flight."),
  redact: z.array(argumentName).default([]).describe("Arguments whose values no decision record tells."),
  route: route.exactOptional().describe("How it is reached. Required, unless its first segment is an MCP server."),
  pinned: pin
    .exactOptional()
    .describe(
      "Of an MCP tool: the hash of what its server said of it when it was let in. `narrowgate import mcp` writes it.",
    ),
})

const probe = z.strictObject({ url: probeUrl, secret: probeSecret.exactOptional() })

const server = z.strictObject({
  name: serverName.describe("First segment of the names of its tools."),
  origin: origin.describe("Public origin; some gateway must serve it."),
  path: serverPath.describe("Its streamable HTTP endpoint, as clients call it."),
  enforces_headers: z
    .boolean()
    .default(false)
    .describe(
      "It refuses a request whose `Mcp-*` headers and body differ: only for a server that you have seen do so.",
    ),
  probe: probe.exactOptional().describe("Where Narrowgate itself asks it now and then what its tools are."),
})

export const catalogFile = z.strictObject({
  servers: z.array(server).default([]).describe("MCP servers."),
  tools: z.array(tool).default([]).describe("What can be called. Nothing that is not listed here can be."),
})
export type CatalogFile = z.infer<typeof catalogFile>
export type ListedTool = CatalogFile["tools"][number]

/** Names of the `{name}` segments of a route path, in their order. */
function parametersOf(path: string): string[] {
  return Array.from(path.matchAll(/\{([^}]*)\}/gu), ([, parameter]) => parameter ?? "")
}
