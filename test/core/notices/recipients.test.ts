import { describe, expect, test } from "vitest"
import type { PendingCall, Notice, NoticeData, TaskEndNotice, PendingTask } from "../../../src/core/notices/notice.ts"
import { noticeFor } from "../../../src/core/notices/recipients.ts"
import type { EventName, ReceiverDefinition } from "../../../src/core/policy/definition/receivers.ts"

const CALL: PendingCall = {
  kind: "call",
  approval: "apr_1",
  task: "tsk_1",
  tool: "crm.tickets.refund",
  agent: "spiffe://example.org/agent/support",
  chain: ["spiffe://example.org/agent/support"],
  user: "https://idp.test|alice",
  purpose: "triage-ticket",
  guardrail: null,
  name: "refunds",
  rules: ["large-refund"],
  need: 1,
  arguments: '{"amount":250}',
  expiresAt: 1_795_660_800_000,
  answer: null,
}
const CONSENT: PendingTask = {
  kind: "task",
  task: "tsk_1",
  agent: "spiffe://example.org/agent/support",
  user: "https://idp.test|alice",
  purpose: "triage-ticket",
  scope: "crm.tickets.get:read",
  bindingMessage: "The agent's own words",
  expiresAt: 1_795_660_800_000,
  answer: null,
}
const END: TaskEndNotice = {
  kind: "end",
  task: "tsk_1",
  tasks: ["tsk_1"],
  agent: "spiffe://example.org/agent/support",
  user: null,
  purpose: "triage-ticket",
  by: "operator",
  operator: "https://idp.test|operator",
  code: null,
  guardrail: null,
}
const ALL: ReceiverDefinition = {
  id: "chat",
  format: "standard",
  url: "https://chat.example",
  events: ["approval.asked", "task.revoked"],
  arguments: true,
}
const OF_REFUNDS: ReceiverDefinition = { ...ALL, approvals: ["refunds"] }
const notice = (type: EventName, data: NoticeData): Notice => ({ id: "evt_1", type, at: 0, decision: "dec_1", data })
const asked = (data: NoticeData): Notice => notice("approval.asked", data)

describe("a receiver gets", () => {
  test.each([
    ["an approval of any name if it names none", ALL, asked(CALL)],
    ["a user's consent if it names no approvals", ALL, asked(CONSENT)],
    ["an approval of a name that it names", OF_REFUNDS, asked(CALL)],
    ["the other events that it names, whatever approvals it names", OF_REFUNDS, notice("task.revoked", END)],
  ])("%s", (_, receiver, given) => {
    expect(noticeFor(receiver, given)).toEqual(given)
  })

  test("arguments only if its entry says so", () => {
    expect(noticeFor({ ...ALL, arguments: false }, asked(CALL))).toEqual(asked({ ...CALL, arguments: null }))
  })
})

describe("a receiver does not get", () => {
  test.each([
    ["an event that it does not name", ALL, notice("approval.answered", CALL)],
    ["an approval of a name that it does not name", { ...ALL, approvals: ["invoices"] }, asked(CALL)],
    ["an approval of operators if it names approvals", OF_REFUNDS, asked({ ...CALL, name: null })],
    ["a user's consent, with an agent's own words, if it names approvals", OF_REFUNDS, asked(CONSENT)],
  ] satisfies readonly [string, ReceiverDefinition, Notice][])("%s", (_, receiver, given) => {
    expect(noticeFor(receiver, given)).toBeNull()
  })
})
