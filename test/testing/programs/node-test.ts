/** Run by node:test. */
import { after, before, test } from "node:test"
import { rejects, throws } from "node:assert/strict"
import { assertAllowed, assertDenied, startNarrowgate, type RunningNarrowgate } from "../../../testing/index.ts"

let ng: RunningNarrowgate
before(async () => {
  ng = await startNarrowgate({ policies: "policies", users: { alice: { groups: ["support"] } } })
})
after(async () => ng.stop())

void test("mail stays in the house", async () => {
  const task = await ng.task({ user: "alice", agent: "support", purpose: "answer-customer" })
  assertAllowed(await ng.call(task, "mail.send", { to: "bob@example.org" }))
  const denied = await ng.call(task, "mail.send", { to: "bob@elsewhere.example" })
  assertDenied(denied)
  assertDenied(denied, "policy_denied")
  throws(() => assertAllowed(denied), { code: "ERR_ASSERTION", message: /but it was denied: policy_denied/ })
  throws(() => assertDenied(denied, "rate_limited"), { code: "ERR_ASSERTION" })
  await rejects(ng.task({ user: "alice", agent: "nobody" }), { code: "unknown_name" })
})

void test("this one fails, so that one sees how", { skip: process.env["SHOW_FAILURE"] === undefined }, async () => {
  const task = await ng.task({ user: "alice", agent: "support", purpose: "answer-customer" })
  assertAllowed(await ng.call(task, "mail.send", { to: "bob@elsewhere.example" }))
})
