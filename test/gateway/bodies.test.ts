import { describe, expect, test } from "vitest"
import { openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"

yardForEach()

const JSON_TYPE = { "Content-Type": "application/json" }
const MODERN = { "MCP-Protocol-Version": "2026-07-28" }
const named = (method: string, name?: string) => ({
  ...MODERN,
  "Mcp-Method": method,
  ...(name === undefined ? {} : { "Mcp-Name": name }),
})
const base64 = (name: string): string => `=?base64?${btoa(name)}?=`

describe.each(["nginx", "caddy"])("headers alone, through %s", (gateway) => {
  const ask = async (
    headers: Readonly<Record<string, string>>,
    path = "/desk/mcp",
    scope = "desk.*:read desk.*:write shed.*:read",
  ) => {
    const { token } = await openTask("first", { scope })
    return (await callWith(token, path, { method: "POST", headers }, gateway)).code
  }

  test("of a server known to enforce them are believed", async () => {
    expect(await ask(named("tools/call", "search"))).toBe("ok")
    expect(await ask(named("tools/call", base64("pay")))).toBe("ok")
    expect(await ask(named("tools/list"))).toBe("ok")
    expect(await ask(named("tools/call", "pay"), "/desk/mcp", "desk.*:read")).toBe("insufficient_scope")
    expect(await ask(named("tools/call", "launch"))).toBe("unknown_tool")
  })

  const DISTRUSTED: readonly (readonly [what: string, headers: Readonly<Record<string, string>>, path?: string])[] = [
    ["of a server that is not known to", named("tools/call", "look"), "/shed/mcp"],
    ["of an older version", { ...named("tools/call", "search"), "MCP-Protocol-Version": "2025-11-25" }],
    [
      "of a version to come, which nobody has probed",
      { ...named("tools/call", "search"), "MCP-Protocol-Version": "2027-01-01" },
    ],
    ["without a version", { "Mcp-Method": "tools/call", "Mcp-Name": "search" }],
    ["of two versions", { ...named("tools/call", "search"), "MCP-Protocol-Version": "2026-07-28, 2025-11-25" }],
    ["without a method", { ...MODERN, "Mcp-Name": "search" }],
    ["without a name", named("tools/call")],
    ["with a name in broken base64", named("tools/call", "=?base64?A?=")],
    ["with a name that is no ASCII", named("tools/call", "s\u00eb")],
  ]
  test.each(DISTRUSTED.map(([what]) => what))("%s are not", async (what) => {
    const [, headers = {}, path] = DISTRUSTED.find(([each]) => each === what) ?? []
    expect(await ask(headers, path)).toBe("malformed_call")
  })

  test.each(["application/x-www-form-urlencoded", "application/json"])(
    "of a GET that announce a body of type %s leave its arguments unknown, which some upstreams read there",
    async (type) => {
      const wanted = { tools: ["files.*"], actions: ["read"], arguments: { mode: { eq: "plain" } } }
      const details = JSON.stringify([{ type: "narrowgate_call", ...wanted }])
      const { token } = await openTask("first", { authorization_details: details })
      const codeOf = async (headers: Readonly<Record<string, string>>): Promise<string> =>
        (await callWith(token, "/files/a?mode=plain", { headers }, gateway)).code
      expect(await codeOf({})).toBe("ok")
      expect(await codeOf({ "Content-Type": type })).not.toBe("ok")
    },
  )

  test("of a GET for a stream of an MCP server may say a type, as some clients do", async () => {
    const { token } = await openTask("first", { scope: "desk.*:read" })
    const headers = { "Content-Type": "application/json", Accept: "text/event-stream" }
    const [typed, plain] = [headers, { Accept: "text/event-stream" }]
    const codes = []
    for (const each of [typed, plain]) codes.push((await callWith(token, "/desk/mcp", { headers: each }, gateway)).code)
    expect(codes).toEqual(["ok", "ok"])
  })

  test("do not tell arguments: a grant that bounds one is refused", async () => {
    const wanted = { tools: ["desk.*"], actions: ["read"], arguments: { q: { eq: "x" } } }
    const details = JSON.stringify([{ type: "narrowgate_call", ...wanted }])
    const { token } = await openTask("first", { authorization_details: details })
    const search = { method: "POST", headers: named("tools/call", "search") }
    expect((await callWith(token, "/desk/mcp", search, gateway)).code).toBe("malformed_call")
  })

  test("nor do routes: a rule that reads the body is not satisfied by the query", async () => {
    const { token } = await openTask("first", { scope: "mail.*:write" })
    for (const path of ["/mail", "/mail?to=a@example.org"]) {
      expect((await callWith(token, path, { method: "POST", headers: JSON_TYPE }, gateway)).code).toBe("malformed_call")
    }
  })
})

describe("the body of an HTTP route", () => {
  const mail = async (body: string, headers: Readonly<Record<string, string>> = JSON_TYPE, path = "/mail") => {
    const { token } = await openTask("first", { scope: "mail.*:write" })
    return (await callWith(token, path, { method: "POST", body, headers })).code
  }

  const CASES: readonly {
    readonly to: string
    readonly body: string
    readonly code: string
    readonly headers?: Readonly<Record<string, string>>
    readonly path?: string
  }[] = [
    { to: "one address in house", body: '{"to":"a@example.org"}', code: "ok" },
    { to: "one outside", body: '{"to":"a@evil.test"}', code: "policy_denied" },
    { to: "none", body: "{}", code: "policy_denied" },
    { to: "two", body: '{"to":"a@example.org","to":"a@evil.test"}', code: "malformed_call" },
    { to: "two, by case", body: '{"to":"a@example.org","TO":"a@evil.test"}', code: "malformed_call" },
    { to: "one in another spelling", body: '{"To":"a@evil.test"}', code: "malformed_call" },
    {
      to: "two, in body and query",
      body: '{"to":"a@example.org"}',
      code: "malformed_call",
      path: "/mail?to=a@evil.test",
    },
    { to: "a list", body: '["a@example.org"]', code: "malformed_call" },
    {
      to: "a form",
      body: "to=a@example.org",
      code: "malformed_call",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    },
    { to: "what is said to be JSON", body: "to=a@example.org", code: "malformed_call" },
    {
      to: "JSON that is not said to be",
      body: '{"to":"a@example.org"}',
      code: "malformed_call",
      headers: { "Content-Type": "text/plain" },
    },
  ]
  test.each(CASES)("mail to $to: $code", async ({ body, code, headers, path }) => {
    expect(await mail(body, headers, path)).toBe(code)
  })
})

test.each([
  ["one of 1 MiB is", 1_048_576, "ok"],
  ["one byte more is not", 1_048_577, "malformed_call"],
])("a body of which nothing is read passes: %s", async (_what, bytes, code) => {
  const { token } = await openTask("first", { scope: "files.*:write" })
  const request = { method: "POST", body: "x".repeat(bytes), headers: { "Content-Type": "text/plain" } }
  expect((await callWith(token, "/files/a", request)).code).toBe(code)
})

describe("arguments of a long body", () => {
  const search = async (filler: string): Promise<string> => {
    const wanted = { tools: ["desk.*"], actions: ["read"], arguments: { q: { eq: "x" } } }
    const details = JSON.stringify([{ type: "narrowgate_call", ...wanted }])
    const { token } = await openTask("first", { authorization_details: details })
    const params = { name: "search", arguments: { q: "x", filler } }
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params })
    return (await callWith(token, "/desk/mcp", { method: "POST", body, headers: JSON_TYPE })).code
  }

  test.each([
    { what: "260,000 bytes of ASCII", filler: "a".repeat(260_000), code: "ok" },
    { what: "more", filler: "a".repeat(263_000), code: "malformed_call" },
    { what: "260,000 bytes of other characters", filler: "€".repeat(86_666), code: "ok" },
    { what: "more bytes, although fewer characters", filler: "€".repeat(88_000), code: "malformed_call" },
  ])("$what: $code", async ({ filler, code }) => {
    expect(await search(filler)).toBe(code)
  })
})
