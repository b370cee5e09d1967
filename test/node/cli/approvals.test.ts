/** `narrowgate approvals`: what a person is shown before they agree. */
import { expect, it } from "vitest"
import { taskApprovalText, callApprovalText } from "../../../cli/commands/approvals.ts"

const ASKED = {
  kind: "task",
  task: "tsk_01J8",
  agent: "spiffe://example.org/agent/support",
  purpose: "large-refund",
  audience: "https://stripe.example",
  scope: "stripe.create_refund:write",
  authorization_details: null,
  calls: 1,
  binding_message: "Refund 1.00",
  life: 600,
  offline: false,
  expires_at: 300_000,
  plan: null,
  status: "pending",
} as const

it("tells for what, how much and how long", () => {
  expect(taskApprovalText(ASKED, 0).split("\n")).toEqual([
    expect.stringMatching(/tsk_01J8.*agent\/support$/u),
    "  for       large-refund: Refund 1.00",
    "  may then  stripe.create_refund:write, at most 1 call, for 600 s",
    "  only at   https://stripe.example",
    "  answer    within 300 s",
  ])
})

// The message is the agent's own: it may say one amount and ask for another.
it("tells with which arguments alone", () => {
  const bounded = {
    type: "narrowgate_call" as const,
    actions: ["write"],
    max_sensitivity: "internal",
    tools: ["stripe.create_refund"],
    arguments: { payment_intent: { eq: "pi_1" }, amount: { min: 1, max: 12_000 }, note: { like: "a\u001b*" } },
  }
  const told = taskApprovalText({ ...ASKED, authorization_details: [bounded] }, 0)
  expect(told).toContain('\n  only with payment_intent = "pi_1"\n  only with amount ≥ 1 and ≤ 12000\n')
  expect(told).not.toContain("a\u001b*")
})

const CALL = {
  kind: "call",
  id: "apr_01J8",
  task: "tsk_01J8",
  tool: "stripe.create_refund",
  arguments: { payment_intent: "pi_1", amount: 60_000, note: "x\n  answer    no\u001b[2J", token: "[redacted]" },
  redacted: ["token"],
  method: "POST",
  environment: "production",
  agent: "spiffe://example.org/agent/support",
  purpose: "large-refund",
  chain: ["spiffe://example.org/agent/front", "spiffe://example.org/agent/support"],
  user: "https://idp.test|alice",
  name: "finance",
  guardrail: null,
  rules: ["large-refunds"],
  need: 2,
  most_uses: 3,
  bundle: 1,
  decision: "dec_01J8",
  asked_at: 0,
  status: "pending",
  uses: 0,
  votes: [{ by: "https://idp.test|fred", approved: true, reason: null, at: 1 }],
  expires_at: 300_000,
  limited_by: "approval_life",
  unanswerable: null,
} as const

it("tells a call with all that is in it, none of which can pass for a line of ours", () => {
  const { rules, votes, chain, redacted, ...call } = CALL
  const told = callApprovalText(
    { ...call, rules: [...rules], votes: [...votes], chain: [...chain], redacted: [...redacted] },
    0,
  )
  expect(told.split("\n")).toEqual([
    expect.stringMatching(/apr_01J8.*agent\/support, called by .*agent\/front$/u),
    "  calls     stripe.create_refund by POST in production, for https://idp.test|alice, purpose large-refund",
    '  with      payment_intent = "pi_1"',
    "  with      amount = 60000",
    '  with      note = "x\\n  answer    no\\u001b[2J"',
    "  with      token, which is not shown",
    "  because   rule large-refunds, of finance, 1 of 2 have approved",
    "  answer    within 300 s; approving allows 1 call, or up to 3 with --uses",
  ])
})
