import { env } from "cloudflare:workers"
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { denialOf, openTask, untilAllowed, type Task } from "../../../client/index.ts"
import { narrowgateBehind, type PoolGateway } from "../../../testing/pool/index.ts"

const ng = await narrowgateBehind(Reflect.get(env, "NARROWGATE"))
const got: Request[] = []
let gateway: PoolGateway
beforeEach(async () => {
  got.length = 0
  gateway = ng.gateway("edge", (request) => {
    got.push(request)
    return new Response("done", { status: 202 })
  })
  vi.stubGlobal("fetch", gateway.fetch)
  vi.setSystemTime(await ng.clock.now())
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

/** The agent, as it is in production. */
const open = async (purpose: string, dpop = false): Promise<Task> =>
  openTask({
    issuer: ng.url,
    identity: async () => ng.identity("support"),
    session: await ng.session("alice"),
    purpose,
    dpop,
    keepAlive: false,
  })
const post = async (task: Task, path: string, body: object): Promise<Response> =>
  task.fetch(`http://127.0.0.1:8080${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  })

test.each([false, true])(
  "an agent's calls are decided, and what is behind gets whose they are (dpop: %s)",
  async (dpop) => {
    const task = await open("answer-customer", dpop)
    expect((await post(task, "/mail/messages", { to: "bob@example.org", text: "hi" })).status).toBe(202)
    const denied = await post(task, "/mail/messages", { to: "bob@elsewhere.example", text: "hi" })
    expect(await denialOf(denied)).toMatchObject({ code: "policy_denied" })
    const [request, ...others] = got
    expect([await request?.json(), others.length]).toEqual([{ to: "bob@example.org", text: "hi" }, 0])
    const header = (name: string): string | null | undefined => request?.headers.get(name)
    expect([header("x-narrowgate-task"), header("authorization"), header("dpop")]).toEqual([task.id, null, null])
    expect(gateway.calls()[0]).toBeAllowed()
    expect(gateway.calls()[1]).toBeDenied("policy_denied")
    const records = await ng.records(task.id)
    expect(records.filter(({ kind }) => kind === "call").map(({ decision }) => decision)).toEqual(["allow", "deny"])
    await task.complete()
    expect((await fetch("http://127.0.0.1:8080/mail/messages", { method: "POST" })).status).toBe(401)
  },
)

test("it waits until people have approved", async () => {
  const task = await open("refund-order")
  const params = { name: "refund", arguments: { order: "o-1", amount: 12_000 } }
  const refund = async () => post(task, "/billing/mcp", { jsonrpc: "2.0", id: 1, method: "tools/call", params })
  const onApproval = async ({ url }: { readonly url: string }) => ng.approve(url, { as: "olivia" })
  expect((await untilAllowed(refund, { task, onApproval })).status).toBe(202)
  await task.complete()
})

test("nothing else is reached", async () => {
  await expect(fetch("https://elsewhere.example/")).rejects.toThrow("is neither Narrowgate")
})
