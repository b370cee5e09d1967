/** Results that an MCP server keeps, and returns later by an id: tasks, streams that are resumed. */
import { beforeEach, describe, expect, test } from "vitest"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { at } from "../harness/clock.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith, HTTP_DIALECTS, type ClientRequest, type HttpDialect } from "../harness/gateways.ts"
import { message, withDocs } from "../harness/docs-server.ts"
import { post } from "../harness/mcp-entries.ts"
import { observe, pinnedAs } from "../harness/observations.ts"
import { recordOf } from "../harness/records.ts"
import { lift, stop } from "../harness/switches.ts"

const SECRET = "docs.salaries"
const PINNED = pinnedAs("salaries")
const OWN = { [SECRET]: { sensitivity: "confidential", labels: ["reads:confidential"], pinned: PINNED } } as const
const ALL = { scope: "docs.*:read" }
const MAIL = { method: "POST", body: '{"to":"a@example.org"}', headers: { "Content-Type": "application/json" } }

beforeEach(async () => {
  await publish(withDocs(await yard(), { own: OWN }))
})
freshIsolateForEach()

/** As a client of MCP 2026-07-28 sends it: each gateway passes on what it can. */
const modern = (method: string, params: object, name?: string): Partial<ClientRequest> => ({
  method: "POST",
  body: message(method, params),
  headers: {
    "Content-Type": "application/json",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": method,
    ...(name !== undefined && { "Mcp-Name": name }),
  },
})

/** Whether headers alone say what each asks for. */
const FETCHES: readonly (readonly [what: string, byHeaders: boolean, request: Partial<ClientRequest>])[] = [
  ["tasks/get", true, modern("tasks/get", { taskId: "t1" }, "t1")],
  ["tasks/result", false, modern("tasks/result", { taskId: "t1" })],
  ["tasks/list", true, modern("tasks/list", {})],
  ["tasks/update", true, modern("tasks/update", { taskId: "t1" }, "t1")],
  ["tasks/cancel", true, modern("tasks/cancel", { taskId: "t1" }, "t1")],
  ["a subscription to tasks", false, modern("subscriptions/listen", { notifications: { taskIds: ["t1"] } })],
  ["a resumed stream", true, { method: "GET", headers: { "Last-Event-ID": "e1" } }],
  // As servers behind CGI or WSGI read it.
  ["a stream resumed in another spelling", true, { method: "GET", headers: { "Last-Event_ID": "e1" } }],
]
const BODILESS: ReadonlySet<HttpDialect> = new Set([
  "nginx",
  "ingress-nginx",
  "caddy",
  "haproxy",
  "apache",
  "aws",
] as const)

describe.each(HTTP_DIALECTS)("through %s", (dialect) => {
  const fetch = async (token: string, request: Partial<ClientRequest>) => callWith(token, "/docs/mcp", request, dialect)
  const codes = async (token: string) => {
    const answers: Record<string, string> = {}
    for (const [what, , request] of FETCHES) answers[what] = (await fetch(token, request)).code
    return answers
  }
  const each = (code: string) =>
    Object.fromEntries(
      FETCHES.map(([what, byHeaders]) => [what, byHeaders || !BODILESS.has(dialect) ? code : "malformed_call"]),
    )

  test("they are returned to an agent that may call every tool of the server, and to no other", async () => {
    const [all, one] = [await openTask("first", ALL), await openTask("first", { scope: "docs.find:read" })]
    expect(await codes(all.token)).toEqual(each("ok"))
    expect(await codes(one.token)).toEqual(each("policy_denied"))
    // What opens a session, and returns nothing that was kept, is as it was.
    expect((await fetch(one.token, { method: "GET" })).code).toBe("ok")
    expect((await fetch(one.token, modern("prompts/list", {}))).code).toBe("ok")
  })

  test("they are not returned while any tool of the server is suspended", async () => {
    const { token } = await openTask("first", ALL)
    const id = await stop({ kind: "tool", tool: SECRET })
    expect(await codes(token)).toEqual(each("policy_denied"))
    await lift(id)
    expect(await codes(token)).toEqual(each("ok"))
  })

  test("they are not returned while any tool of the server has changed", async () => {
    const { token } = await openTask("first", ALL)
    await observe({ sightings: [{ tool: SECRET, pinned: PINNED, seen: "b".repeat(64) }] })
    expect(await codes(token)).toEqual(each("tool_changed"))
  })

  test.each(FETCHES.filter(([, byHeaders]) => byHeaders || !BODILESS.has(dialect)))(
    "%s leaves the labels of all tools of the server: nothing is sent outside an hour later",
    async (_what, _byHeaders, request) => {
      const start = Date.now()
      const reading = await openTask("first", ALL)
      expect((await post(reading.token, message("resources/read", { uri: "db://tables/salaries" }))).code).toBe("ok")
      at(start + 50 * 60_000)
      const fetching = await openTask("first", ALL)
      expect((await fetch(fetching.token, request)).code).toBe("ok")
      // The reading is forgotten by now.
      at(start + 62 * 60_000)
      const sending = await openTask("first", { scope: "mail.send:write" })
      expect((await callWith(sending.token, "/mail", MAIL)).code).toBe("policy_denied")
    },
  )
})

test("the record has the id by which a result was fetched", async () => {
  const { token } = await openTask("first", ALL)
  const recorded = async (request: Partial<ClientRequest>, gateway = "envoy") => {
    const { decision } = await callWith(token, "/docs/mcp", request, gateway)
    const { tool, arguments: args } = await recordOf(decision)
    return { tool, arguments: args }
  }
  const byTask = modern("tasks/get", { taskId: "t1" }, "t1")
  const ofTask = { tool: "docs.mcp.tasks-get", arguments: { taskId: "t1" } }
  expect(await recorded(byTask)).toEqual(ofTask)
  expect(await recorded(byTask, "nginx")).toEqual(ofTask)
  const listening = modern("subscriptions/listen", { notifications: { taskIds: ["t1", "t2"] } })
  expect(await recorded(listening)).toEqual({ tool: "docs.mcp.tasks-get", arguments: { taskIds: ["t1", "t2"] } })
  const resumed = { method: "GET", headers: { "Last-Event-ID": "e1" } }
  expect(await recorded(resumed)).toEqual({ tool: "docs.mcp.resume", arguments: { lastEventId: "e1" } })
})

test("a result of a tool that rules forbid is not returned, although the grant covers the tool", async () => {
  const body = withDocs(await yard(), { own: { [SECRET]: { groups: [] } } })
  const delegable = body.rules.find(({ id }) => id === "delegable")
  if (!delegable) throw new Error("the yard has changed")
  const rule: typeof delegable = JSON.parse(JSON.stringify(delegable).replaceAll("files.forbidden", SECRET))
  await publish({ ...body, rules: [...body.rules, { ...rule, id: "delegable-salaries" }] }, 2)
  const { token, scope } = await openTask("first", ALL)
  expect(scope).toBe("docs.*:read")
  const { code, decision } = await post(token, message("tasks/get", { taskId: "t1" }))
  expect(code).toBe("policy_denied")
  expect((await recordOf(decision)).denial).toEqual({ reason: "result_not_permitted", of: SECRET })
})

test("a result of a tool whose every call requires a stronger login is returned only after it", async () => {
  const body = withDocs(await yard(), { own: { [SECRET]: {} } })
  const stepUp = body.rules.find(({ id }) => id === "safe-needs-mfa")
  if (!stepUp) throw new Error("the yard has changed")
  const rule: typeof stepUp = JSON.parse(JSON.stringify(stepUp).replaceAll("safe.open", SECRET))
  await publish({ ...body, rules: [...body.rules, { ...rule, id: "salaries-need-mfa" }] }, 2)
  const { token } = await openTask("first", ALL)
  expect((await post(token, message("resources/read", { uri: "db://tables/salaries" }))).code).toBe("step_up_required")
  const { code, decision } = await post(token, message("tasks/get", { taskId: "t1" }))
  expect(code).toBe("policy_denied")
  expect((await recordOf(decision)).denial).toEqual({ reason: "result_not_permitted", of: SECRET })
})

test("a result that may be too sensitive for every token of the agent is not offered for more scope", async () => {
  await publish(withDocs(await yard(), { own: { [SECRET]: { sensitivity: "restricted" } } }), 2)
  const { token } = await openTask("first", ALL)
  const { code, decision, headers } = await post(token, message("tasks/get", { taskId: "t1" }))
  expect(code).toBe("insufficient_scope")
  expect((await recordOf(decision)).denial).toMatchObject({ reason: "sensitivity_exceeded", max: "confidential" })
  expect(headers.get("WWW-Authenticate")).toBeNull()
})

test("an operator who lists the method states what it returns: it is decided by its entry", async () => {
  const listed = await publishListed()
  expect((await post(listed.token, message("tasks/get", { taskId: "t1" }))).code).toBe("ok")
  expect((await post(listed.token, message("tasks/result", { taskId: "t1" }))).code).toBe("policy_denied")
})

async function publishListed() {
  const body = withDocs(await yard(), { own: OWN })
  const name = "docs.mcp.tasks-get"
  const tools = body.tools.map(({ resultsOf, ...tool }) =>
    tool.name === name
      ? { ...tool, sensitivity: "public" as const, labels: [] }
      : { ...tool, ...(resultsOf && { resultsOf }) },
  )
  await publish({ ...body, tools }, 2)
  return openTask("first", { scope: "docs.find:read" })
}
