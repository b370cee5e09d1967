/** Tools that ask the real Worker over a service binding. */
import { exports } from "cloudflare:workers"
import { beforeEach, describe, expect, expectTypeOf, test } from "vitest"
import type { Concurrency } from "../../src/core/guardrails/concurrency.ts"
import type * as rpc from "../../src/gateway/rpc.ts"
import {
  authorizerOf,
  bindingDecisions,
  callerOf,
  guardList,
  guardTool,
  httpDecisions,
  type Authorizer,
  type DecisionOptions,
  type Decisions,
  type ServiceBinding,
  type WorkerAnswer,
  type WorkerCall,
  type WorkerList,
  type WorkerSettlement,
} from "../../server/index.ts"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { keyOf } from "../harness/gateways.ts"
import { agentId, US } from "../harness/issuers.ts"

freshIsolateForEach()

const endpoint = "https://api.test/desk/mcp"
const key = keyOf("worker")
const context = (token: string) => ({ http: { req: { headers: new Headers({ Authorization: `Bearer ${token}` }) } } })

const nothing = async (): Promise<WorkerAnswer> => Promise.reject(new Error("nothing was allowed"))

function guarded(authorizer: Authorizer = exports.Authorizer, timeout = 6_000) {
  const decisions = bindingDecisions({ authorizer, key, endpoint, timeout })
  const handler = (given: object, on: object): unknown => ({ given, caller: callerOf(on) })
  return {
    search: guardTool(decisions, "desk.search", handler),
    pay: guardTool(decisions, "desk.pay", handler),
    nothing: guardTool(decisions, "desk.nothing", handler),
  }
}

describe.each(["mcp", "http"] as const)("of a gateway with denials: %s", (denials) => {
  beforeEach(async () => {
    const body = await yard()
    await publish({
      ...body,
      gateways: body.gateways.map((each) => (each.id === "worker" ? { ...each, denials } : each)),
    })
  })

  test("an allowed call runs, by its caller", async () => {
    const { token, task } = await openTask("first", { scope: "desk.search:read" })
    expect(await guarded().search({ q: "a" }, context(token))).toMatchObject({
      given: { q: "a" },
      caller: { agent: agentId("first"), task, tool: "desk.search", signed: null },
    })
  })

  test.each([
    ["outside the grant", "pay", "insufficient_scope", "The task's grant does not cover this call."],
    ["of no tool", "nothing", "unknown_tool", "This request is not a tool of the catalog."],
  ] as const)("a call %s does not", async (_what, tool, error, sentence) => {
    const { token } = await openTask("first", { scope: "desk.search:read" })
    const begins = `Narrowgate denied the call of "desk.${tool}", and nothing was done. ${sentence}`
    expect(await guarded()[tool]({}, context(token))).toEqual({
      isError: true,
      content: [{ type: "text", text: expect.stringContaining(begins) }],
      _meta: { "narrowgate/denial": expect.objectContaining({ error, decision_id: expect.stringMatching(/^dec_/) }) },
    })
  })

  test("nor does one without a token, or with garbage", async () => {
    expect(await guarded().search({}, {})).toMatchObject({ _meta: { "narrowgate/denial": { error: "missing_token" } } })
    const denied = { _meta: { "narrowgate/denial": { error: "invalid_token" } } }
    expect(await guarded().search({}, context("a.b.c"))).toMatchObject(denied)
  })
})

describe("a call in flight", () => {
  const options = { settles: true }
  const overHttp = {
    url: US,
    key: keyOf("authzen"),
    fetch: async (url: string, init: object) => exports.default.fetch(url, init),
  }
  const overBinding = { authorizer: exports.Authorizer, key, endpoint }
  const WAYS: Readonly<Record<string, (more: DecisionOptions) => Decisions>> = {
    HTTP: (more) => httpDecisions({ ...overHttp, ...more }),
    "a binding": (more) => bindingDecisions({ ...overBinding, ...more }),
  }
  beforeEach(async () => {
    const { gateways, tools, guardrails, ...body } = await yard()
    const oneAtOnce: Concurrency = {
      kind: "concurrency",
      id: "one-at-once",
      of: { tools: ["desk.search"] },
      consequence: "deny",
      per: ["task"],
      limit: 1,
    }
    await publish({
      ...body,
      gateways: gateways.map((each) => ({ ...each, settles: true as const })),
      tools: tools.map((tool) => (tool.name === "desk.search" ? { ...tool, duration: 30 } : tool)),
      guardrails: [...guardrails, oneAtOnce],
    })
  })

  test.each(Object.entries(WAYS))("is no longer once its tool has ended, however that ends: %s", async (_way, make) => {
    const { token } = await openTask("first", { scope: "desk.search:read" })
    const failures: unknown[] = []
    const decisions = make({ ...options, onFailure: (cause) => void failures.push(cause) })
    const search = guardTool(decisions, "desk.search", async ({ q }: { q: string }, on: object): Promise<unknown> => {
      if (q === "fail") throw new Error("the tool fails, by a test")
      return q === "again" ? search({ q: "b" }, on) : "done"
    })
    expect(await search({ q: "a" }, context(token))).toBe("done")
    await expect(search({ q: "fail" }, context(token))).rejects.toThrow("the tool fails")
    const denied = { _meta: { "narrowgate/denial": { error: "rate_limited" } } }
    expect(await search({ q: "again" }, context(token))).toMatchObject(denied)
    expect(await search({ q: "a" }, context(token))).toBe("done")
    expect(failures).toEqual([])
    const unsettled = guardTool(
      make({}),
      "desk.search",
      async (_given: object, _on: object): Promise<unknown> => "done",
    )
    expect(await unsettled({ q: "a" }, context(token))).toBe("done")
    expect(await unsettled({ q: "a" }, context(token))).toMatchObject(denied)
  })

  test.each<[string, Authorizer["settle"], number]>([
    ["is settled already", async () => ({ ...plain, allowed: false, status: 404 }), 0],
    ["cannot be settled by this gateway", async () => ({ ...plain, allowed: false, status: 403 }), 1],
    ["is settled by a binding that throws", async () => Promise.reject(new Error("out of order, by a test")), 1],
    ["is settled by a binding that never answers", async () => new Promise(() => undefined), 1],
  ])("that %s: its result stays", async (_what, settleCall, count) => {
    const failures: unknown[] = []
    const decisions = bindingDecisions({
      ...{ key, endpoint, settles: true, timeout: 200, onFailure: (cause) => void failures.push(cause) },
      authorizer: {
        authorize: async () => ({ ...plain, allowed: true, headers: named }),
        tools: nothing,
        settle: settleCall,
      },
    })
    const search = guardTool(decisions, "desk.search", (_given: object, _on: object): unknown => "done")
    expect(await search({}, context("t"))).toBe("done")
    expect(failures).toHaveLength(count)
  })
})

const plain = { status: 200, headers: {}, body: "" }
const headersOf = (tool: string) => ({
  ...Object.fromEntries(
    ["agent", "user", "task", "purpose", "decision"].map((name) => [`x-narrowgate-${name}`, "https://a|b"]),
  ),
  "x-narrowgate-tool": tool,
})
const named = headersOf("desk.search")
test.each<[string, () => Promise<WorkerAnswer>]>([
  ["throws", async () => Promise.reject(new Error("out of order, by a test"))],
  ["never answers", async () => new Promise(() => undefined)],
  ["allows nobody", async () => ({ ...plain, allowed: true })],
  ["allows in another word", async () => ({ ...plain, headers: named, ...JSON.parse('{"allowed":"yes"}') })],
  ["allows another server's tool", async () => ({ ...plain, allowed: true, headers: headersOf("other.search") })],
  ["denies in no word", async () => ({ ...plain, allowed: false })],
])("a binding that %s denies", async (_what, authorize) => {
  expect(await guarded({ authorize, tools: nothing, settle: nothing }, 200).search({}, context("t"))).toEqual({
    isError: true,
    content: [
      {
        type: "text",
        text: 'Narrowgate denied the call of "desk.search", and nothing was done. No decision could be made. The call itself may be fine: it has not been made. (unavailable)',
      },
    ],
    _meta: { "narrowgate/denial": { error: "unavailable", error_description: "No decision could be made." } },
  })
})

describe("a list of tools", () => {
  beforeEach(async () => publish(await yard()))
  const call =
    (method: string) =>
    async (decisions: Decisions, token: string | null, name = "desk") => {
      const handlers = new Map<unknown, (...args: unknown[]) => unknown>()
      const server = {
        assertCanSetRequestHandler: (): void => undefined,
        setRequestHandler: (of: unknown, handler: (...args: unknown[]) => unknown) => void handlers.set(of, handler),
      }
      guardList(decisions, name, { server })
      const tools = ["search", "pay", "nothing"].map((each) => ({ name: each, title: undefined, inputSchema: {} }))
      server.setRequestHandler(method, () => ({ tools, nextCursor: "2" }))
      return handlers.get(method)?.({ method, params: {} }, token === null ? {} : context(token))
    }
  const list = call("tools/list")
  const overBinding = (authorizer: Authorizer = exports.Authorizer, timeout = 6_000) =>
    bindingDecisions({ authorizer, key, endpoint, timeout })
  const overHttp = httpDecisions({
    ...{ url: US, key: keyOf("authzen") },
    fetch: async (url: string, init: object) => exports.default.fetch(url, init),
  })
  const WAYS = { HTTP: overHttp, "a binding": overBinding() }

  test.each(Object.entries(WAYS))("has what the caller may call, and nothing else: %s", async (_way, decisions) => {
    const { token } = await openTask("first", { scope: "desk.search:read" })
    const tools = [{ name: "search", inputSchema: {} }]
    expect(await list(decisions, token)).toEqual({ tools, nextCursor: "2", cacheScope: "private" })
    await expect(list(decisions, null)).rejects.toMatchObject({
      code: -32_001,
      message: expect.stringContaining('Narrowgate denied the request "tools/list", and nothing was done.'),
      data: { error: "missing_token" },
    })
    await expect(list(decisions, token, "elsewhere")).rejects.toMatchObject({ data: { error: "unknown_tool" } })
    // Whatever else a server is asked for is its own.
    expect(await call("prompts/list")(decisions, null)).toMatchObject({ nextCursor: "2" })
  })

  test.each<[string, () => Promise<WorkerAnswer>]>([
    ["throws", nothing],
    ["never answers", async () => new Promise(() => undefined)],
    ["allows what is no list", async () => ({ ...plain, allowed: true, body: '{"result":{}}' })],
    [
      "allows in another word",
      async () => ({ ...plain, body: '{"result":{"tools":[]}}', ...JSON.parse('{"allowed":1}') }),
    ],
    ["denies in no word", async () => ({ ...plain, allowed: false })],
  ])("is not shown if a binding %s", async (_what, tools) => {
    const decisions = overBinding({ authorize: nothing, tools, settle: nothing }, 200)
    await expect(list(decisions, "t")).rejects.toMatchObject({ data: { error: "unavailable" } })
  })

  test("is not shown in another word of decisions from elsewhere", async () => {
    const decide = async () => JSON.parse('{"allowed":"yes","result":{"tools":[]}}')
    await expect(list({ decide, list: decide }, "t")).rejects.toMatchObject({ data: { error: "unavailable" } })
  })
})

test("a binding of another type is taken for what it is, and one without methods is refused", async () => {
  await publish(await yard())
  const untyped: ServiceBinding = exports.Authorizer
  const { token } = await openTask("first", { scope: "desk.search:read" })
  const decisions = bindingDecisions({ authorizer: untyped, key, endpoint })
  const search = guardTool(decisions, "desk.search", (_given: object, _on: object): unknown => "done")
  expect(await search({}, context(token))).toBe("done")
  const nobody: ServiceBinding = { fetch: () => undefined }
  expect(() => bindingDecisions({ authorizer: nobody, key, endpoint })).toThrow("entry point `Authorizer`")
  expect(() => authorizerOf(nobody)).toThrow(TypeError)
})

test("an allow in another word, of decisions from elsewhere, runs nothing", async () => {
  const decide = async () => JSON.parse('{"allowed":"yes","caller":null}')
  const decisions = { decide, list: decide }
  const guardedTool = guardTool(decisions, "desk.search", (_given: object, _context: object): unknown => "done")
  expect(await guardedTool({}, {})).toMatchObject({ _meta: { "narrowgate/denial": { error: "unavailable" } } })
})

test("the types for other Workers are those of the Worker", () => {
  expectTypeOf<WorkerCall>().toExtend<rpc.WorkerCall>()
  expectTypeOf<WorkerList>().toExtend<rpc.WorkerList>()
  expectTypeOf<WorkerSettlement>().toExtend<rpc.WorkerSettlement>()
  expectTypeOf<rpc.WorkerAnswer>().toExtend<WorkerAnswer>()
  expectTypeOf(exports.Authorizer).toExtend<Authorizer>()
})
