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
const lineOf = (...of: Parameters<typeof shownOf>): string => recordLine(shownOf(...of))

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
