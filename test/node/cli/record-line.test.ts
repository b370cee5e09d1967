/** One line of `narrowgate decisions tail`, and all lines of `narrowgate explain` about a record. */
import { expect, test } from "vitest"
import {
  decisionRecord,
  explanation,
  printable,
  recordLine,
  type ShownRecord,
} from "../../../cli/remote/decision-record.ts"
import { recordOf, type DecisionRecord } from "../../../src/core/record/record.ts"

const shownOf = (kind: DecisionRecord["kind"], more: Partial<DecisionRecord> = {}): ShownRecord => {
  const record = recordOf({
    id: "dec_1",
    at: 0,
    kind,
    decision: "allow",
    code: "ok",
    chain: ["spiffe://a.test/b"],
    ...more,
  })
  return printable(decisionRecord.parse(JSON.parse(JSON.stringify(record))))
}
const lineOf = (...of: Parameters<typeof shownOf>): string =>
  recordLine(shownOf(...of), { isDated: false, width: null })

test.each([
  ["exchange", {}, "(token)"],
  ["approval", {}, "(approval)"],
  ["end", {}, "(end of a task)"],
  ["management", { path: "/v1/decisions", method: "GET" }, "GET /v1/decisions"],
  ["approval", { tool: "crm.refund", arguments: { approved: true } }, "approval of crm.refund"],
  ["call", { tool: "crm.tickets.get", action: "read" }, "crm.tickets.get:read"],
] as const)("of a record of kind %s says what was asked for", (kind, more, what) => {
  expect(lineOf(kind, more)).toContain(` ${what} `)
})

test("of an approver's answer says that it is one, and whose, not that the call was made", () => {
  const answered = { tool: "crm.refund", user: "https://id.test|alice", operator: "https://id.test|olivia" }
  const [yes, no] = [true, false].map((approved) => lineOf("approval", { ...answered, arguments: { approved } }))
  expect(yes).toMatch(/ yes {3}ok .* a\.test\/b for alice by https:\/\/id\.test\|olivia /)
  expect(no).toMatch(/ no {4}ok /)
  expect(`${yes}${no}`).not.toMatch(/allow/)
})

test("of what an observing gateway did not stop says so", () => {
  const denied = { decision: "deny", code: "sequence_denied", denial: { reason: "failed" } } as const
  expect(lineOf("call", { ...denied, mode: "observe" })).toContain("(observed: the call was not stopped)")
  for (const line of [lineOf("call", denied), lineOf("call", { mode: "observe" })]) expect(line).not.toMatch(/observed/)
})

test("of what an operator did says who it was, and what it was done to", () => {
  const operator = "https://id.test|olivia"
  const revoked = { chain: [], method: "POST", path: "/v1/revocations", operator, arguments: { tool: "crm.*" } }
  expect(lineOf("management", revoked)).toContain(
    'POST /v1/revocations           by https://id.test|olivia {"tool":"crm.*"} ',
  )
  expect(lineOf("end", { operator })).toContain("a.test/b by https://id.test|olivia")
})

const TASK = `tsk_01M8815EYFQTG02${"0".repeat(21)}`
const DENIED = {
  id: "dec_01M8815F0SB91PEW30VYE8GW8A",
  at: Date.UTC(2026, 10, 24, 5, 16, 33, 692),
  decision: "deny",
  code: "policy_denied",
  denial: { reason: "policy_forbids", principal: 'User::"alice"', rules: ["mail-within-the-company"] },
  tool: "mail.send",
  action: "write",
  method: "POST",
  path: "/mail/messages",
  arguments: { to: "a@evil.example", subject: "An order that is long enough to fill a line of any terminal" },
  task: TASK,
  user: "https://id.test|alice",
} as const

test("of a call has its path and its arguments, and a date unless all are of today", () => {
  const line = recordLine(shownOf("call", DENIED), { isDated: true, width: null })
  expect(line).toMatch(/^2026-11-24T05:16:33\.692Z deny {2}policy_denied /)
  expect(line).toContain(' POST /mail/messages {"to":"a@evil.example","subject":')
  expect(line).toContain(` ${TASK} `)
  expect(line).toMatch(
    / policy forbids, principal User::"alice", rules \["mail-within-the-company"\] dec_01M8815F0SB91PEW30VYE8GW8A$/,
  )
  expect(lineOf("call", DENIED)).toMatch(/^05:16:33\.692 deny /)
})

test("of a request about a task names it once", () => {
  const line = lineOf("end", { path: `/v1/tasks/${TASK}/complete`, method: "POST", task: TASK })
  expect(line.split(TASK)).toHaveLength(2)
})

test("on a terminal fits its width: ids are cut in their middle, and what is said of the call at its end", () => {
  const line = recordLine(shownOf("call", DENIED), { isDated: false, width: 110 })
  expect(line).toMatch(
    /^05:16:33 deny {2}policy_denied {6}mail\.send:write .* b for alice POST \/mail\/me.*… dec_01M8…E8GW8A$/,
  )
  expect(line).toHaveLength(110)
  const end = { path: `/v1/tasks/${TASK}/complete`, method: "POST", task: TASK }
  expect(recordLine(shownOf("end", end), { isDated: false, width: 110 })).toContain(
    " /v1/tasks/tsk_01M8…000000/complete ",
  )
})

test("an explanation names the trace", () => {
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
  expect(explanation(shownOf("call", { trace }))).toMatch(
    / trace {6}4bf92f3577b34da6a3ce929d0e0e4736, in span 00f067aa0ba902b7\n/,
  )
})

test("an explanation names, for each label that is carried, the decision by which it was picked up", () => {
  const labels = ["reads:pii", "reads:secrets", "reads:here"]
  const carried = [
    { label: "reads:pii", decision: "dec_7" },
    { label: "reads:secrets", decision: "dec_8" },
  ]
  const told = explanation(shownOf("call", { labels, carried }))
  expect(told).toMatch(/ labels {5}reads:pii, reads:secrets, reads:here\n/)
  expect(told).toMatch(/ carried {4}reads:pii, picked up by dec_7; reads:secrets, picked up by dec_8\n/)
  expect(explanation(shownOf("call", { labels }))).not.toContain("carried")
})

test("an explanation of a list names each tool that was hidden, with its reason", () => {
  const hidden = { tool_stopped: 1, tool_unknown: 2 }
  const explained = (tools?: Readonly<Record<string, readonly string[]>>): string =>
    explanation(shownOf("management", { listing: { asked: 5, hidden, ...(tools && { tools }) } }))
  const all = { tool_stopped: ["crm.a"], tool_unknown: ["crm.b", "crm.c"] }
  expect(explained(all)).toContain("5 tools, 1 hidden: tool stopped (crm.a), 2 hidden: tool unknown (crm.b, crm.c)\n")
  // There was no room for more; and a record of an earlier version has none.
  expect(explained({ tool_unknown: ["crm.b"] })).toContain("2 hidden: tool unknown (crm.b, …)\n")
  expect(explained()).toContain("5 tools, 1 hidden: tool stopped, 2 hidden: tool unknown\n")
})

test("an explanation of a token names what ends it, and its task", () => {
  const at = Date.UTC(2026, 10, 25, 5, 20)
  const expires = { token: { at, limited_by: "agent_life" }, task: { at: at + 60_000, limited_by: "session" } }
  expect(explanation(shownOf("exchange", { expires }))).toMatch(
    / expires {4}the token at 2026-11-25T05:20:00\.000Z, limited by agent_life; the task at 2026-11-25T05:21:00\.000Z, limited by session\n/,
  )
})
