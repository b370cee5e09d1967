import { describe, expect, test } from "vitest"
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { openChild, openTask, type OpenTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith, type ClientRequest } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { agentId, IDP } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { findRecords } from "../../src/audit/record-logs.ts"
import { recordOf, recordsOf } from "../harness/records.ts"
import { ledgerOf } from "../harness/ledgers.ts"

yardForEach()

const JSON_TYPE = { "Content-Type": "application/json" }
const put = (body: object): Partial<ClientRequest> => ({
  method: "PUT",
  body: JSON.stringify(body),
  headers: JSON_TYPE,
})

interface Case {
  readonly what: string
  readonly path: string
  readonly more?: Partial<ClientRequest>
  /** Calls made before, all allowed. */
  readonly before?: readonly string[]
  readonly gateway?: string
  readonly code: string
  readonly explains: object
}

const mail = (to: string): Partial<ClientRequest> => ({ ...put({ to, text: "confidential words" }), method: "POST" })

/** What a reader of the record alone must find in it, for each kind of answer. */
const CASES: readonly Case[] = [
  {
    what: "allowed",
    path: "/files/a",
    code: "ok",
    explains: {
      denial: null,
      principal: null,
      groups: ["staff"],
      rules: ["staff", "workers"],
      tool: "files.read",
      action: "read",
      facts: {},
    },
  },
  {
    what: "a forbid by how the user logged in, and what of that it read",
    path: "/safe/lead",
    more: { method: "POST" },
    code: "policy_denied",
    explains: {
      rules: ["safe-fill-never-lead"],
      facts: { "session.acr": null, "session.auth_age": expect.any(Number) },
    },
  },
  {
    what: "no tool",
    path: "/nowhere",
    code: "unknown_tool",
    explains: { denial: { reason: "tool_unknown", called: "GET /nowhere" } },
  },
  {
    what: "not granted",
    path: "/files/a",
    more: { method: "DELETE" },
    code: "insufficient_scope",
    explains: { denial: { reason: "tool_not_granted", scope: "files.purge:execute" } },
  },
  {
    what: "a forbid, with the argument that it read",
    path: "/mail",
    more: mail("a@evil.test"),
    code: "policy_denied",
    explains: {
      denial: {
        reason: "policy_forbids",
        rules: ["mail-in-house"],
        message: "Mail goes to example.org only: “to” is elsewhere.",
      },
      principal: `User::"${IDP}|alice"`,
      rules: ["mail-in-house"],
      arguments: { to: "a@evil.test" },
    },
  },
  {
    what: "a forbid by what came before, with the tree's labels",
    before: ["/vault/1"],
    path: "/mail",
    more: mail("a@example.org"),
    code: "policy_denied",
    explains: { rules: ["no-external-after-confidential"], labels: ["reads:confidential"] },
  },
  {
    what: "a full window, with its state",
    before: ["/thrice", "/thrice", "/thrice"],
    path: "/thrice",
    code: "rate_limited",
    explains: {
      denial: { reason: "window_full", window: "thrice", limit: 3, seconds: 2 },
      windows: [{ window: "thrice", limit: 3, seconds: 2, used: 3 }],
      calls: { used: 3, limit: null },
    },
  },
  {
    what: "an argument that is not representable",
    path: "/mail",
    more: { ...put({ to: [null] }), method: "POST" },
    code: "malformed_call",
    explains: { denial: { reason: "arguments_unrepresentable", argument: "to" } },
  },
  {
    what: "another audience",
    path: "/files/a",
    gateway: "elsewhere",
    code: "invalid_token",
    explains: {
      denial: { reason: "audience_mismatch", expected: ["https://elsewhere.test/"], got: "https://api.test/" },
    },
  },
  {
    what: "a path that two could read differently",
    path: "/files/../vault/1",
    code: "malformed_call",
    explains: { denial: { reason: "target_ambiguous", what: "the path has a dot segment" } },
  },
]

describe("the record tells", () => {
  test.each(CASES)("$what", async ({ path, more = {}, before = [], gateway = "envoy", code, explains }) => {
    const task = await openTask("first", { purpose: "work" })
    for (const earlier of before) expect((await callWith(task.token, earlier)).code).toBe("ok")
    const answer = await callWith(task.token, path, more, gateway)
    expect(answer.code).toBe(code)
    const record = await recordOf(answer.decision)
    expect(record).toMatchObject({
      id: answer.decision,
      kind: "call",
      decision: code === "ok" ? "allow" : "deny",
      code,
      gateway,
      environment: "test",
      mode: "enforce",
      method: more.method ?? "GET",
      bundle: { seq: 1 },
      ...explains,
    })
    if (record.denial?.reason === "audience_mismatch") return
    expect(record).toMatchObject({ chain: [agentId("first")], user: `${IDP}|alice`, task: task.task, purpose: "work" })
    expect(record.token_hash).toMatch(/^[0-9a-f]{16}$/)
  })

  test("a chain is told from root to caller, with the agent that policy stopped", async () => {
    const root = await openTask("first", { scope: "files.*:read files.*:write" })
    const child = await openChild(root.token, "second", { scope: "files.*:write" })
    const answer = await callWith(child.token, "/files/a", put({ size: 1 }))
    expect(await recordOf(answer.decision)).toMatchObject({
      code: "policy_denied",
      chain: [agentId("first"), agentId("second")],
      task: child.task,
      principal: `Agent::"${agentId("second")}"`,
      rules: ["second-never-writes"],
    })
  })

  test("a broken bound names bound and argument, and shows the argument", async () => {
    const bounds = { file: { in: ["a", "b"] } }
    const details = [{ type: "narrowgate_call", tools: ["files.*"], actions: ["read"], arguments: bounds }]
    const task = await openTask("first", { authorization_details: JSON.stringify(details) })
    const answer = await callWith(task.token, "/files/c")
    expect(await recordOf(answer.decision)).toMatchObject({
      denial: { reason: "argument_out_of_bounds", argument: "file", bound: 'in ["a","b"]' },
      arguments: { file: "c" },
    })
  })

  test("what no ledger knows is told by the edge: a tree that was forgotten", async () => {
    const task = await openTask("first", { purpose: "work" })
    await runInDurableObject(ledgerOf(task.task), async (_ledger, { storage }) => storage.deleteAll())
    await killObjects()
    const answer = await callWith(task.token, "/files/a")
    expect(answer.code).toBe("invalid_token")
    expect(await recordOf(answer.decision)).toMatchObject({
      denial: { reason: "task_unknown", claimed_client: agentId("first") },
      task: task.task,
      tool: "files.read",
      chain: [],
      number: null,
    })
  })

  test("records of a tree are numbered without a gap", async () => {
    const task = await openTask()
    for (const path of ["/files", "/vault/1", "/files/a", "/mail", "/thrice"]) await callWith(task.token, path)
    const end = await manage("POST", `/v1/tasks/${task.task}/complete`, `Bearer ${task.token}`)
    await recordOf(end.headers.get("X-Narrowgate-Decision") ?? "")
    const last = await callWith(task.token, "/files")
    await recordOf(last.decision)
    // The token's, five calls, the end, and the call after it, which is nobody's and has no number.
    const records = await recordsOf(task.task, 8)
    const numbers = records.flatMap(({ number }) => (number === null ? [] : [number]))
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from(numbers, (_, index) => index + 1))
    expect(numbers).toHaveLength(6)
  })
})

describe("what an operator did", () => {
  const [first, second] = [agentId("first"), agentId("second")]
  const user = `${IDP}|alice`
  type Tasks = Readonly<Record<"root" | "child", OpenTask>>
  type Did = readonly [path: string, body?: object]
  const freeze = ({ root }: Tasks): Did => [`/v1/tasks/${root.task}/quarantine`]

  test.each<readonly [string, readonly ((tasks: Tasks) => Did)[], readonly string[]]>([
    ["a task frozen", [freeze], [first]],
    ["a task released", [freeze, ({ root }) => [`/v1/tasks/${root.task}/release`]], [first]],
    ["a task's labels cleared", [({ child }) => [`/v1/tasks/${child.task}/labels/clear`]], [first, second]],
    ["a task completed", [({ root }) => [`/v1/tasks/${root.task}/complete`]], [first]],
    ["a child task aborted", [({ child }) => [`/v1/tasks/${child.task}/abort`]], [first, second]],
    ["a task revoked", [({ root }) => ["/v1/revocations", { task: root.task }]], [first]],
    ["a child's token revoked", [({ child }) => ["/v1/revocations", { token: child.token }]], [first, second]],
    ["a task's risk", [({ child }) => ["/v1/risks", { task: child.task, level: 9 }]], [first, second]],
  ])("names the agents and the user of the task: %s", async (_what, steps, chain) => {
    const root = await openTask("first")
    const tasks = { root, child: await openChild(root.token, "second") }
    const operator = await bearerOf("operator")
    let last = ""
    for (const step of steps) {
      const [path, body = {}] = step(tasks)
      const { status, headers } = await manage("POST", path, operator, {}, body)
      expect(status).toBe(200)
      last = headers.get("X-Narrowgate-Decision") ?? ""
    }
    const known = { decision: "allow", operator: `${IDP}|operator`, chain, user }
    const record = await recordOf(last)
    expect(record).toMatchObject(known)
    for (const asked of [{ agent: chain.at(-1) }, { user }]) {
      expect((await findRecords(env, { ...asked, kind: record.kind, limit: 100 })).map(({ id }) => id)).toContain(last)
    }
  })

  test.each<readonly [object, object]>([
    [{ agent: first }, { chain: [first], user: null }],
    [{ user }, { chain: [], user }],
    [{ everything: true }, { chain: [], user: null }],
  ])("names the agent or the person whom it stopped, and let go on: %j", async (body, named) => {
    const operator = await bearerOf("operator")
    const stopped = await manage("POST", "/v1/revocations", operator, {}, { ...body, confirm: true })
    const record = await recordOf(stopped.headers.get("X-Narrowgate-Decision") ?? "")
    expect(record).toMatchObject({ decision: "allow", operator: `${IDP}|operator`, ...named })
    const lifted = await manage("DELETE", `/v1/revocations/${String(record.arguments["revocation"])}`, operator)
    expect(lifted.status).toBe(200)
    const told = await recordOf(lifted.headers.get("X-Narrowgate-Decision") ?? "")
    expect(told).toMatchObject({ decision: "allow", operator: `${IDP}|operator`, ...named })
  })

  test.each<readonly [object, object]>([
    [{ agent: first }, { chain: [first], user: null }],
    [{ user }, { chain: [], user }],
  ])("names the agent or the person whose risk it is: %j", async (body, named) => {
    const risk = { ...body, level: 9, confirm: true }
    const { headers } = await manage("POST", "/v1/risks", await bearerOf("operator"), {}, risk)
    expect(await recordOf(headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({ decision: "allow", ...named })
  })
})
