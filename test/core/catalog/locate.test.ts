/** What is located as a call of a route is read as such by whoever stands behind the gateway. */
import { expect, test } from "vitest"
import { buildCatalog, locate } from "../../../src/core/catalog/locate.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"

const ORIGIN = "https://a.test"
const PAGES: Tool = {
  name: "pages.post",
  server: "pages",
  action: "write",
  sensitivity: "internal",
  labels: [],
  groups: [],
  cost: 1,
  redact: [],
}
const catalog = buildCatalog(
  new Map([[PAGES.name, PAGES]]),
  [
    { name: "desk", origin: ORIGIN, path: "/desk/mcp", enforces_headers: false },
    { name: "mail", origin: ORIGIN, path: "/mail/", enforces_headers: false },
    { name: "other", origin: "https://b.test", path: "/desk/other", enforces_headers: false },
  ],
  ["/{page}", "/desk/{page}", "/desk/{page}/", "/desk/{page}/{part}", "/desk/mcp/about/{part}"].map((path) => ({
    tool: PAGES.name,
    origin: ORIGIN,
    methods: ["POST"],
    path,
    integers: [],
  })),
)
const BODY = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "pay" } })
const located = (target: string) =>
  locate(catalog, {
    origin: ORIGIN,
    method: "POST",
    target,
    headers: {
      contentType: "application/json",
      mcpProtocolVersion: null,
      mcpMethod: null,
      mcpName: null,
      lastEventId: null,
    },
    body: { kind: "whole", text: BODY },
  })

test.each(["/desk/a", "/desk/mcps", "/desk/other", "/desk/a/", "/desk/a/mcp", "/desk/mcp/about/a", "/mails"])(
  "%s is a call of the route",
  (target) => {
    expect(located(target)).toMatchObject({ tool: PAGES })
  },
)

test.each([
  // Express ignores case, and a slash at the end.
  "/desk/MCP",
  "/desk/Mcp",
  "/desk/mcp/",
  "/desk/MCP/",
  "/mail",
  "/MAIL",
  // An application that is mounted there has what is below, too.
  "/desk/mcp/a",
  // Rails ignores a suffix, IIS dots and blanks at the end.
  "/desk/mcp.json",
  "/desk/mcp.",
  "/desk/mcp%20",
  // Express does not decode a path before it chooses a route.
  "/desk/%6dcp",
])("%s is none: some upstreams find an MCP server there", (target) => {
  const what = "its path is an MCP server's to some readers"
  expect(located(target)).toEqual({ denied: { reason: "target_ambiguous", what } })
})

test("a route is not called by another spelling of its literals", () => {
  const what = "its path is another route's to some readers"
  expect(located("/desk/mcp/%61bout/a")).toEqual({ denied: { reason: "target_ambiguous", what } })
})
