/** Time passes for the Worker as if it had passed: each of these needs it, and none waits for it. */
import { afterAll, beforeAll, expect, test } from "vitest"
import { startNarrowgate, type RunningNarrowgate } from "../../testing/index.ts"
import { timeOf } from "../../src/core/encoding/ids.ts"

let ng: RunningNarrowgate
beforeAll(async () => {
  const users = { alice: { groups: ["support"] }, olivia: { groups: ["operations"] } }
  ng = await startNarrowgate({ policies: "policies", users })
})
afterAll(async () => ng.stop())

const SECOND = 1_000
const MINUTE = 60 * SECOND

test("it is the real one until it is advanced, and never goes back", async () => {
  const ahead = async (): Promise<number> => (await ng.clock.now()).getTime() - Date.now()
  expect(Math.abs(await ahead())).toBeLessThan(SECOND)
  const before = await ng.clock.now()
  const after = await ng.clock.advance("90s")
  expect(after.getTime() - before.getTime()).toBeGreaterThanOrEqual(90 * SECOND)
  expect(after.getTime() - before.getTime()).toBeLessThan(100 * SECOND)
  await expect(ng.clock.advance(-1)).rejects.toThrow("Time only goes forward")
  await expect(ng.clock.advance("a while")).rejects.toThrow('"a while" is no span of time')
  expect(await ahead()).toBeGreaterThanOrEqual(90 * SECOND - SECOND)
  const [one, other] = await Promise.all([ng.clock.advance("1 minute"), ng.clock.advance("1 minute")])
  expect(Math.max(one.getTime(), other.getTime()) - after.getTime()).toBeGreaterThanOrEqual(2 * MINUTE)
})

test("a token expires, and not before", async () => {
  const task = await ng.task({ user: "alice", agent: "support" })
  await ng.clock.advance("290s")
  expect(await ng.call(task, "crm.tickets.list")).toBeAllowed()
  await ng.clock.advance("11s")
  expect(await ng.call(task, "crm.tickets.list")).toBeDenied("invalid_token")
  const denied = (await ng.records(task)).find(({ decision }) => decision === "deny")
  expect(denied?.denial).toMatchObject({ reason: "token_expired" })
})

test("a window of calls moves on", async () => {
  const task = await ng.task({ user: "alice", agent: "support" })
  const echo = async () => ng.call(task, "everything.echo", { message: "hi" })
  for (let call = 0; call < 3; call++) expect(await echo()).toBeAllowed()
  expect(await echo()).toBeDenied("rate_limited")
  await ng.clock.advance("2 seconds")
  expect(await echo()).toBeAllowed()
})

test("an approval can no longer be answered", async () => {
  const task = await ng.task({ user: "alice", agent: "support", purpose: "refund-order" })
  const waiting = await ng.call(task, "billing.refund", { order: "o-1", amount: 12_000 })
  await ng.clock.advance("16 minutes")
  await expect(ng.approve(waiting, { as: "olivia" })).rejects.toMatchObject({ code: "approval_refused" })
})

test("a wait for an approval ends", async () => {
  const task = await ng.task({ user: "alice", agent: "support", purpose: "refund-order" })
  const { approval } = await ng.call(task, "billing.refund", { order: "o-2", amount: 12_000 })
  const began = performance.now()
  const waiting = fetch(`${ng.url}/v1/tasks/${approval?.task}/approvals/${approval?.id}`, {
    headers: { authorization: `Bearer ${task.token}`, prefer: "wait=30" },
  })
  const isOver = waiting.then(() => true)
  const still = await Promise.race([isOver, new Promise((resolve) => void setTimeout(resolve, 500, false))])
  expect(still).toBe(false)
  await ng.clock.advance("31 seconds")
  const response = await waiting
  expect(await response.json()).toMatchObject({ status: "pending" })
  expect(performance.now() - began).toBeLessThan(15 * SECOND)
})

test("a session expires, and opens nothing after that", async () => {
  const session = await ng.session("alice")
  const exchange = async (): Promise<Response> =>
    fetch(`${ng.url}/oauth/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token: session,
        subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: await ng.identity("support"),
        audience: "https://api.example",
      }),
    })
  expect((await exchange()).status).toBe(200)
  await ng.clock.advance("62 minutes")
  const late = await exchange()
  expect([late.status, await late.json()]).toMatchObject([400, { error: "invalid_request" }])
})

test("records carry the time that it was", async () => {
  await ng.clock.advance("1 day")
  const task = await ng.task({ user: "alice", agent: "support" })
  const { id } = await ng.call(task, "crm.tickets.list")
  expect(Math.abs((timeOf(id) ?? 0) - (await ng.clock.now()).getTime())).toBeLessThan(5 * SECOND)
})

test("what an isolate keeps for some seconds is old after them", async () => {
  const task = await ng.task({ user: "alice", agent: "support" })
  expect(await ng.call(task, "crm.tickets.list")).toBeAllowed()
  // The operator's request waits until no isolate has an older list of what is suspended: two seconds.
  const suspended = fetch(`${ng.url}/v1/revocations`, {
    method: "POST",
    headers: { authorization: `Bearer ${await ng.person("olivia")}`, "content-type": "application/json" },
    body: JSON.stringify({ agent: "spiffe://example.org/agent/support", reason: "a test" }),
  })
  const isOver = suspended.then(() => true)
  expect(await Promise.race([isOver, new Promise((resolve) => void setTimeout(resolve, 500, false))])).toBe(false)
  const began = performance.now()
  await ng.clock.advance("2 seconds")
  expect((await suspended).status).toBe(200)
  expect(performance.now() - began).toBeLessThan(SECOND)
  expect(await ng.call(task, "crm.tickets.list")).toBeDenied("invalid_token")
})
