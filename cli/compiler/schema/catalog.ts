/** catalog.yaml: MCP servers, tools, and the routes by which an HTTP request is recognised as a tool. */
import { z } from "zod"
import { readResourcePattern } from "../../../src/core/catalog/resource-pattern.ts"
import { PROBE_SECRET } from "../../../src/core/catalog/mcp-server.ts"
import { LITERAL } from "../../../src/core/catalog/path.ts"
import { ACTIONS, SENSITIVITIES } from "../../../src/core/catalog/tool.ts"
import { mayBeFetched } from "../../../src/core/encoding/url.ts"
import { argumentBound } from "./grant.ts"
import { duration, span } from "./span.ts"
import { argumentName, label, name, origin, promptName, serverName, text, toolName } from "./values.ts"

const SEGMENT = `(?:[${LITERAL}]+)`
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
  origin: origin.describe("The public origin. A gateway must serve it."),
  methods: z.array(z.enum(METHODS)).min(1).describe("The HTTP methods. HEAD is decided as GET."),
  path: routePath.describe("The path. `{name}` is one whole, non-empty segment, whose value becomes an argument."),
  integers: z
    .array(argumentName)
    .default([])
    .describe(
      "The path and query arguments that are whole numbers instead of strings. A request with another value is denied.",
    ),
  query_names: z
    .array(queryName)
    .exactOptional()
    .describe(
      "Query names with special characters that are allowed, such as `filter[status]` or `$top`. Needed only if something reads arguments of the tool.",
    ),
})

const pin = text(
  (value) => /^[0-9a-f]{64}$/u.test(value),
  "not a pin",
  "Write the 64 hexadecimal digits that an import of the server's tools gives.",
)

const resource = text(
  (value) => !("objection" in readResourcePattern(value)),
  "not a pattern of resource URIs",
  "Write `scheme://` or `scheme:` and plain segments, each escape in capitals; `{name}` is one whole segment, `{+name}` at the end all others, each name once and none `uri`. No `/` at the end.",
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
  name: toolName.describe(
    "The name of the tool. For a tool of an MCP server: `<server>.<name of the tool there>`; for a resource or a prompt: `<server>.` and any name.",
  ),
  action: z.enum(ACTIONS).describe("The action class, which rules and scopes refer to."),
  sensitivity: z
    .enum(SENSITIVITIES)
    .describe("The sensitivity of the data that it reads or changes: public < internal < confidential < restricted."),
  labels: z
    .array(label)
    .default([])
    .describe(
      "Labels that a task tree bears after a call of this tool, such as `reads:confidential` or `sink:external`.",
    ),
  groups: z.array(name).default([]).describe("The Cedar ToolGroups that the tool belongs to."),
  cost: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(1)
    .describe(
      "The cost that windows and budgets count. With 0, a call does not count against `calls` of a grant either.",
    ),
  duration: duration
    .exactOptional()
    .describe(
      "The longest time that a call takes, such as `30s`, up to `1h`. After it the call is no longer in flight.",
    ),
  redact: z.array(argumentName).default([]).describe("Arguments whose values are left out of decision records."),
  route: route
    .exactOptional()
    .describe("The HTTP requests that are calls of this tool. Required, unless the tool belongs to an MCP server."),
  resource: resource
    .exactOptional()
    .describe(
      "For resources of an MCP server: the pattern of their URIs, such as `db://tables/{table}` or `file:///notes/{+path}`. The URI is the argument `uri`, each `{name}` an argument of that name.",
    ),
  prompt: promptName.exactOptional().describe("For a prompt of an MCP server: the server's name of it."),
  pinned: pin
    .exactOptional()
    .describe(
      "For an MCP tool or prompt: the hash of its definition when it was accepted. `narrowgate import mcp` writes it.",
    ),
})

const probe = z.strictObject({
  url: probeUrl.describe("The `https://` URL of the server's own endpoint, at a public host."),
  secret: probeSecret
    .exactOptional()
    .describe("The name of the Worker's secret that contains the `Authorization` header."),
})

const server = z.strictObject({
  name: serverName.describe("The first segment of the names of its tools."),
  origin: origin.describe("The public origin. A gateway must serve it."),
  path: serverPath.describe("The path of its streamable HTTP endpoint, as clients call it."),
  enforces_headers: z
    .boolean()
    .default(false)
    .describe(
      "Whether the server rejects a request whose `Mcp-*` headers and body differ. Set it only if you have tested that.",
    ),
  probe: probe
    .exactOptional()
    .describe("The endpoint at which Narrowgate regularly lists the server's tools, to detect changes."),
})

const labelEntry = z.strictObject({
  name: label.describe("A label of one or more tools."),
  carry: span.describe(
    "How long an agent carries the label, from its pick-up, into its other tasks for the same user: up to `24h`. If neither this nor the purpose states it: `1h`. If both do, the longer.",
  ),
})

const boundName = text(
  (value) => /^[a-z][a-z0-9_]{0,63}$/u.test(value),
  "not a name that a rule can read",
  "Write small letters, digits and `_`, beginning with a letter: a rule reads `context.bounds.company_mail`.",
)

const namedBounds = z.strictObject({
  name: boundName.describe("The name by which rules read it, and by which `schema.cedarschema` declares it as `Bool`."),
  arguments: z
    .record(argumentName, argumentBound)
    .refine((bounds) => Object.keys(bounds).length > 0, {
      error: "no bound",
      params: { fix: "Write at least one argument with its bound." },
    })
    .describe("The bounds, by argument. It is true if all hold."),
})

export const catalogFile = z.strictObject({
  servers: z.array(server).default([]).describe("The MCP servers."),
  labels: z.array(labelEntry).default([]).describe("The labels that are carried for another time than an hour."),
  bounds: z
    .array(namedBounds)
    .default([])
    .describe("Named bounds on arguments, which a rule reads as `context.bounds.<name>`."),
  tools: z.array(tool).default([]).describe("The tools. A call of anything else is denied."),
})
export type CatalogFile = z.infer<typeof catalogFile>
export type ListedTool = CatalogFile["tools"][number]

/** Names of the `{name}` segments of a route path, in their order. */
function parametersOf(path: string): string[] {
  return Array.from(path.matchAll(/\{([^}]*)\}/gu), ([, parameter]) => parameter ?? "")
}
