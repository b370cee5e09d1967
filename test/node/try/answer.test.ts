/** What `narrowgate try` says of an answer. */
import { expect, it } from "vitest"
import { resultText } from "../../../cli/commands/try.ts"
import { answerOf } from "../../../cli/remote/gateway-answer.ts"

const TASK = "tsk_01M89QN4TN8ZA2T7QX3M0V9BK2RD5WAK3F9P"
const DENIAL = { error: "unavailable", error_description: "No decision could be made." }

it("takes a server's own denial, which no decision is behind, for one", () => {
  const answer = answerOf(new Response(null, { status: 200 }), "Nothing was done.", "", DENIAL)
  expect(answer).toMatchObject({ code: "unavailable", decision: null, description: DENIAL.error_description })
  const text = resultText("notes.get", TASK, answer, null)
  expect(text).toMatch(/^denied +notes\.get +tsk_/u)
  expect(text).toContain("\n  unavailable\n")
  expect(text).not.toContain("explain")
})

it("tells an allowed call that the service has refused from one that it has answered", () => {
  const headers = { "x-narrowgate-decision": "dec_01M89QN4V5T0T2KTT2TRP2KGMW" }
  const said = (status: number): string =>
    resultText("shop.get", TASK, answerOf(new Response(null, { status, headers }), "{}"), null)
  expect(said(401)).toMatch(/^allowed .*\n {2}the server behind the gateway answered HTTP 401\n {2}\{\}$/u)
  expect(said(201)).toMatch(/^allowed .*\n {2}\{\}$/u)
})
