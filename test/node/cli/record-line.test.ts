/** One line of `narrowgate decisions tail`. */
import { expect, test } from "vitest"
import { decisionRecord, printable, recordLine } from "../../../cli/decision-record.ts"
import { recordOf, type DecisionRecord } from "../../../src/audit/record.ts"

const lineOf = (kind: DecisionRecord["kind"], more: Partial<DecisionRecord> = {}): string => {
  const record = recordOf({
    id: "dec_1",
    at: 0,
    kind,
    decision: "allow",
    code: "ok",
    chain: ["spiffe://a.test/b"],
    ...more,
  })
  return recordLine(printable(decisionRecord.parse(JSON.parse(JSON.stringify(record)))))
}

test.each([
  ["exchange", {}, "(token)"],
  ["approval", {}, "(approval)"],
  ["end", {}, "(end of a task)"],
  ["management", { path: "/v1/decisions" }, "/v1/decisions"],
  ["call", { tool: "crm.tickets.get", action: "read" }, "crm.tickets.get:read"],
] as const)("of a record of kind %s says what was asked for", (kind, more, what) => {
  expect(lineOf(kind, more)).toContain(` ${what} `)
})
