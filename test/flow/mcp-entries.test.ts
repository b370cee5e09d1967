/** Everything of an MCP server is decided by its entry: resources, prompts, and what opens and keeps a session. */
import { beforeEach, describe, expect, test } from "vitest"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { HTTP_DIALECTS, type HttpDialect } from "../harness/gateways.ts"
import { HOSTILE_URIS } from "../harness/hostile-uris.ts"
import { filter, type Filtering } from "../harness/listings.ts"
import { message, withDocs } from "../harness/docs-server.ts"
import { post } from "../harness/mcp-entries.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { recordOf } from "../harness/records.ts"
import { lift, stop } from "../harness/switches.ts"

beforeEach(async () => {
  await publish(withDocs(await yard()))
})
freshIsolateForEach()

const READS = { scope: "docs.*:read" }
const codeOf = async (...given: Parameters<typeof post>) => (await post(...given)).code
const toolOf = async (token: string, body: string) => {
  const { code, decision } = await post(token, body)
  return code === "ok" ? (await recordOf(decision)).tool : code
}
const listen = (...uris: readonly unknown[]) =>
  message("subscriptions/listen", { notifications: { toolsListChanged: true, resourceSubscriptions: uris } })
const completion = (ref: unknown) => message("completion/complete", { ref, argument: { name: "table", value: "" } })
const answer = (result: unknown) => JSON.stringify({ jsonrpc: "2.0", id: 1, result })
const ELICITED = { action: "accept", content: { name: "a" } }
const SAMPLED = { role: "assistant", model: "m", content: { type: "text", text: "a" } }
const ROOTS = { roots: [{ uri: "file:///a" }] }

describe("each message is a call of its entry:", () => {
  test.each<readonly [body: string, tool: string]>([
    [message("resources/read", { uri: "db://tables/orders" }), "docs.table"],
    [message("resources/read", { uri: "db://tables/salaries" }), "docs.salaries"],
    [message("resources/read", { uri: "db://views/orders" }), "unknown_tool"],
    [message("resources/read", { uri: ["db://tables/orders"] }), "malformed_call"],
    [message("resources/read"), "malformed_call"],
    [message("resources/subscribe", { uri: "note:a" }), "docs.note"],
    [message("resources/unsubscribe", { uri: "note:a" }), "docs.mcp.unsubscribe"],
    [listen("note:a"), "docs.note"],
    [listen("note:a", "note:b"), "docs.note"],
    [listen("note:a", "note:a"), "docs.note"],
    [listen("note:a", "db://tables/orders"), "malformed_call"],
    [listen("note:a", "note:../b"), "malformed_call"],
    [listen("note:a", 7), "malformed_call"],
    [listen("other:a"), "unknown_tool"],
    [listen(), "docs.mcp.listen"],
    [message("subscriptions/listen", { notifications: { taskIds: [] } }), "docs.mcp.listen"],
    [message("subscriptions/listen", { notifications: { taskIds: ["a"] } }), "docs.mcp.tasks-get"],
    [message("subscriptions/listen", { notifications: { task_ids: ["a"] } }), "malformed_call"],
    [message("subscriptions/listen", { notifications: { taskIds: "a" } }), "malformed_call"],
    [
      message("subscriptions/listen", { notifications: { taskIds: ["a"], resourceSubscriptions: ["note:a"] } }),
      "malformed_call",
    ],
    [message("subscriptions/listen", { notifications: { everything: true } }), "malformed_call"],
    [message("subscriptions/listen"), "docs.mcp.listen"],
    [message("subscriptions/listen", { notifications: [] }), "malformed_call"],
    [message("subscriptions/listen", { notifications: { resourcesubscriptions: ["note:a"] } }), "malformed_call"],
    // Pydantic reads it so where a model is populated by name.
    [message("subscriptions/listen", { notifications: { resource_subscriptions: ["note:a"] } }), "malformed_call"],
    [message("subscriptions/listen", { notifications: { "resource-Subscriptions": ["note:a"] } }), "malformed_call"],
    [message("prompts/get", { name: "Summary of a table", arguments: { table: "a" } }), "docs.summary"],
    [message("prompts/get", { name: "Summary of a table" }), "docs.summary"],
    [message("prompts/get", { name: "summary of a table" }), "unknown_tool"],
    [message("prompts/get", { name: "docs.summary" }), "unknown_tool"],
    [message("prompts/get", { name: ["Summary of a table"] }), "malformed_call"],
    [message("tools/call", { name: "find" }), "docs.find"],
    // An entry of another kind is no tool.
    [message("tools/call", { name: "table" }), "unknown_tool"],
    [message("tools/call", { name: "summary" }), "unknown_tool"],
    [message("resources/list"), "docs.mcp.resources-list"],
    [message("resources/templates/list"), "docs.mcp.templates-list"],
    [message("prompts/list"), "docs.mcp.prompts-list"],
    [completion({ type: "ref/prompt", name: "Summary of a table" }), "docs.mcp.complete"],
    [completion({ type: "ref/prompt", name: "Summary of a table", title: "A" }), "docs.mcp.complete"],
    [completion({ type: "ref/prompt", name: "a" }), "unknown_tool"],
    [completion({ type: "ref/resource", uri: "db://tables/{table}" }), "docs.mcp.complete"],
    [completion({ type: "ref/resource", uri: "db://tables/orders" }), "docs.mcp.complete"],
    [completion({ type: "ref/resource", uri: "db://views/{view}" }), "unknown_tool"],
    [completion({ type: "ref/resource", uri: "db://tables/../orders" }), "malformed_call"],
    [completion({ type: "ref/prompt", uri: "db://tables/{table}" }), "malformed_call"],
    [completion({ type: "ref/prompt", name: "Summary of a table", uri: "db://tables/{table}" }), "malformed_call"],
    [completion({ type: "ref/resource", name: "Summary of a table", uri: "note:a" }), "malformed_call"],
    [completion({ type: "ref/prompt", name: "Summary of a table", Uri: "note:a" }), "malformed_call"],
    [message("completion/complete", { Ref: { type: "ref/prompt", name: "Summary of a table" } }), "malformed_call"],
    [message("completion/complete"), "malformed_call"],
    [message("logging/setLevel", { level: "info" }), "docs.mcp.logging"],
    [message("notifications/initialized"), "docs.mcp.notifications"],
    // A server may take it for a request of its own.
    [message("notifications/export"), "unknown_method"],
    [message("notifications/message"), "unknown_method"],
    [message("sampling/createMessage"), "unknown_method"],
    [message("tasks/get", { taskId: "a" }), "docs.mcp.tasks-get"],
    [message("tasks/get"), "malformed_call"],
    [message("tasks/get", { TaskId: "a" }), "malformed_call"],
    [message("tasks/result", { taskId: "a" }), "docs.mcp.tasks-result"],
    [message("tasks/list"), "docs.mcp.tasks-list"],
    [message("tasks/cancel", { taskId: "a" }), "docs.mcp.tasks-cancel"],
    [message("tasks/update", { taskId: "a" }), "docs.mcp.tasks-update"],
    [message("tasks/delete", { taskId: "a" }), "unknown_method"],
    [message("resources/directory/read", { uri: "db://tables/orders" }), "unknown_method"],
    [answer(ELICITED), "docs.mcp.elicitation"],
    [answer({ action: "decline" }), "docs.mcp.elicitation"],
    [answer(SAMPLED), "docs.mcp.sampling"],
    [answer(ROOTS), "docs.mcp.roots"],
    [answer({}), "docs.mcp.response"],
    [answer({ task: { taskId: "a" } }), "docs.mcp.response"],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}', "docs.mcp.response"],
    [answer({ ...ELICITED, ...ROOTS }), "malformed_call"],
    [answer({ ...ELICITED, model: "m" }), "malformed_call"],
    [answer({ content: {} }), "malformed_call"],
    [answer({ Action: "accept" }), "malformed_call"],
    ['{"jsonrpc":"2.0","id":1,"error":{},"result":{"action":"accept"}}', "malformed_call"],
  ])("%s: %s", async (body, tool) => {
    const { token } = await openTask("first", READS)
    expect(await toolOf(token, body)).toBe(tool)
  })

  const methodOf = async (...given: Parameters<typeof post>) =>
    (await recordOf((await post(...given)).decision)).mcp_method

  test.each<readonly [body: string, method: string | null]>([
    [message("tools/call", { name: "find" }), "tools/call"],
    [message("resources/read", { uri: "db://tables/orders" }), "resources/read"],
    [message("prompts/get", { name: "Summary of a table" }), "prompts/get"],
    [listen("note:a"), "subscriptions/listen"],
    [completion({ type: "ref/prompt", name: "Summary of a table" }), "completion/complete"],
    [message("tasks/cancel", { taskId: "a" }), "tasks/cancel"],
    [message("notifications/initialized"), "notifications/initialized"],
    [answer(ELICITED), null],
    // Not of this server: its text is nothing that MCP defines.
    [message("tasks/delete"), null],
  ])("the record of %s has the method %s", async (body, method) => {
    const { token } = await openTask("first", READS)
    expect(await methodOf(token, body)).toBe(method)
  })

  test("and so has that of a call which is denied without its ledger, or read from headers alone", async () => {
    const { token } = await openTask("first", { scope: "docs.table:read" })
    const denied = await post(token, message("tools/call", { name: "find" }))
    expect(denied.code).toBe("insufficient_scope")
    expect(await recordOf(denied.decision)).toMatchObject({ mcp_method: "tools/call", number: null })
    const headers = {
      "MCP-Protocol-Version": "2026-07-28",
      "Mcp-Method": "resources/read",
      "Mcp-Name": "db://tables/orders",
    }
    expect(await methodOf(token, "", { headers }, "nginx")).toBe("resources/read")
  })

  test("the reason of an unknown method is its own, so that it can be answered as its server would", async () => {
    const { token } = await openTask("first", READS)
    const { decision } = await post(token, message("tasks/delete"))
    expect((await recordOf(decision)).denial).toMatchObject({ reason: "method_unknown", called: "docs tasks/delete" })
  })

  test("a grant of one entry is none of another, and bounds are about its arguments", async () => {
    const one = await openTask("first", { scope: "docs.table:read" })
    const read = async (token: string, uri: string) => codeOf(token, message("resources/read", { uri }))
    expect(await read(one.token, "db://tables/orders")).toBe("ok")
    expect(await read(one.token, "db://tables/salaries")).toBe("insufficient_scope")
    const details = [
      { type: "narrowgate_call", tools: ["docs.*"], actions: ["read"], arguments: { table: { eq: "a" } } },
    ]
    const { token } = await openTask("first", { authorization_details: JSON.stringify(details) })
    expect(await read(token, "db://tables/a")).toBe("ok")
    expect(await read(token, "db://tables/b")).toBe("insufficient_scope")
    // Of several URIs no argument is known.
    expect(await codeOf(token, listen("db://tables/a", "db://tables/b"))).toBe("malformed_call")
    expect(await codeOf(token, listen("db://tables/a"))).toBe("ok")
  })
})

describe.each(HTTP_DIALECTS)("hostile URIs through %s", (dialect: HttpDialect) => {
  test("are refused", async () => {
    const { token } = await openTask("first", READS)
    const gateway = dialect === "authzen" ? "authzen" : dialect
    for (const [what, uri] of HOSTILE_URIS) {
      const ascii = /^[\x21-\x7e]*$/.test(uri)
        ? uri
        : `=?base64?${btoa(unescape(encodeURIComponent(uri.toWellFormed())))}?=`
      const headers = { "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "resources/read", "Mcp-Name": ascii }
      const answered = await post(token, message("resources/read", { uri }), { headers }, gateway)
      expect(answered.code, what).toBe("malformed_call")
    }
    const uri = "db://tables/orders"
    const headers = { "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "resources/read", "Mcp-Name": uri }
    expect(await codeOf(token, message("resources/read", { uri }), { headers }, gateway)).toBe("ok")
  })
})

describe("headers alone", () => {
  const through = async (token: string, method: string, name?: string) => {
    const named = name === undefined ? {} : { "Mcp-Name": name }
    const headers = { "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, ...named }
    return codeOf(token, message(method), { headers }, "nginx")
  }

  test("name resources and prompts", async () => {
    const { token } = await openTask("first", READS)
    expect(await through(token, "resources/read", "db://tables/orders")).toBe("ok")
    expect(await through(token, "resources/read", "db://views/orders")).toBe("unknown_tool")
    expect(await through(token, "resources/read")).toBe("malformed_call")
    expect(await through(token, "prompts/get", "Summary of a table")).toBe("ok")
    expect(await through(token, "prompts/list")).toBe("ok")
    expect(await through(token, "tasks/get", "a")).toBe("ok")
    // Their resources are in the body.
    expect(await through(token, "resources/subscribe")).toBe("malformed_call")
    expect(await through(token, "subscriptions/listen")).toBe("malformed_call")
  })

  test("show the arguments of a resource, and not those of a prompt", async () => {
    const details = [
      { type: "narrowgate_call", tools: ["docs.*"], actions: ["read"], arguments: { table: { eq: "a" } } },
    ]
    const { token } = await openTask("first", { authorization_details: JSON.stringify(details) })
    expect(await through(token, "resources/read", "db://tables/a")).toBe("ok")
    expect(await through(token, "resources/read", "db://tables/b")).toBe("insufficient_scope")
    expect(await through(token, "prompts/get", "Summary of a table")).toBe("malformed_call")
  })

  test("prove nothing where the catalog says how answers to the server are judged: these are in the body", async () => {
    await publish(withDocs(await yard(), { listed: ["elicitation"] }), 2)
    const { token } = await openTask("first", READS)
    expect(await through(token, "prompts/list")).toBe("malformed_call")
  })

  test("hide no answer that is suspended or that a rule forbids, although the catalog lists none", async () => {
    const { token } = await openTask("first", READS)
    const requests = [
      ["tools/call", "find"],
      ["resources/read", "db://tables/orders"],
      ["prompts/get", "Summary of a table"],
      ["tasks/update", "a"],
    ] as const
    const codes = async (held: string) => {
      const all = requests.map(async ([method, name]) => through(held, method, name))
      return [...(await Promise.all(all)), await through(held, "prompts/list")]
    }
    expect(await codes(token)).toEqual(["ok", "ok", "ok", "ok", "ok"])
    const denied = [...requests.map(() => "policy_denied"), "ok"]
    for (const tool of ["docs.mcp.elicitation", "docs.mcp.sampling", "docs.mcp.roots"]) {
      const id = await stop({ kind: "tool", tool })
      expect(await codes(token), tool).toEqual(denied)
      await lift(id)
    }
    // No rule permits it.
    await publish({ ...withDocs(await yard(), { listed: ["roots"] }), servers: withDocs(await yard()).servers }, 2)
    forgetCaches()
    expect(await codes((await openTask("first", READS)).token)).toEqual(denied)
  })

  test("have to name what the body names", async () => {
    const { token } = await openTask("first", READS)
    const asked = async (method: string, params: object, name: string) => {
      const headers = { "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": name }
      return codeOf(token, message(method, params), { headers })
    }
    expect(await asked("tasks/get", { taskId: "a" }, "a")).toBe("ok")
    expect(await asked("tasks/get", { taskId: "a" }, "b")).toBe("malformed_call")
    expect(await asked("resources/read", { uri: "note:a" }, "note:a")).toBe("ok")
    expect(await asked("resources/read", { uri: "note:a" }, "note:b")).toBe("malformed_call")
    expect(await asked("prompts/get", { name: "Summary of a table" }, "another")).toBe("malformed_call")
  })
})

describe("a completion", () => {
  test.each([
    [{ type: "ref/prompt", name: "Summary of a table" }, "docs.summary"],
    [{ type: "ref/resource", uri: "db://tables/{table}" }, "docs.table"],
    [{ type: "ref/resource", uri: "db://tables/salaries" }, "docs.salaries"],
  ])("of %j is permitted to those alone who may call %s", async (ref, entry) => {
    const { token } = await openTask("first", { scope: `${entry}:read` })
    expect(await codeOf(token, completion(ref))).toBe("ok")
    const id = await stop({ kind: "tool", tool: entry })
    expect(await codeOf(token, completion(ref))).toBe("policy_denied")
    await lift(id)
    const other = await openTask("first", { scope: "docs.find:read" })
    const { code, decision } = await post(other.token, completion(ref))
    expect(code).toBe("policy_denied")
    expect((await recordOf(decision)).denial).toEqual({ reason: "completion_not_permitted", entry })
  })
})

describe("answers to the server's own requests, in a request that is repeated,", () => {
  const repeated = (inputResponses: unknown) => message("tools/call", { name: "find", inputResponses })

  test("are as permitted as by themselves", async () => {
    const { token } = await openTask("first", READS)
    expect(await toolOf(token, repeated({ a: ELICITED, b: SAMPLED, c: ROOTS }))).toBe("docs.find")
    await publish(withDocs(await yard(), { listed: ["sampling"] }), 2)
    forgetCaches()
    const later = await openTask("first", READS)
    expect(await codeOf(later.token, answer(SAMPLED))).toBe("policy_denied")
    expect(await codeOf(later.token, repeated({ a: ELICITED }))).toBe("ok")
    expect(await codeOf(later.token, repeated({}))).toBe("ok")
    const { code, decision } = await post(later.token, repeated({ a: ELICITED, b: SAMPLED }))
    expect(code).toBe("policy_denied")
    expect((await recordOf(decision)).denial).toEqual({ reason: "answer_not_permitted", answer: "docs.mcp.sampling" })
    const task = message("tasks/update", { taskId: "a", inputResponses: { b: SAMPLED } })
    expect(await codeOf(later.token, task)).toBe("policy_denied")
  })

  test("are suspended with the tool that they are", async () => {
    const { token } = await openTask("first", READS)
    const id = await stop({ kind: "tool", tool: "docs.mcp.elicitation" })
    expect(await codeOf(token, answer(ELICITED))).toBe("policy_denied")
    expect(await codeOf(token, repeated({ a: ELICITED }))).toBe("policy_denied")
    expect(await codeOf(token, repeated({ a: ROOTS }))).toBe("ok")
    await lift(id)
    expect(await codeOf(token, repeated({ a: ELICITED }))).toBe("ok")
  })

  test("leave their labels", async () => {
    const body = withDocs(await yard())
    const name = "docs.mcp.elicitation"
    const labels = ["reads:confidential"]
    await publish({ ...body, tools: body.tools.map((tool) => (tool.name === name ? { ...tool, labels } : tool)) }, 2)
    const { token } = await openTask("first", READS)
    expect(await codeOf(token, repeated({ a: ROOTS }))).toBe("ok")
    const first = await post(token, repeated({ a: ELICITED }))
    expect((await recordOf(first.decision)).labels).toEqual([])
    const next = await post(token, message("ping"))
    expect((await recordOf(next.decision)).labels).toEqual(labels)
  })

  test("leave them too if the request is denied, and a gateway that observes lets it through", async () => {
    const body = withDocs(await yard(), { listed: ["roots"] })
    const name = "docs.mcp.elicitation"
    const labels = ["reads:confidential"]
    const tools = body.tools.map((tool) => (tool.name === name ? { ...tool, labels } : tool))
    const gateways = body.gateways.map((gateway) => (gateway.id === "watch" ? { ...gateway, body: true } : gateway))
    await publish({ ...body, tools, gateways }, 2)
    const { token } = await openTask("first", READS)
    const through = await post(token, repeated({ a: ELICITED, b: ROOTS }), {}, "watch")
    expect(through.status).toBe(200)
    expect(await recordOf(through.decision)).toMatchObject({ denial: { reason: "answer_not_permitted" } })
    const next = await post(token, message("ping"))
    expect((await recordOf(next.decision)).labels).toEqual(labels)
  })

  test.each([
    ["of no kind", { a: {} }],
    ["of two kinds", { a: { ...ELICITED, ...ROOTS } }],
    ["in an envelope", { a: { method: "elicitation/create", result: ELICITED } }],
    ["of a kind in other case", { a: { Action: "accept" } }],
    ["that are none", { a: "accept" }],
    ["in a list", [ELICITED]],
    ["that are null", null],
  ])("%s are refused", async (_what, responses) => {
    const { token } = await openTask("first", READS)
    expect(await codeOf(token, repeated(responses))).toBe("malformed_call")
    for (const spelling of ["InputResponses", "input_responses", "INPUT-RESPONSES"]) {
      expect(await codeOf(token, message("tools/call", { name: "find", [spelling]: { a: ELICITED } })), spelling).toBe(
        "malformed_call",
      )
    }
  })
})

describe("lists are cut down to what may be called:", () => {
  const list = (kind: string, key: string, keys: readonly string[]): Filtering => ({
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      result: { [kind]: keys.map((each) => ({ [key]: each, title: "x" })), nextCursor: "c" },
    }),
  })
  const kept = async (token: string, kind: string, key: string, keys: readonly string[], more: Filtering = {}) => {
    const { status, text, code } = await filter(token, "docs", [], { ...list(kind, key, keys), ...more })
    return status === 200 ? JSON.parse(text).result[kind].map((each: Record<string, string>) => each[key]) : code
  }
  const URIS = ["db://tables/a", "db://tables/b", "db://tables/salaries", "db://other/a", "note:../a", "note:a"]
  const TEMPLATES = ["db://tables/{name}", "db://tables/{name}/rows/{row}", "other://{a}", "note:{a}"]

  test("resources with their URIs, templates, prompts", async () => {
    const all = await openTask("first", READS)
    expect(await kept(all.token, "resources", "uri", URIS)).toEqual([...URIS.slice(0, 3), "note:a"])
    expect(await kept(all.token, "resourceTemplates", "uriTemplate", TEMPLATES)).toEqual([
      "db://tables/{name}",
      "db://tables/{name}/rows/{row}",
      "note:{a}",
    ])
    expect(await kept(all.token, "prompts", "name", ["Summary of a table", "other"])).toEqual(["Summary of a table"])
    // The entries of other kinds are no tools.
    expect(await kept(all.token, "tools", "name", ["find", "table", "summary"])).toEqual(["find"])
    const one = await openTask("first", { scope: "docs.table:read" })
    expect(await kept(one.token, "resources", "uri", URIS)).toEqual(["db://tables/a", "db://tables/b"])
    expect(await kept(one.token, "resourceTemplates", "uriTemplate", TEMPLATES)).toEqual(["db://tables/{name}"])
    expect(await kept(one.token, "prompts", "name", ["Summary of a table"])).toEqual([])
  })

  test("a resource by the bounds on what its URI says, also where no bodies are seen", async () => {
    const details = [
      { type: "narrowgate_call", tools: ["docs.*"], actions: ["read"], arguments: { table: { eq: "a" } } },
    ]
    const { token } = await openTask("first", { authorization_details: JSON.stringify(details) })
    for (const gateway of ["envoy", "nginx"]) {
      expect(await kept(token, "resources", "uri", URIS, { gateway })).toEqual(["db://tables/a"])
    }
    expect(await kept(token, "resourceTemplates", "uriTemplate", TEMPLATES)).toEqual([
      "db://tables/{name}",
      "db://tables/{name}/rows/{row}",
      "note:{a}",
    ])
  })

  test("a resource by the rules on what its URI says", async () => {
    const body = withDocs(await yard())
    // The yard's rule on addresses, about this resource in place of a tool.
    const rules = body.rules.map((rule) => {
      if (rule.id !== "mail-in-house") return rule
      const text = JSON.stringify(rule).replaceAll("mail.send", "docs.mail").replaceAll('"write"', '"read"')
      const read: typeof rule = JSON.parse(text)
      return read
    })
    await publish({ ...body, rules }, 2)
    forgetCaches()
    const { token } = await openTask("first", READS)
    const addresses = ["mailto:a@example.org", "mailto:a@evil.example", "mailto:a%40example.org"]
    const [inside, outside, encoded] = addresses
    for (const [uri, code] of [
      [inside, "ok"],
      [outside, "policy_denied"],
      [encoded, "ok"],
    ] as const) {
      expect(await codeOf(token, message("resources/read", { uri })), uri).toBe(code)
    }
    expect(await kept(token, "resources", "uri", addresses)).toEqual([inside, encoded])
    expect(await kept(token, "resourceTemplates", "uriTemplate", ["mailto:{to}"])).toEqual(["mailto:{to}"])
  })

  test("an answer with several lists is refused", async () => {
    const { token } = await openTask("first", READS)
    const body = '{"jsonrpc":"2.0","id":1,"result":{"resources":[],"tools":[{"name":"find"}]}}'
    expect((await filter(token, "docs", [], { body })).code).toBe("malformed_call")
  })

  test("the record names the request for the list", async () => {
    const { token } = await openTask("first", READS)
    const { decision } = await filter(token, "docs", [], list("resources", "uri", URIS))
    expect(await recordOf(decision)).toMatchObject({
      tool: "docs.mcp.resources-list",
      // The URI of no entry may contain what one would redact.
      listing: { asked: 6, hidden: { tool_unknown: 2 }, tools: {} },
    })
    const one = await openTask("first", { scope: "docs.table:read" })
    const cut = await filter(one.token, "docs", [], list("resources", "uri", URIS))
    expect((await recordOf(cut.decision)).listing).toEqual({
      asked: 6,
      hidden: { tool_unknown: 2, tool_not_granted: 2 },
      tools: { tool_not_granted: ["docs.salaries", "docs.note"] },
    })
  })
})
