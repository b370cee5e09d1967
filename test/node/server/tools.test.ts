/** Which tool a request is, by what the service says of itself; and what of that cannot be meant. */
import { expect, test } from "vitest"
import { CallRejectedError, gatekeeper, type ToolsOptions } from "../../../server/index.ts"

const TOOLS: ToolsOptions = {
  tools: {
    "tickets.export": "GET /tickets/export",
    "tickets.get": "GET /tickets/{ticket}",
    "tickets.find": { methods: ["GET"], path: "/find", integers: ["page"], query_names: ["$top"] },
    "pages.post": "POST /{page}",
    "pages.part": "POST /{page}/{part}",
  },
  servers: [
    {
      name: "notes",
      path: "/mcp",
      resources: [{ tool: "notes.read", pattern: "file:///notes/{+path}" }],
      prompts: [{ tool: "notes.sum-up", prompt: "sum up" }],
    },
  ],
}

/** Whether a call that was allowed for this tool passes as this request. */
async function passes(
  tool: string,
  method: string,
  target: string,
  message?: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const told: Readonly<Record<string, string>> = {
    "x-narrowgate-agent": "agent",
    "x-narrowgate-user": "",
    "x-narrowgate-task": "tsk_1",
    "x-narrowgate-purpose": "triage",
    "x-narrowgate-tool": tool,
    "x-narrowgate-decision": "dec_1",
    ...(message && { "content-type": "application/json" }),
    ...headers,
  }
  const text = message ? JSON.stringify({ jsonrpc: "2.0", id: 1, ...message }) : ""
  return gatekeeper({ trust: "network", ...TOOLS })({
    method,
    target,
    header: (name) => told[name.toLowerCase()] ?? null,
    body: async () => ({ kind: "whole", text }),
  }).then(
    () => "ok",
    (error: unknown) => (error instanceof CallRejectedError ? error.code : String(error)),
  )
}

test.each<[string, ...Parameters<typeof passes>]>([
  ["ok", "tickets.get", "GET", "/tickets/42"],
  ["ok", "tickets.get", "HEAD", "/tickets/42"],
  ["ok", "tickets.export", "GET", "/tickets/export"],
  ["tool_mismatch", "tickets.get", "GET", "/tickets/export"],
  ["malformed_call", "tickets.get", "GET", "/tickets/EXPORT"],
  ["malformed_call", "tickets.export", "GET", "/tickets/%65xport"],
  ["malformed_call", "tickets.get", "GET", "/ticket%73/42"],
  ["ok", "tickets.get", "GET", "/tickets/%34%32"],
  ["malformed_call", "tickets.get", "GET", "/tickets/../admin"],
  ["malformed_call", "tickets.get", "GET", "http://evil.example/tickets/42"],
  ["tool_mismatch", "tickets.get", "GET", "/tickets"],
  ["tool_mismatch", "tickets.get", "GET", "/other"],
  ["ok", "tickets.find", "GET", "/find?page=2&%24top=5"],
  ["malformed_call", "tickets.find", "GET", "/find?page=two"],
  ["malformed_call", "tickets.find", "GET", "/find?page=2&page=3"],
  ["ok", "notes.read", "POST", "/mcp", { method: "resources/read", params: { uri: "file:///notes/a/b" } }],
  ["tool_mismatch", "notes.read", "POST", "/mcp", { method: "resources/read", params: { uri: "file:///etc/a" } }],
  ["ok", "notes.sum-up", "POST", "/mcp", { method: "prompts/get", params: { name: "sum up" } }],
  ["tool_mismatch", "notes.read", "POST", "/mcp", { method: "prompts/get", params: { name: "sum up" } }],
  ["ok", "notes.mcp.ping", "POST", "/mcp", { method: "ping" }],
  ["ok", "notes.mcp.end", "DELETE", "/mcp"],
  ["malformed_call", "notes.mcp.ping", "POST", "/mcp", { method: "nobody/knows" }],
  ["tool_mismatch", "notes.mcp.ping", "PUT", "/mcp"],
  ["ok", "pages.post", "POST", "/about", { method: "ping" }],
  ["malformed_call", "pages.post", "POST", "/MCP", { method: "ping" }],
  ["malformed_call", "pages.post", "POST", "/mcp.", { method: "ping" }],
  ["malformed_call", "pages.part", "POST", "/mcp/a", { method: "ping" }],
  ["malformed_call", "pages.post", "POST", "/%6dcp", { method: "ping" }],
  ["malformed_call", "notes.mcp.ping", "POST", "/%6dcp", { method: "ping" }],
])("%s: %s, called by %s %s %o", async (code, ...call) => {
  expect(await passes(...call)).toBe(code)
})

test.each([
  ["malformed_call", "x-http-method-override", "DELETE"],
  ["malformed_call", "x_http_method_override", "DELETE"],
  ["malformed_call", "x-http-method", "GET, DELETE"],
  ["malformed_call", "x-method-override", ""],
  ["ok", "x-http-method-override", "GET"],
])("%s: a header by which frameworks take another method, %s: %s", async (code, name, value) => {
  expect(await passes("tickets.get", "GET", "/tickets/42", undefined, { [name]: value })).toBe(code)
})

test("malformed_call: the same in front of a server", async () => {
  const headers = { "x-http-method-override": "DELETE" }
  expect(await passes("notes.mcp.ping", "POST", "/mcp", { method: "ping" }, headers)).toBe("malformed_call")
})

test.each<[ToolsOptions, typeof Error]>([
  [{}, TypeError],
  [{ tools: {}, servers: [] }, TypeError],
  [{ tools: { "tickets.get": "/tickets" } }, TypeError],
  [{ tools: { "tickets.get": "get /tickets" } }, TypeError],
  [{ tools: { "tickets.get": "GET /größe/{a}" } }, TypeError],
  [{ tools: { "tickets.get": { methods: ["GET"], path: "/tickets%20/{a}" } } }, TypeError],
  [{ servers: [{ name: "notes", path: "/mcp?a" }] }, TypeError],
  [{ servers: [{ name: "notes", path: "mcp" }] }, TypeError],
  [{ tools: { "tickets.get": "GET /t/{a}", "tickets.read": "GET /t/{b}" } }, Error],
])("a service that cannot be meant: %o", (tools, error) => {
  expect(() => gatekeeper({ trust: "network", ...tools })).toThrow(error)
})
