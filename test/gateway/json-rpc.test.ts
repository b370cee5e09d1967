import { describe, expect, test } from "vitest"
import { openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs, callWith, type ClientRequest } from "../harness/gateways.ts"

yardForEach()

const JSON_TYPE = { "Content-Type": "application/json" }
const rpc = (method: string, params?: unknown, more: object = {}): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method, ...(params === undefined ? {} : { params }), ...more })
const call = (name: string, args: object = {}): string => rpc("tools/call", { name, arguments: args })
const utf8 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(new TextEncoder().encode(text))

interface Case {
  readonly what: string
  readonly body: string | Uint8Array<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
  readonly code: string
  /** `desk` unless told; `shed` is not known to enforce headers. */
  readonly path?: string
}

const MODERN = { "MCP-Protocol-Version": "2026-07-28" }
const named = (method: string, name?: string) => ({
  ...MODERN,
  "Mcp-Method": method,
  ...(name === undefined ? {} : { "Mcp-Name": name }),
})
const base64 = (name: string): string => `=?base64?${btoa(name)}?=`

const READ: readonly Case[] = [
  { what: "a call", body: call("search"), code: "ok" },
  { what: "a call with arguments", body: call("pay", { to: "a", amount: 1 }), code: "ok" },
  { what: "of an unknown tool", body: call("launch"), code: "unknown_tool" },
  { what: "of another server's tool", body: call("look"), code: "unknown_tool" },
  { what: "initialize", body: rpc("initialize", { protocolVersion: "2025-11-25" }), code: "ok" },
  { what: "ping", body: rpc("ping"), code: "ok" },
  { what: "tools/list", body: rpc("tools/list"), code: "ok" },
  { what: "server/discover", body: rpc("server/discover"), code: "ok" },
  { what: "a notification", body: '{"jsonrpc":"2.0","method":"notifications/initialized"}', code: "ok" },
  { what: "a response to the server", body: '{"jsonrpc":"2.0","id":1,"result":{}}', code: "ok" },
  {
    what: "a method that no catalog knows",
    body: rpc("resources/directory/read", { uri: "file:///etc/passwd" }),
    code: "unknown_method",
  },
  {
    what: "a resource that no entry has",
    body: rpc("resources/read", { uri: "file:///etc/passwd" }),
    code: "unknown_tool",
  },
  { what: "a tool that would pass for a lifecycle tool", body: call("mcp.ping"), code: "unknown_tool" },
  { what: "a name with a slash", body: call("../search"), code: "unknown_tool" },
  { what: "headers that agree", body: call("pay"), headers: named("tools/call", "pay"), code: "ok" },
  { what: "a name in base64 that agrees", body: call("pay"), headers: named("tools/call", base64("pay")), code: "ok" },
  { what: "old version, no headers", body: call("pay"), headers: { "MCP-Protocol-Version": "2025-11-25" }, code: "ok" },
]

const REFUSED: readonly Case[] = [
  { what: "nothing", body: "" },
  { what: "no JSON", body: "{" },
  { what: "two values", body: `${call("search")}${call("pay")}` },
  { what: "a batch", body: `[${call("search")},${call("pay")}]` },
  { what: "a batch of one", body: `[${call("search")}]` },
  { what: "no object", body: '"tools/call"' },
  { what: "no version", body: '{"id":1,"method":"tools/call","params":{"name":"search"}}' },
  { what: "another version", body: '{"jsonrpc":"1.0","id":1,"method":"ping"}' },
  { what: "no method", body: '{"jsonrpc":"2.0","id":1}' },
  { what: "method and result", body: '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}' },
  { what: "method not a string", body: '{"jsonrpc":"2.0","id":1,"method":["ping"]}' },
  { what: "params not an object", body: rpc("tools/call", ["search"]) },
  { what: "name not a string", body: rpc("tools/call", { name: ["search"] }) },
  { what: "arguments not an object", body: rpc("tools/call", { name: "search", arguments: [] }) },
  // The upstream's parser may keep the first where ours keeps the last.
  {
    what: "duplicate method",
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping","params":{"name":"pay"}}',
  },
  {
    what: "duplicate name",
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","name":"search"}}',
  },
  {
    what: "duplicate name by escape",
    body: String.raw`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","\u006eame":"search"}}`,
  },
  {
    what: "duplicate deep inside",
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"a":[{"x":1,"x":2}]}}}',
  },
  // Go's encoding/json matches member names without regard to case.
  {
    what: "case variant of name",
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"Name":"pay","arguments":{}}}',
  },
  { what: "case variant of method", body: '{"jsonrpc":"2.0","id":1,"Method":"tools/call","params":{"name":"pay"}}' },
  { what: "case variants of one argument", body: call("pay", { to: "a", To: "b" }) },
  { what: "long s for s", body: '{"jsonrpc":"2.0","id":1,"method":"ping","paramſ":{}}' },
  {
    what: "__proto__",
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"__proto__":{}}}}',
  },
  {
    what: "an integer that is not exact, outside arguments",
    body: '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}',
  },
  {
    what: "an integer by exponent that is not exact, outside arguments",
    body: '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":1e17}}',
  },
  { what: "a number beyond a double", body: '{"jsonrpc":"2.0","id":1e999,"method":"ping"}' },
  { what: "half a character", body: String.raw`{"jsonrpc":"2.0","id":"\ud800","method":"ping"}` },
  {
    what: "nesting",
    body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"a":${"[".repeat(70)}${"]".repeat(70)}}}}`,
  },
  { what: "nesting that would end the stack", body: "[".repeat(200_000) },
  { what: "a byte order mark", body: utf8(`\ufeff${call("search")}`) },
  {
    what: "invalid UTF-8",
    body: Uint8Array.from([...utf8('{"jsonrpc":"2.0","id":"'), 0xff, ...utf8('","method":"ping"}')]),
  },
  {
    what: "more than a mebibyte",
    body: rpc("tools/call", { name: "search", arguments: { a: "x".repeat(1_048_576) } }),
  },
  { what: "encoded", body: call("search"), headers: { "Content-Encoding": "gzip" } },
  { what: "encoded twice", body: call("search"), headers: { "Content-Encoding": "identity, gzip" } },
  { what: "partial", body: call("search"), headers: { "X-Envoy-Auth-Partial-Body": "true" } },
  { what: "of another type", body: call("search"), headers: { "Content-Type": "text/plain" } },
  { what: "of two types", body: call("search"), headers: { "Content-Type": "application/json, text/plain" } },
  {
    what: "in another encoding",
    body: call("search"),
    headers: { "Content-Type": "application/json; charset=utf-16" },
  },
  // MCP 2026-07-28: present in both places, they must agree (-32020).
  { what: "Mcp-Name of another tool", body: call("pay"), headers: named("tools/call", "search") },
  { what: "Mcp-Name in base64 of another", body: call("pay"), headers: named("tools/call", base64("search")) },
  { what: "Mcp-Name in broken base64", body: call("pay"), headers: named("tools/call", "=?base64?cGF5!?=") },
  { what: "Mcp-Method of another method", body: call("pay"), headers: named("ping") },
  { what: "a name where there is none", body: rpc("ping"), headers: named("ping", "search") },
  { what: "the new version without headers", body: call("pay"), headers: MODERN },
  { what: "the new version without a name", body: call("pay"), headers: named("tools/call") },
  { what: "an old version with a name that differs", body: call("pay"), headers: { "Mcp-Name": "search" } },
].map((each) => Object.assign(each, { code: "malformed_call" }))

describe.each(["envoy", "traefik"])("a JSON-RPC body through %s", (gateway) => {
  test.each([...READ, ...REFUSED])("$what: $code", async ({ what, body, headers, code }) => {
    // Only Envoy says that it cut a body; a client's own such header means nothing elsewhere.
    if (what === "partial" && gateway !== "envoy") return
    const { token } = await openTask("first", { scope: "desk.*:read desk.*:write" })
    const more: Partial<ClientRequest> = { method: "POST", body, headers: { ...JSON_TYPE, ...headers } }
    expect((await callWith(token, "/desk/mcp", more, gateway)).code).toBe(code)
  })

  test("which tool it is decides: a grant for reading does not pay", async () => {
    const { token } = await openTask("first", { scope: "desk.*:read" })
    const post = async (body: string) =>
      callWith(token, "/desk/mcp", { method: "POST", body, headers: JSON_TYPE }, gateway)
    expect([(await post(call("search"))).code, (await post(call("pay"))).code]).toEqual(["ok", "insufficient_scope"])
    const other = await openTask("first", { scope: "files.*:read" })
    expect(
      (await callWith(other.token, "/desk/mcp", { method: "POST", body: rpc("ping"), headers: JSON_TYPE }, gateway))
        .code,
    ).toBe("insufficient_scope")
  })
})

test("a thousand arguments are told apart, and no more", async () => {
  const { token } = await openTask("first", { scope: "desk.*:write mail.*:write" })
  const many = (count: number) => ({
    to: "a@b.c",
    ...Object.fromEntries(Array.from({ length: count - 1 }, (_, at) => [`a${at}`, 1])),
  })
  const post = async (path: string, body: string) =>
    (await callWith(token, path, { method: "POST", body, headers: JSON_TYPE })).code
  expect([
    await post("/desk/mcp", call("pay", many(1_000))),
    await post("/desk/mcp", call("pay", many(1_001))),
  ]).toEqual(["ok", "malformed_call"])
  expect(await post("/mail", JSON.stringify(many(1_001)))).toBe("malformed_call")
})

describe("a refusal", () => {
  const errorOf = async (token: string | null, body: string, path = "/desk/mcp") => {
    const authorization: Record<string, string> = token === null ? {} : { Authorization: `Bearer ${token}` }
    const headers = { ...JSON_TYPE, ...authorization }
    const answer = await askAs("envoy", { method: "POST", path, body, headers })
    const said: unknown = JSON.parse(answer.body)
    return said
  }

  test("of a message is the error of JSON-RPC that answers it, with what would help", async () => {
    const { token } = await openTask("first", { scope: "desk.*:read" })
    expect(await errorOf(token, rpc("tools/call", { name: "pay" }, { id: "a1" }))).toMatchObject({
      jsonrpc: "2.0",
      id: "a1",
      error: { code: -32_001, data: { error: "insufficient_scope", scope: "desk.*:read desk.pay:write" } },
    })
    expect(await errorOf(null, call("search"))).toMatchObject({
      id: 1,
      error: { code: -32_001, data: { error: "missing_token" } },
    })
    expect(await errorOf(token, `[${call("search")}]`)).toMatchObject({ id: null, error: { code: -32_600 } })
    expect(await errorOf(token, "{")).toMatchObject({ id: null, error: { code: -32_600 } })
    expect(await errorOf(null, rpc("ping", undefined, { id: { x: 1 } }))).toMatchObject({ id: null })
  })

  test("of a message whose id cannot be told has none", async () => {
    const idOf = async (id: string) => errorOf(null, `{"jsonrpc":"2.0","method":"ping","id":${id}}`)
    expect(await idOf("9007199254740993")).toMatchObject({ id: null })
    expect(await idOf(`"${"x".repeat(257)}"`)).toMatchObject({ id: null })
    expect(await idOf("1.5")).toMatchObject({ id: 1.5 })
  })

  test("of anything else is none", async () => {
    const { token } = await openTask("first", { scope: "desk.*:read" })
    expect(await errorOf(token, call("search"), "/mail")).toMatchObject({ error: "insufficient_scope" })
  })
})

describe("an MCP endpoint", () => {
  test("streams and ends of sessions are tools of their own; other methods are unknown, a query is refused", async () => {
    const { token } = await openTask("first", { scope: "desk.*:read" })
    for (const [method, code] of [
      ["GET", "ok"],
      ["DELETE", "ok"],
      ["PUT", "unknown_tool"],
      ["OPTIONS", "unknown_tool"],
    ] as const) {
      expect((await callWith(token, "/desk/mcp", { method })).code).toBe(code)
    }
    expect((await callWith(token, "/desk/mcp?x=1", { method: "GET" })).code).toBe("malformed_call")
    expect((await callWith(token, "/desk/mcp/", { method: "GET" })).code).toBe("unknown_tool")
  })

  test("lifecycle costs nothing of the budget", async () => {
    const details = [{ type: "narrowgate_call", tools: ["desk.*"], actions: ["read"], calls: 1 }]
    const { token } = await openTask("first", { authorization_details: JSON.stringify(details) })
    const post = async (body: string) =>
      (await callWith(token, "/desk/mcp", { method: "POST", body, headers: JSON_TYPE })).code
    expect([await post(rpc("ping")), await post(rpc("ping")), await post(call("search"))]).toEqual(["ok", "ok", "ok"])
    expect([await post(call("search")), await post(rpc("ping"))]).toEqual(["budget_exhausted", "ok"])
  })
})
