/** Which tools a call may be of to the least strict of readers, for what an observing gateway has sent on all the same. */
import { describe, expect, test } from "vitest"
import type { CallRequest } from "../../../src/core/catalog/call-request.ts"
import { buildCatalog } from "../../../src/core/catalog/locate.ts"
import { possibleTools } from "../../../src/core/catalog/possible-tools.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"

const ORIGIN = "https://api.test"
const tool = (name: string, of: string): readonly [string, Tool] => {
  const none = { groups: [], labels: [], redact: [] }
  return [name, { name, server: of, action: "read", sensitivity: "public", cost: 1, ...none }]
}
const server = (name: string, path: string) => ({ name, origin: ORIGIN, path, enforces_headers: false })
const route = (name: string, path: string) => ({ tool: name, origin: ORIGIN, methods: ["GET"], path, integers: [] })
const CATALOG = buildCatalog(
  new Map([
    tool("m.secret", "m"),
    tool("m.other", "m"),
    tool("v.secret", "v"),
    tool("v.mcp.tasks-get", "v"),
    tool("v.mcp.resume", "v"),
    tool("web.home", "web"),
    tool("web.page", "web"),
  ]),
  [server("m", "/desk/mcp"), server("v", "/desk/mcp.v2")],
  [route("web.home", "/"), route("web.page", "/{group}/{page}")],
)
const MESSAGE = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret"}}'

const found = (method: string, target: string, text = MESSAGE, lastEventId: string | null = null) => {
  const headers = {
    contentType: "application/json",
    mcpProtocolVersion: null,
    mcpMethod: null,
    mcpName: null,
    lastEventId,
  }
  const call: CallRequest = { origin: ORIGIN, method, target, headers, body: { kind: "whole", text } }
  return possibleTools(CATALOG, call, { reason: "tool_unknown", called: "" })
}

test("what may ask for a result of another tool may be a call of each that returns such results", () => {
  const returning = ["v.mcp.resume", "v.mcp.tasks-get"]
  const sorted = (...given: Parameters<typeof found>) =>
    found(...given)
      .filter((name) => name.startsWith("v."))
      .toSorted()
  expect(sorted("POST", "/desk/mcp.v2", '{"method":"tasks/get","method":"ping","id":1}')).toEqual(returning)
  expect(sorted("POST", "/desk/mcp.v2", '{"method":"t\\u0061sks/get","id":1}')).toEqual(returning)
  expect(sorted("GET", "/desk/mcp.v2/", "", "e1")).toEqual(returning)
  expect(sorted("GET", "/desk/mcp.v2/", "")).toEqual([])
})

describe("a message may be one to an MCP server", () => {
  test.each([
    "/desk/mcp",
    "/DESK/MCP",
    "/desk/Mcp",
    "/desk/mcp.json",
    "/desk/mcp.",
    "/desk/mcp%20",
    "/x/../desk/mCP/",
    "/desk/mcp/x",
  ])("at %s", (target) => {
    expect(found("POST", target)).toEqual(["m.secret"])
  })

  test.each(["GET", "PUT", "DELETE", "OPTIONS"])(
    "by %s, which a server that reads its body may take for a POST",
    (method) => {
      expect(found(method, "/desk/mcp")).toEqual(["m.secret"])
    },
  )

  test("of two alike, if its path is the one of neither", () => {
    expect(found("POST", "/desk/mcp.v2")).toEqual(["v.secret"])
    expect(found("POST", "/desk/mcp.V2")).toEqual(["m.secret", "v.secret"])
  })

  test("or a call of a route, if a server is only alike", () => {
    expect(found("GET", "/desk/MCP")).toEqual(["m.secret", "web.page"])
    expect(found("GET", "/desk/MCP", "")).toEqual(["web.page"])
    // Express does not decode a path before it chooses a route; Hono does.
    expect(found("GET", "/desk/%6dcp")).toEqual(["m.secret", "web.page"])
  })

  test.each(["/desk", "/mcp", "/desk/mcpx", "/desk/x.mcp"])("and at %s is none", (target) => {
    expect(found("POST", target)).toEqual([])
  })
})

test.each(["/", "//", "/?a=1&a=2", "/x/.."])("the route of the root is found at %s", (target) => {
  expect(found("GET", target, "")).toEqual(["web.home"])
})

test("a message about resources or prompts may be of any of its server's", () => {
  const entries = {
    ...server("m", "/desk/mcp"),
    resources: [{ tool: "m.secret", pattern: "note:{name}" }],
    prompts: [{ tool: "m.other", prompt: "ask" }],
  }
  const catalog = buildCatalog(CATALOG.tools, [entries], [])
  const possible = (text: string, mcpMethod: string | null = null): readonly string[] => {
    const headers = {
      contentType: "application/json",
      mcpProtocolVersion: null,
      mcpMethod,
      mcpName: null,
      lastEventId: null,
    }
    const call: CallRequest = {
      origin: ORIGIN,
      method: "POST",
      target: "/desk/mcp",
      headers,
      body: { kind: "whole", text },
    }
    return possibleTools(catalog, call, { reason: "mcp_rejected", what: "" })
  }
  const message = (method: string, uri: string) =>
    `{"jsonrpc":"2.0","id":1,"method":"${method}","params":{"uri":"${uri}"}}`
  expect(possible(message("resources/read", "note:../a"))).toEqual(["m.secret"])
  expect(possible(message("subscriptions/listen", "resourceSubscriptions"))).toEqual(["m.secret"])
  expect(possible(message("prompts/get", "x"))).toEqual(["m.other"])
  expect(possible(message(String.raw`\u0072esources/read`, "note:../a"))).toEqual(["m.secret", "m.other"])
  expect(possible("", "resources/read")).toEqual(["m.secret"])
  expect(possible(message("tools/list", ""))).toEqual([])
})

test("names with escapes are read", () => {
  expect(found("POST", "/desk/mcp", String.raw`{"name":"\u0073ecre\u0074"}`)).toEqual(["m.secret"])
  expect(found("POST", "/desk/mcp", `{"x":"${String.raw`\u0061`.repeat(1_000)}","name":"secret"}`)).toEqual([
    "m.secret",
  ])
})
