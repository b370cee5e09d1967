/** A record in which no field is blank: the compiler names one that is missing. */
import type { DecisionRecord } from "../../../src/core/record/record.ts"

export const WHOLE: DecisionRecord = {
  id: "dec_01M8815F0SB91PEW30VYE8GW8A",
  at: 1_795_565_992_986,
  life: 1,
  number: 2,
  kind: "call",
  decision: "deny",
  code: "policy_denied",
  denial: { reason: "policy_forbids", principal: 'User::"https://idp.example|alice"', rules: ["mail-within"] },
  principal: 'User::"https://idp.example|alice"',
  rules: ["mail-within"],
  scope: "mail.*:write",
  mode: "observe",
  gateway: "edge",
  environment: "production",
  operator: "https://idp.example|olga",
  method: "POST",
  mcp_method: "tools/call",
  path: "/mail/messages",
  tool: "mail.send",
  action: "write",
  sensitivity: "internal",
  task: "tsk_01M8815EYFQTG027QX3M0V9BK2RD5WAH4N6C",
  purpose: "answer-customer",
  audience: "https://mail.example",
  expires: {
    token: { at: 1_795_566_292_986, limited_by: "task" },
    task: { at: 1_795_566_292_986, limited_by: "session" },
  },
  user: "https://idp.example|alice",
  groups: ["support"],
  chain: ["spiffe://example.org/agent/root", "spiffe://example.org/agent/support"],
  arguments_hash: "830e191ccd36ea7799543354d77029e169b9980c014a5e5ee0383cc48dce5ab4",
  arguments_omitted: 1,
  arguments: { to: "a@evil.example", amount: 12.5, many: 9_007_199_254_740_991, list: [1, null, true], of: { x: {} } },
  facts: { "session.acr": null },
  bundle: { seq: 5, digest: "4532c761e564d8df85015779dad432e050df1efe1de106904ddeed8d10847cbc" },
  windows: [{ window: "calls", limit: 600, seconds: 60, used: 0, asked: 1, waits: 0 }],
  guardrails: [{ guardrail: "out", kind: "sequence", holds: true }],
  calls: { used: 0, limit: 50 },
  approvals: [{ id: "apr_1", name: "desk", guardrail: null, by: ["https://idp.example|bob"] }],
  labels: ["reads:secret"],
  carried: [{ label: "reads:secret", decision: "dec_01M8815F0SB91PEW30VYE8GW8B" }],
  listing: { asked: 3, hidden: { policy_forbids: 1 }, tools: { policy_forbids: ["mail.send"] } },
  candidate: { bundle: { seq: 6, digest: "00" }, differs: null },
  cut: ["facts"],
  token_hash: "a5982c7644b31ddb",
  bound: true,
  total_ms: 3,
  io_ms: 2,
  trace: "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  steps: { lease: 3 },
}

export const CHECKPOINT = {
  size: 43,
  at: 1_795_565_999_000,
  note: "authz.example/logs/records-0\n43\nAAAA\n\n— x y\n",
  frontier: ["AAAA"],
}
export const SALT = "q80xy3NyQk6uYzqTqMGJ3g"

export const LEAF = "I5mSc/VFFq1Rmv1VrLmmkcPVzW3V1HV1ixmJ9QO1wZg="

/** A batch of one record, and one checkpoint. */
export const batchWith = (record: object) => ({
  log: "records-0",
  from: 42,
  next: 43,
  records: [{ index: 42, leaf: LEAF, salt: SALT, body: JSON.stringify(record) }],
  checkpoints: [CHECKPOINT],
})
export const CONTEXT = { issuer: "https://authz.example" }
