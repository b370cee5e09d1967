/** Every line of the table of MCP's methods: which entry each is a call of, and who may make it. */
import * as sdk from "@modelcontextprotocol/sdk/types.js"
import { describe, expect, inject, test } from "vitest"
import { isLifecycle } from "../../../src/core/catalog/lifecycle.ts"
import { locate } from "../../../src/core/catalog/locate.ts"
import { MCP_METHODS } from "../../../src/core/catalog/mcp-methods.ts"
import { isDenied } from "../../../src/core/denials/denial.ts"
import type { TreeState } from "../../../src/core/task/state.ts"
import { message, withDocs } from "../../harness/docs-server.ts"
import { assembled, callOf, newState, open, opened, reasonOf, scopes, type Held } from "../../harness/trees.ts"

const OWN = { "docs.salaries": { sensitivity: "confidential", labels: ["reads:confidential"] } } as const
const body = withDocs(inject("yard"), { own: OWN })
const bundle = assembled(body)
function agentWith(...texts: readonly string[]): { readonly state: TreeState; readonly held: Held } {
  const state = newState()
  return { state, held: opened(open(bundle, state, "first", null, { asked: scopes(...texts) })) }
}
/** May call everything of the server; and its one public tool alone. */
const [ALL, ONE] = [agentWith("docs.*:read"), agentWith("docs.find:read")]

interface Sent {
  readonly method?: string
  readonly text?: string
  readonly lastEventId?: string
}

interface Expected {
  readonly sent: Sent
  /** The entry, or the reason for which the message is none's. */
  readonly tool: string
  /** What an agent gets that may call one public tool of the server alone. */
  readonly one: string
}

const asks = (method: string, params: object = {}): Sent => ({ text: message(method, params) })
const answers = (result: object): Sent => ({ text: JSON.stringify({ jsonrpc: "2.0", id: 1, result }) })
const lists = (notifications: object): Sent => asks("subscriptions/listen", { notifications })
const anybody = (sent: Sent, tool: string): Expected => ({ sent, tool: `docs.mcp.${tool}`, one: "allowed" })
const results = (sent: Sent, tool: string): Expected => ({
  sent,
  tool: `docs.mcp.${tool}`,
  one: "result_not_permitted",
})
const nobody = (sent: Sent): Expected => ({ sent, tool: "method_unknown", one: "method_unknown" })
const entry = (sent: Sent, tool: string): Expected => ({ sent, tool, one: "tool_not_granted" })

const TASK = { taskId: "t1" }
const TABLE = { uri: "db://tables/salaries" }

/** By the lines of the table, each by its method and its condition. */
const EXPECTED: Readonly<Record<string, readonly Expected[]>> = {
  initialize: [anybody(asks("initialize"), "initialize")],
  ping: [anybody(asks("ping"), "ping"), anybody(answers({}), "response")],
  "server/discover": [anybody(asks("server/discover"), "discover")],
  "tools/list": [anybody(asks("tools/list"), "tools-list")],
  "tools/call": [{ sent: asks("tools/call", { name: "find" }), tool: "docs.find", one: "allowed" }],
  "resources/list": [anybody(asks("resources/list"), "resources-list")],
  "resources/templates/list": [anybody(asks("resources/templates/list"), "templates-list")],
  "resources/read": [entry(asks("resources/read", TABLE), "docs.salaries")],
  "resources/subscribe": [entry(asks("resources/subscribe", TABLE), "docs.salaries")],
  "resources/unsubscribe": [anybody(asks("resources/unsubscribe", TABLE), "unsubscribe")],
  "prompts/list": [anybody(asks("prompts/list"), "prompts-list")],
  "prompts/get": [entry(asks("prompts/get", { name: "Summary of a table" }), "docs.summary")],
  "completion/complete": [
    {
      sent: asks("completion/complete", { ref: { type: "ref/prompt", name: "Summary of a table" } }),
      tool: "docs.mcp.complete",
      one: "completion_not_permitted",
    },
  ],
  "logging/setLevel": [anybody(asks("logging/setLevel"), "logging")],
  "subscriptions/listen": [anybody(lists({ toolsListChanged: true }), "listen")],
  "subscriptions/listen, it names resources": [
    entry(lists({ resourceSubscriptions: ["db://tables/salaries"] }), "docs.salaries"),
  ],
  "subscriptions/listen, it names tasks": [results(lists({ taskIds: ["t1"] }), "tasks-get")],
  "tasks/get": [results(asks("tasks/get", TASK), "tasks-get"), anybody(answers(TASK), "response")],
  "tasks/result": [results(asks("tasks/result", TASK), "tasks-result")],
  "tasks/list": [results(asks("tasks/list"), "tasks-list"), anybody(answers({ tasks: [] }), "response")],
  "tasks/update": [results(asks("tasks/update", { ...TASK, inputResponses: {} }), "tasks-update")],
  "tasks/cancel": [results(asks("tasks/cancel", TASK), "tasks-cancel"), anybody(answers(TASK), "response")],
  ...Object.fromEntries(
    ["initialized", "cancelled", "progress", "roots/list_changed", "tasks/status"].map((name) => [
      `notifications/${name}`,
      [anybody(asks(`notifications/${name}`), "notifications")],
    ]),
  ),
  "elicitation/create": [nobody(asks("elicitation/create")), anybody(answers({ action: "decline" }), "elicitation")],
  "sampling/createMessage": [nobody(asks("sampling/createMessage")), anybody(answers({ model: "m" }), "sampling")],
  "roots/list": [nobody(asks("roots/list")), anybody(answers({ roots: [] }), "roots")],
  ...Object.fromEntries(
    [
      "message",
      "resources/updated",
      "resources/list_changed",
      "tools/list_changed",
      "prompts/list_changed",
      "elicitation/complete",
      "subscriptions/acknowledged",
      "tasks",
    ].map((name) => [`notifications/${name}`, [nobody(asks(`notifications/${name}`))]]),
  ),
  "ui/*": [nobody(asks("ui/*")), nobody(asks("ui/initialize")), nobody(asks("ui/notifications/tool-result"))],
  GET: [anybody({ method: "GET" }, "stream")],
  "GET, it resumes a stream": [results({ method: "GET", lastEventId: "e1" }, "resume")],
  DELETE: [anybody({ method: "DELETE" }, "end")],
}

const located = ({ method = "POST", text = "", lastEventId }: Sent) =>
  locate(bundle.catalog, {
    origin: "https://api.test",
    method,
    target: "/docs/mcp",
    headers: {
      contentType: "application/json",
      mcpProtocolVersion: null,
      mcpMethod: null,
      mcpName: null,
      lastEventId: lastEventId ?? null,
    },
    body: { kind: "whole", text },
  })

function decided(sent: Sent, { state, held }: typeof ALL): string {
  const call = located(sent)
  if (isDenied(call)) return call.denied.reason
  const { tool, arguments: args, besides } = call
  return reasonOf(bundle, state, callOf(held, tool.name, {}, { arguments: args, ...(besides && { besides }) }))
}

const lines = MCP_METHODS.map((row) => [`${row.method}${"if" in row ? `, ${row.if}` : ""}`, row] as const)

test("each line has its cases, and no case is without a line", () => {
  expect(Object.keys(EXPECTED).toSorted()).toEqual(lines.map(([name]) => name).toSorted())
})

describe.each(lines)("%s", (name, row) => {
  test.each(EXPECTED[name] ?? [])("$sent: a call of $tool; for an agent with one public tool: $one", (expected) => {
    const call = located(expected.sent)
    expect(isDenied(call) ? call.denied.reason : call.tool.name).toBe(expected.tool)
    expect(decided(expected.sent, ALL)).toBe(isDenied(call) ? expected.tool : "allowed")
    expect(decided(expected.sent, ONE)).toBe(expected.one)
  })

  test("is in the group of all lifecycle tools only if it returns nothing that a tool has produced", () => {
    const [first] = EXPECTED[name] ?? []
    const call = first && located(first.sent)
    if (!call || isDenied(call) || !isLifecycle(call.tool)) return
    const { groups, sensitivity, labels, resultsOf } = call.tool
    if (row.returns === "results") {
      expect({ groups, sensitivity, labels }).toEqual({
        groups: ["mcp-results"],
        sensitivity: "confidential",
        labels: ["reads:confidential"],
      })
      expect(resultsOf).toEqual(
        body.tools.filter((tool) => tool.server === "docs" && !isLifecycle(tool)).map((tool) => tool.name),
      )
    } else {
      expect({ groups, sensitivity, labels, resultsOf }).toEqual({
        groups: ["mcp-lifecycle"],
        sensitivity: "public",
        labels: [],
        resultsOf: undefined,
      })
      // The entry has to be permitted as well.
      expect(call.besides !== undefined).toBe(row.returns === "entry")
    }
  })
})

test("a method without a line is denied", () => {
  for (const method of ["tasks/delete", "resources/directory/read", "notifications/export", "x", "GET", "toString"]) {
    expect(decided(asks(method), ALL), method).toBe("method_unknown")
  }
})

test("what goes on as the tool that began it is as far-reaching as the most far-reaching tool of the server", () => {
  const like = (action: "read" | "write" | "execute") => {
    const { tools } = withDocs(inject("yard"), { own: { "docs.find": { action } } })
    return ["tasks-get", "tasks-cancel", "tasks-update"].map(
      (each) => tools.find(({ name }) => name === `docs.mcp.${each}`)?.action,
    )
  }
  expect(like("read")).toEqual(["read", "write", "read"])
  expect(like("write")).toEqual(["read", "write", "write"])
  expect(like("execute")).toEqual(["read", "write", "execute"])
})

test("every method of the schema of MCP 2025-11-25 has a line, and no client's is a server's", () => {
  const { ClientRequestSchema, ClientNotificationSchema, ServerRequestSchema, ServerNotificationSchema } = sdk
  const named = (...schemas: readonly { readonly options: readonly { shape: { method: { value: string } } }[] }[]) =>
    schemas.flatMap(({ options }) => options.map(({ shape }) => shape.method.value)).toSorted()
  const old = MCP_METHODS.filter((row) => row.of.some((each) => each === "2025-11-25") && !("if" in row))
  const from = (...senders: readonly string[]) =>
    old.flatMap(({ method, from: sender }) => (senders.includes(sender) && !/^[A-Z]+$/.test(method) ? [method] : []))
  expect(from("client", "either").toSorted()).toEqual(named(ClientRequestSchema, ClientNotificationSchema))
  expect(from("server", "either").toSorted()).toEqual(named(ServerRequestSchema, ServerNotificationSchema))
})
