import { env, exports } from "cloudflare:workers"
import { beforeAll, expect, test } from "vitest"
import { narrowgateBehind, type TestNarrowgate } from "../../../testing/pool/index.ts"

let ng: TestNarrowgate
beforeAll(async () => {
  ng = await narrowgateBehind(Reflect.get(env, "NARROWGATE"))
})

const send = async (token: string, to: string): Promise<Response> =>
  exports.default.fetch("http://127.0.0.1:8080/mail/messages", {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ to, text: "hello" }),
  })

test("the Worker sends what Narrowgate allows, and nothing else", async () => {
  const { token } = await ng.task({ user: "alice", agent: "support", purpose: "answer-customer" })
  expect((await send(token, "bob@example.org")).status).toBe(202)
  const denied = await send(token, "bob@elsewhere.example")
  expect([denied.status, await denied.json()]).toMatchObject([403, { error: "policy_denied" }])
})

test("a call is decided as the Worker would have it decided", async () => {
  const task = await ng.task({ user: "alice", agent: "support", purpose: "answer-customer" })
  expect(await ng.call(task, "mail.send", { to: "bob@example.org" })).toBeAllowed()
  expect(await ng.call(task, "mail.send", { to: "bob@elsewhere.example" })).toBeDenied("policy_denied")
  expect(await ng.call(task, "desk.search", { query: "printer" })).toBeAllowed()
  const records = await ng.records(task)
  expect(records.map(({ tool }) => tool)).toEqual([null, "mail.send", "mail.send", "desk.search"])
})

test("time passes when the test says so", async () => {
  const task = await ng.task({ user: "alice", agent: "support", purpose: "answer-customer" })
  await ng.clock.advance("10 minutes")
  expect((await send(task.token, "bob@example.org")).status).toBe(401)
  expect(await ng.call(task, "mail.send", { to: "bob@example.org" })).toBeDenied("invalid_token")
  await expect(ng.task({ user: "alice", agent: "support", scope: "billing.refund:write" })).rejects.toBeDenied(
    "invalid_scope",
  )
})
