import { beforeEach, describe, expect, test, vi } from "vitest"
import { Outbox } from "../../src/ledger/record-outbox.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { ListFilter } from "../../src/core/policy/definition/gateways.ts"
import { openChild, openTask } from "../harness/agents.ts"
import { publish, showOlder, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith, keyOf, ORIGIN } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { agentId, idToken, US } from "../harness/issuers.ts"
import { callsOf, evict } from "../harness/ledgers.ts"
import { endpoint, filter, toolList, withServers, type Filtering } from "../harness/listings.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf, type ProofKey } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"
import { lift, stop } from "../harness/switches.ts"

beforeEach(async () => {
  await publish(withServers(await yard()))
})
freshIsolateForEach()

const MANY = Array.from({ length: 300 }, (_, at) => `more-${at}`)

function withMany(body: BundleBody): BundleBody {
  const like = body.tools.find(({ name }) => name === "files.purge")
  if (!like) throw new Error("the yard has changed")
  return { ...body, tools: [...body.tools, ...MANY.map((name) => ({ ...like, name: `files.${name}` }))] }
}

const FILES = ["list", "read", "write", "purge", "forbidden", "elsewhere"]
const keptOf = async (token: string, server: string, names: readonly string[], more: Filtering = {}) => {
  const { kept, code } = await filter(token, server, names, more)
  return kept ?? code
}

describe("a list of tools is cut down to what may be called:", () => {
  test("the grant, the catalog and policy say which", async () => {
    const { token } = await openTask("first")
    // `purge` is restricted, `forbidden` may be delegated alone, `elsewhere` is in no catalog.
    expect(await keptOf(token, "files", FILES)).toEqual(["list", "read", "write"])
    const narrow = await openTask("first", { scope: "files.list:read" })
    expect(await keptOf(narrow.token, "files", FILES)).toEqual(["list"])
  })

  test("every grant up the tree and every agent of the chain", async () => {
    const root = await openTask("first", { scope: "files.*:read files.*:write" })
    // Not even with its user's and parent's consent: `second` never writes.
    const child = await openChild(root.token, "second", { scope: "files.*:read files.*:write" })
    expect(await keptOf(child.token, "files", FILES)).toEqual(["list", "read"])
    const grandchild = await openChild(child.token, "third", { scope: "files.list:read" })
    expect(await keptOf(grandchild.token, "files", FILES)).toEqual(["list"])
  })

  test("whoever a call is made for may have less than who makes it", async () => {
    const body = withServers(await yard())
    const ceiling = body.agents.find(({ id }) => id === agentId("second"))?.ceiling
    const agents = body.agents.map((each) => (ceiling && each.id === agentId("third") ? { ...each, ceiling } : each))
    await publish({ ...body, agents }, 2)
    forgetCaches()
    const scope = "files.*:read files.*:write"
    const alone = await openTask("third", { scope })
    expect(await keptOf(alone.token, "files", FILES)).toEqual(["list", "read", "write"])
    const root = await openTask("first", { scope })
    const middle = await openChild(root.token, "second", { scope })
    const below = await openChild(middle.token, "third", { scope })
    expect(await keptOf(below.token, "files", FILES)).toEqual(["list", "read"])
  })

  test("the user", async () => {
    const junior = await idToken("bob", { claims: { groups: ["staff", "juniors"] } })
    const { token } = await openTask("first", { subject_token: junior })
    expect(await keptOf(token, "files", FILES)).toEqual(["list", "read"])
  })

  test("a rule about what the tree has done hides a tool from then on, one about arguments does not", async () => {
    const { token } = await openTask("first")
    expect(await keptOf(token, "mail", ["send"])).toEqual(["send"])
    expect((await callWith(token, "/vault/1")).code).toBe("ok")
    expect(await keptOf(token, "mail", ["send"])).toEqual([])
    expect(await keptOf(token, "sums", ["double"])).toEqual(["double"])
  })

  test("what a login would lift stays: only the call tells that one is needed", async () => {
    const { token } = await openTask("first")
    expect(await keptOf(token, "safe", ["open", "fill"])).toEqual(["open", "fill"])
  })

  test("the environment of the gateway", async () => {
    const { token } = await openTask("first", { purpose: "errand" })
    expect(await keptOf(token, "files", FILES)).toEqual(["read"])
    expect(await keptOf(token, "files", FILES, { gateway: "live" })).toBe("insufficient_scope")
  })

  test("a gateway that passes no bodies on: only what is read from headers, and needs no arguments", async () => {
    const { token } = await openTask("first")
    expect(await keptOf(token, "files", FILES, { gateway: "nginx" })).toEqual([])
    expect(await keptOf(token, "desk", ["search", "pay"], { gateway: "nginx" })).toEqual(["search", "pay"])
    const details = [{ type: "narrowgate_call", tools: ["desk.*"], actions: ["read"], arguments: { q: { eq: "a" } } }]
    const bounded = await openTask("first", { authorization_details: JSON.stringify(details) })
    expect(await keptOf(bounded.token, "desk", ["search"], { gateway: "nginx" })).toEqual([])
    expect(await keptOf(bounded.token, "desk", ["search"])).toEqual(["search"])
  })

  test("calls that are used up", async () => {
    const details = [{ type: "narrowgate_call", tools: ["files.*"], actions: ["read"], calls: 1 }]
    const { token } = await openTask("first", { authorization_details: JSON.stringify(details) })
    expect(await keptOf(token, "files", FILES)).toEqual(["list", "read"])
    expect((await callWith(token, "/files")).code).toBe("ok")
    expect(await keptOf(token, "files", FILES)).toEqual([])
  })

  test("a plan: what may still come stays, what cannot any more goes", async () => {
    const { token } = await openTask("first", { purpose: "in-order" })
    expect(await keptOf(token, "files", FILES)).toEqual(["list", "read"])
    expect(await keptOf(token, "mail", ["send"])).toEqual(["send"])
    for (const path of ["/files", "/files/a"]) expect((await callWith(token, path)).code).toBe("ok")
    expect(await keptOf(token, "files", FILES)).toEqual([])
    expect(await keptOf(token, "desk", ["search", "pay"])).toEqual(["search"])
  })

  test("a switch on a tool; one on the agent ends it all", async () => {
    const { token } = await openTask("first")
    const id = await stop({ kind: "tool", tool: "files.read" })
    expect(await keptOf(token, "files", FILES)).toEqual(["list", "write"])
    await lift(id)
    await stop({ kind: "agent", agent: agentId("first") })
    expect(await keptOf(token, "files", FILES)).toBe("invalid_token")
  })

  test("all else is as the server said it", async () => {
    const { token } = await openTask("first", { scope: "files.list:read" })
    const tool = { name: "list", title: "ü\u2028", inputSchema: { properties: { a: { default: [1.5, null] } } }, x: {} }
    const rest = { nextCursor: "c", _meta: { a: [1] }, ttl: 3 }
    const body = { jsonrpc: "2.0", id: "i", result: { tools: [{ name: "read" }, tool, tool], ...rest }, more: true }
    const { text, headers } = await filter(token, "files", [], { body: JSON.stringify(body) })
    expect(JSON.parse(text)).toEqual({ ...body, result: { tools: [tool, tool], ...rest } })
    expect([headers.get("Content-Type"), headers.get("Cache-Control")]).toEqual(["application/json", "no-store"])
    expect(await keptOf(token, "files", [])).toEqual([])
  })
})

describe("a gateway with `filters_lists`", () => {
  const publishWith = async (filters_lists: ListFilter, seq = 2): Promise<void> => {
    const body = withServers(await yard())
    const gateways = body.gateways.map((each) => (each.id === "envoy" ? { ...each, filters_lists } : each))
    await publish({ ...body, gateways }, seq)
    forgetCaches()
  }

  test("leaves what the agent can obtain by requesting more scope, and nothing else that it cannot call", async () => {
    await publishWith("obtainable")
    const { token } = await openTask("first", { scope: "files.list:read" })
    expect(await keptOf(token, "files", FILES)).toEqual(["list", "read", "write"])
    await stop({ kind: "tool", tool: "files.read" })
    expect(await keptOf(token, "files", FILES)).toEqual(["list", "write"])
    await publishWith("granted", 3)
    expect(await keptOf(token, "files", FILES)).toEqual(["list"])
  })

  test("leaves no more than those have for whom the agent works", async () => {
    await publishWith("obtainable")
    const root = await openTask("first", { scope: "files.list:read files.read:read" })
    const child = await openChild(root.token, "second", { scope: "files.list:read" })
    expect(await keptOf(child.token, "files", FILES)).toEqual(["list", "read"])
    const narrow = await openTask("first", { scope: "files.list:read" })
    const below = await openChild(narrow.token, "second", { scope: "files.list:read" })
    expect(await keptOf(below.token, "files", FILES)).toEqual(["list"])
  })

  test("is told with the allow of which server the answer is a list, and no other gateway is", async () => {
    await publishWith("granted")
    const { token } = await openTask("first")
    const asked = async (gateway: string, method: string) => {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: {} })
      const headers = { "Content-Type": "application/json" }
      const call = { method: "POST", headers, body }
      const { status, headers: told } = await callWith(token, endpoint("files"), call, gateway)
      return [status, told.get("X-Narrowgate-List")]
    }
    for (const method of ["tools/list", "resources/list", "resources/templates/list", "prompts/list"])
      expect(await asked("envoy", method), method).toEqual([200, "files"])
    for (const method of ["ping", "initialize", "logging/setLevel"])
      expect(await asked("envoy", method), method).toEqual([200, null])
    expect(await asked("traefik", "tools/list")).toEqual([200, null])
  })
})

const utf8 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(new TextEncoder().encode(text))
const rpc = (result: string): string => `{"jsonrpc":"2.0","id":1,"result":${result}}`
const STREAM = "text/event-stream"
const NOTICE = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}'
const FAULT = '{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"Method not found"}}'
const MALFORMED: readonly (readonly [what: string, body: string | Uint8Array<ArrayBuffer>, type?: string])[] = [
  ["nothing", ""],
  ["no JSON", "{"],
  ["a batch", `[${toolList([])}]`],
  ["another version", '{"jsonrpc":"1.0","id":1,"result":{"tools":[]}}'],
  ["an error that is none", '{"jsonrpc":"2.0","id":1,"error":[]}'],
  ["an error beside a method", '{"jsonrpc":"2.0","id":1,"error":{},"method":"x"}'],
  ["an error and a result in other case", '{"jsonrpc":"2.0","id":1,"error":{},"Result":{"tools":[]}}'],
  ["a notification", NOTICE],
  ["a result and an error", '{"jsonrpc":"2.0","id":1,"error":{},"result":{"tools":[]}}'],
  ["a request", '{"jsonrpc":"2.0","id":1,"method":"tools/list","result":{"tools":[]}}'],
  ["no tools", rpc("{}")],
  ["tools that are no list", rpc('{"tools":{}}')],
  ["a tool that is none", rpc('{"tools":["list"]}')],
  ["a tool without a name", rpc('{"tools":[{"title":"list"}]}')],
  ["a name that is none", rpc('{"tools":[{"name":["list"]}]}')],
  ["two names", rpc('{"tools":[{"name":"list","name":"write"}]}')],
  ["two names in other case", rpc('{"tools":[{"name":"list","Name":"write"}]}')],
  ["two lists", rpc('{"tools":[],"tools":[{"name":"write"}]}')],
  ["a second list in other case", rpc('{"tools":[],"Tools":[{"name":"write"}]}')],
  ["a list in other case alone", rpc('{"Tools":[{"name":"write"}]}')],
  ["a second result in other case", '{"jsonrpc":"2.0","id":1,"result":{"tools":[]},"Result":{"tools":[]}}'],
  ["an error in other case", '{"jsonrpc":"2.0","id":1,"result":{"tools":[]},"Error":{}}'],
  ["a cursor in other case", rpc('{"tools":[],"nextcur\u017for":"2"}')],
  ["a number that is not exact", rpc('{"tools":[],"n":9007199254740993}')],
  ["a byte order mark", utf8(`\ufeff${toolList([])}`)],
  ["invalid UTF-8", Uint8Array.from([...utf8('{"jsonrpc":"2.0","id":"'), 0xff, ...utf8('","result":{"tools":[]}}')])],
  ["one of more than 20,000 members and elements", rpc(`{"tools":[],"x":[${"1,".repeat(19_994)}1]}`)],
  ["more than a mebibyte", toolList(["x".repeat(1_048_576)])],
  ["an event stream by another type", `data: ${toolList([])}\n\n`],
  ["JSON by the type of an event stream", toolList([]), STREAM],
  ["an event stream without an answer", `id: 1\ndata:\n\ndata: ${NOTICE}\n\n`, STREAM],
  ["an event stream whose answer is not complete", `data: ${toolList([])}\n`, STREAM],
  ["an event stream with two answers", `data: ${toolList([])}\n\ndata: ${toolList([])}\n\n`, STREAM],
  ["an event stream with a list after an error", `data: ${FAULT}\n\ndata: ${toolList([])}\n\n`, STREAM],
  ["an event stream with a batch", `data: [${toolList([])}]\n\n`, STREAM],
  ["an event stream with no JSON", `data: x\n\ndata: ${toolList([])}\n\n`, STREAM],
  ["no JSON by its type", toolList([]), "text/plain"],
  ["in another charset", toolList([]), "application/json; charset=utf-16"],
]
const MALFORMED_CASES = MALFORMED.map(([what, body, type = "application/json"]) => ({ what, body, type }))

describe("a server's answer", () => {
  const sent = async (body: string, type?: string) => {
    const { token } = await openTask("first")
    return filter(token, "files", [], { body, headers: type === undefined ? {} : { "Content-Type": type } })
  }

  test("comes back as an event stream, with the messages before it and without what a client could resume from", async () => {
    const list = toolList(FILES, { note: "\u2028" })
    const stream = `: hello\r\nid: 1\nretry: 5\ndata:\n\nevent: message\r\nid: 2\r\ndata: ${NOTICE}\r\n\r\nevent: other\ndata: ${list}\n\ndata:${list}\nid: 3\n\n`
    const { status, headers, text, decision } = await sent(stream, "Text/Event-Stream; charset=utf-8")
    expect([status, headers.get("Content-Type")]).toEqual([200, STREAM])
    const kept = toolList(["list", "read", "write"], { note: "\u2028" })
    expect(text).toBe([NOTICE, kept].map((data) => `event: message\ndata: ${data}\n\n`).join(""))
    expect(await recordOf(decision)).toMatchObject({ listing: { asked: 6 } })
  })

  test("comes back as it is if it is an error, which lists nothing", async () => {
    for (const [body, type, back] of [
      [FAULT, "application/json", FAULT],
      [`id: 1\ndata: ${FAULT}\n\n`, STREAM, `event: message\ndata: ${FAULT}\n\n`],
    ] as const) {
      const { status, headers, text, decision } = await sent(body, type)
      expect([status, headers.get("Content-Type"), text, decision]).toEqual([200, type, back, ""])
    }
  })

  test("is for its caller alone, whatever the server says of caches", async () => {
    const { text } = await sent(toolList(FILES, { ttlMs: 1000, cacheScope: "public" }))
    expect(JSON.parse(text)).toMatchObject({ result: { ttlMs: 1000, cacheScope: "private" } })
  })
})

describe("a list of tools is refused", () => {
  const refused = async (token: string, more: Filtering = {}, server = "files") => {
    const { code, status, kept } = await filter(token, server, FILES, more)
    expect(kept).toBeNull()
    return [code, status]
  }

  test("to a gateway that is not known, and to one that shows its key in the wrong place", async () => {
    const { token } = await openTask("first")
    const keys: readonly Readonly<Record<string, string>>[] = [
      { "X-Narrowgate-Filter-Key": "" },
      { "X-Narrowgate-Filter-Key": "key-of-nobody" },
      { "X-Narrowgate-Filter-Key": `${keyOf("envoy")}, ${keyOf("envoy")}` },
      { "X-Narrowgate-Filter-Key": "x".repeat(300) },
      // Whatever else it carries: such a request gets a 2xx below /authz/ alone.
      { "X-Narrowgate-Key": keyOf("envoy") },
      { "X-Narrowgate-Key": "" },
    ]
    for (const headers of keys) expect(await refused(token, { headers })).toEqual(["unknown_gateway", 403])
    // And the filter's key opens no question about a call.
    const headers = { "X-Narrowgate-Filter-Key": keyOf("traefik"), Authorization: `Bearer ${token}` }
    const forward = { ...headers, "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/files" }
    const response = await knock(new Request(`${US}/authz/forward`, { headers: forward }))
    expect([response.status, response.headers.get("X-Narrowgate-Code")]).toEqual([403, "unknown_gateway"])
    await response.body?.cancel()
  })

  test("of no server, an unknown one, one of another gateway", async () => {
    const { token } = await openTask("first")
    expect(await refused(token, {}, "nowhere")).toEqual(["unknown_tool", 403])
    expect(await refused(token, {}, "files, desk")).toEqual(["unknown_tool", 403])
    const body = withServers(await yard())
    const servers = body.servers.map((server) => ({ ...server, origin: "https://other.test" }))
    await publish({ ...body, servers }, 2)
    forgetCaches()
    expect(await refused(token)).toEqual(["unknown_tool", 403])
  })

  test("for a token that opens no call", async () => {
    const { token, task } = await openTask("first")
    expect(await refused("x")).toEqual(["invalid_token", 401])
    expect(await refused(token, { gateway: "elsewhere" })).toEqual(["invalid_token", 401])
    expect(await refused(`${token.slice(0, -8)}AAAAAAAA`)).toEqual(["invalid_token", 401])
    const { headers } = await filter("x", "files", FILES)
    expect(headers.get("WWW-Authenticate")).toContain("resource_metadata=")
    expect(await keptOf(token, "files", FILES)).toEqual(["list", "read", "write"])
    await complete(task, await bearerOf("operator"))
    expect(await refused(token)).toEqual(["invalid_token", 401])
  })

  test("for a token that was revoked, though its task goes on", async () => {
    const { token } = await openTask("first")
    const other = await openTask("first")
    const revoked = await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, { token })
    expect(revoked.status).toBe(200)
    expect(await refused(token)).toEqual(["invalid_token", 401])
    expect(await keptOf(other.token, "files", FILES)).toEqual(["list", "read", "write"])
  })

  test("for an agent that is registered no more, and for one that works for it", async () => {
    const root = await openTask("first")
    const child = await openChild(root.token, "second")
    const body = withServers(await yard())
    const without = async (agent: string, seq: number): Promise<void> => {
      await publish({ ...body, agents: body.agents.filter(({ id }) => id !== agentId(agent)) }, seq)
      forgetCaches()
    }
    await without("second", 2)
    expect(await refused(child.token)).toEqual(["policy_denied", 403])
    expect(await keptOf(root.token, "files", FILES)).toEqual(["list", "read", "write"])
    await without("first", 3)
    expect(await refused(child.token)).toEqual(["policy_denied", 403])
    expect(await refused(root.token)).toEqual(["policy_denied", 403])
  })

  test("but not for 20,000 members and elements in all", async () => {
    const { token } = await openTask("first")
    const body = rpc(`{"tools":[{"name":"list"}],"x":[${"1,".repeat(19_992)}1]}`)
    expect((await filter(token, "files", [], { body })).kept).toEqual(["list"])
  })

  test("nor for two hundred tools with a schema of a hundred, of nearly a mebibyte", async () => {
    const { token } = await openTask("first")
    const properties = Object.fromEntries(
      Array.from({ length: 31 }, (_, nth) => [`customerName${nth}`, { type: "string", description: "d".repeat(95) }]),
    )
    const others = Array.from({ length: 199 }, (_, nth) => ({ name: `x${nth}`, inputSchema: { properties } }))
    const body = rpc(JSON.stringify({ tools: [{ name: "list" }, ...others] }))
    expect(body.length).toBeGreaterThan(900_000)
    expect((await filter(token, "files", [], { body })).kept).toEqual(["list"])
  })

  test("to whom may not list at all", async () => {
    const { token } = await openTask("first", { scope: "desk.*:read" })
    expect(await refused(token)).toEqual(["insufficient_scope", 403])
    const other = await openTask("first")
    await stop({ kind: "tool", tool: "files.mcp.*" })
    expect(await refused(other.token)).toEqual(["policy_denied", 403])
  })

  test.each(MALFORMED_CASES)("that is $what", async ({ body, type }) => {
    const headers = { "Content-Type": type }
    const { token, task } = await openTask("first")
    expect(await refused(token, { body, headers })).toEqual(["malformed_call", 400])
    expect(await refused(token, { headers: { "Content-Encoding": "gzip" } })).toEqual(["malformed_call", 400])
    expect(await callsOf(task)).toBe(0)
  })
})

describe("a token that is bound to a key", () => {
  const uri = ORIGIN + endpoint("files")
  const open = async (holder: ProofKey) => openTask("first", { scope: "files.list:read" }, await proofForToken(holder))
  const shown = async (holder: ProofKey, token: string, more = {}) => ({
    headers: { Authorization: `DPoP ${token}`, DPoP: await proofOf(holder, "POST", uri, token, more) },
  })

  test("needs a proof for the server's endpoint", async () => {
    const holder = await newProofKey()
    const { token } = await open(holder)
    expect(await keptOf(token, "files", FILES)).toBe("invalid_token")
    const proof = await shown(holder, token)
    expect(await keptOf(token, "files", FILES, proof)).toEqual(["list"])
    const stranger = await newProofKey()
    expect(await keptOf(token, "files", FILES, await shown(stranger, token))).toBe("invalid_token")
    expect(await keptOf(token, "files", FILES, await shown(holder, token, { claims: { htm: "GET" } }))).toBe(
      "invalid_token",
    )
    expect(
      await keptOf(token, "files", FILES, await shown(holder, token, { claims: { htu: `${US}/v1/tools/filter` } })),
    ).toBe("invalid_token")
  })

  test("takes the proof that the request for the list has used up, and uses none up itself", async () => {
    const holder = await newProofKey()
    const { token, task } = await open(holder)
    const proof = await shown(holder, token)
    const call = async () =>
      callWith(token, endpoint("files"), {
        method: "POST",
        body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
        headers: { ...proof.headers, "Content-Type": "application/json" },
      })
    expect(await keptOf(token, "files", FILES, proof)).toEqual(["list"])
    expect((await call()).code).toBe("ok")
    expect(await keptOf(token, "files", FILES, proof)).toEqual(["list"])
    await evict(task)
    expect(await keptOf(token, "files", FILES, proof)).toEqual(["list"])
    expect((await call()).code).toBe("invalid_token")
  })
})

describe("asking for a list", () => {
  test("counts nothing, and is recorded with what was hidden for which reason", async () => {
    const { token, task } = await openTask("first", { scope: "files.*:read files.write:write" })
    await stop({ kind: "tool", tool: "files.read" })
    const { decision } = await filter(token, "files", FILES)
    expect(await callsOf(task)).toBe(0)
    expect(await recordOf(decision)).toMatchObject({
      kind: "management",
      decision: "allow",
      code: "ok",
      gateway: "envoy",
      tool: "files.mcp.tools-list",
      task,
      user: "https://idp.test|alice",
      chain: [agentId("first")],
      listing: {
        asked: 6,
        hidden: { tool_stopped: 1, tool_unknown: 1, tool_not_granted: 1, policy_permits_nothing: 1 },
        tools: {
          tool_stopped: ["files.read"],
          tool_unknown: ["files.elsewhere"],
          tool_not_granted: ["files.purge"],
          policy_permits_nothing: ["files.forbidden"],
        },
      },
    })
    const refused = await filter("x", "files", FILES)
    expect(await recordOf(refused.decision)).toMatchObject({
      kind: "management",
      code: "invalid_token",
      path: "/files/mcp",
    })
  })

  test("waits to be recorded as what it is made of, or as its record where that is much", async () => {
    const keepRead = vi.spyOn(Outbox.prototype, "keepRead")
    const { token } = await openTask("first", { scope: "files.*:read" })
    await filter(token, "files", FILES)
    await publish(withServers(withMany(await yard())), 2)
    forgetCaches()
    await filter(token, "files", MANY)
    const [short = 0, long = 0] = keepRead.mock.calls.map(([, size]) => size)
    vi.restoreAllMocks()
    expect(short).toBeGreaterThan(FILES.join().length)
    expect(short).toBeLessThan(1_000)
    // Each tool asked about, and of each why it is hidden.
    expect(long).toBeGreaterThan(2 * MANY.join().length)
  })

  test("through a gateway that only observes hides nothing", async () => {
    const { token } = await openTask("first")
    const body = toolList(FILES)
    const { text, decision } = await filter(token, "files", FILES, { gateway: "watch" })
    expect(text).toBe(body)
    expect(await recordOf(decision)).toMatchObject({ mode: "observe" })
    expect((await filter("x", "files", FILES, { gateway: "watch" })).text).toBe(body)
  })

  const held = MALFORMED_CASES.filter(({ what }) => what !== "more than a mebibyte")
  test.each(held)("through one that only observes gives back what is $what", async ({ body, type }) => {
    const asked = { gateway: "watch", body, headers: { "Content-Type": type } }
    const { status, headers, text, decision } = await filter("x", "files", [], asked)
    expect([status, headers.get("Content-Type")]).toEqual([200, type])
    expect(text).toBe(typeof body === "string" ? body.replace(/^\ufeff/u, "") : new TextDecoder().decode(body))
    expect(await recordOf(decision)).toMatchObject({ mode: "observe", decision: "deny" })
  })

  test("through one that only observes gives back what is packed, and what is of no server", async () => {
    const stream = new Blob([toolList(FILES)]).stream().pipeThrough(new CompressionStream("gzip"))
    const packed = new Uint8Array(await new Response(stream).arrayBuffer())
    const asked = { gateway: "watch", body: packed, headers: { "Content-Encoding": "gzip" } }
    const { status, headers, text } = await filter("x", "files", [], asked)
    expect([status, headers.get("Content-Encoding"), text]).toEqual([200, "gzip", toolList(FILES)])
    expect((await filter("x", "nowhere", FILES, { gateway: "watch" })).text).toBe(toolList(FILES))
  })

  test("of a ledger that knows a newer bundle is answered by that one", async () => {
    const body = withServers(await yard())
    const older = await publish(body, 2)
    forgetCaches()
    const { token } = await openTask("first")
    await publish({ ...body, tools: body.tools.filter(({ name }) => name !== "files.read") }, 3)
    forgetCaches()
    expect((await callWith(token, "/files")).code).toBe("ok")
    // Another isolate, which cannot know.
    await showOlder(older)
    forgetCaches()
    const { kept, decision } = await filter(token, "files", FILES)
    expect(kept).toEqual(["list", "write"])
    expect(await recordOf(decision)).toMatchObject({ bundle: { seq: 3 } })
  })
})
