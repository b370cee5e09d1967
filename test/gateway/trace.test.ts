/** W3C Trace Context through every dialect: what the request says, what the record says, what the upstream gets. */
import { exports } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { CONTRACT } from "../../src/api/contract/contract.ts"
import { timeOf } from "../../src/core/encoding/ids.ts"
import { spanIdOf } from "../../src/core/encoding/trace-context.ts"
import { exchangeForm, openTask, postForm, type TokenAnswer } from "../harness/agents.ts"
import { askAccess } from "../harness/access.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs, callWith, HTTP_DIALECTS, keyOf, ORIGIN } from "../harness/gateways.ts"
import { agentId, US } from "../harness/issuers.ts"
import { filter } from "../harness/listings.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
const PARENT = `${TRACE}-00f067aa0ba902b7-01`
const NEARER = `${TRACE}-1111111111111111-01`
const OTHER = "99999999999999999999999999999999-2222222222222222-01"

describe.each(HTTP_DIALECTS)("through %s", (dialect) => {
  test("a traced call's record names its parent, and its answer the decision's span", async () => {
    const { token } = await openTask("first")
    const { code, decision, headers } = await callWith(
      token,
      "/files/a",
      { headers: { traceparent: `00-${PARENT}`, tracestate: "vendor=1" } },
      dialect,
    )
    expect(code).toBe("ok")
    expect(headers.get("traceparent")).toBe(`00-${TRACE}-${spanIdOf(decision)}-01`)
    expect(headers.has("tracestate")).toBe(false)
    expect(await recordOf(decision)).toMatchObject({ trace: PARENT, decision: "allow" })
  })

  test("a denial's record names it, whatever was denied", async () => {
    const denied = await askAs(dialect, { path: "/files/a", headers: { traceparent: `00-${PARENT}` } })
    expect(denied.code).toBe("missing_token")
    expect(await recordOf(denied.decision)).toMatchObject({ trace: PARENT, decision: "deny" })
    const { token } = await openTask("first", { scope: "files.list:read" })
    const uncovered = await callWith(token, "/files/a", { headers: { traceparent: `00-${PARENT}` } }, dialect)
    expect(await recordOf(uncovered.decision)).toMatchObject({ trace: PARENT, code: "insufficient_scope" })
  })

  test("a hostile value is ignored, and no trace begins here", async () => {
    const { token } = await openTask("first")
    for (const traceparent of [
      `00-${PARENT}, 00-${OTHER}`,
      `00-${"0".repeat(32)}-${"0".repeat(16)}-01`,
      "x".repeat(8_000),
    ]) {
      const { code, decision, headers } = await callWith(token, "/files/a", { headers: { traceparent } }, dialect)
      expect(code).toBe("ok")
      expect(headers.has("traceparent")).toBe(false)
      expect(await recordOf(decision)).toMatchObject({ trace: null })
    }
  })
})

test("over RPC, the headers that the Worker passes on name the parent", async () => {
  const { token } = await openTask("first")
  const headers = { Authorization: `Bearer ${token}`, traceparent: `00-${PARENT}` }
  const call = { key: keyOf("worker"), method: "GET", url: `${ORIGIN}/files/a`, headers }
  const answer = await exports.Authorizer.authorize(call)
  const decision = answer.headers["x-narrowgate-decision"] ?? ""
  expect(answer.headers).toMatchObject({ traceparent: `00-${TRACE}-${spanIdOf(decision)}-01` })
  expect(await recordOf(decision)).toMatchObject({ trace: PARENT })
})

describe("a gateway that describes the request in a document", () => {
  test("AuthZEN: its own span is the nearest, and each of several evaluations is one below it", async () => {
    const { token } = await openTask("first")
    const question = {
      subject: { type: "agent", id: agentId("first") },
      action: { name: "GET" },
      resource: { type: "uri", id: `${ORIGIN}/files/a` },
      context: { authorization: `Bearer ${token}`, headers: { traceparent: `00-${PARENT}` } },
      evaluations: [{}, {}],
    }
    const { body } = await askAccess("authzen", "evaluations", question, { traceparent: `00-${NEARER}` })
    const decisions = (body.evaluations ?? []).map(({ context }) => String(context?.decision_id))
    expect(decisions).toHaveLength(2)
    for (const decision of decisions) expect(await recordOf(decision)).toMatchObject({ trace: NEARER })
  })

  test("Kong: its own span is the nearest; a malformed one of its own hides none", async () => {
    const { token } = await openTask("first")
    const headers = { authorization: `Bearer ${token}`, traceparent: `00-${PARENT}` }
    const http = { host: "api.test", method: "GET", path: "/files/a", headers, body: "" }
    const ask = async (traceparent: string): Promise<string> => {
      const body = JSON.stringify({ input: { request: { http } } })
      const request = new Request(`${US}/authz/forward/${keyOf("kong")}`, {
        method: "POST",
        body,
        headers: { traceparent },
      })
      const { result }: { result: { headers: Record<string, string> } } = await (
        await exports.default.fetch(request)
      ).json()
      return result.headers["x-narrowgate-decision"] ?? ""
    }
    expect(await recordOf(await ask(`00-${NEARER}`))).toMatchObject({ trace: NEARER })
    expect(await recordOf(await ask("none"))).toMatchObject({ trace: PARENT })
  })
})

describe("an MCP client", () => {
  const message = (meta: object) =>
    JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "search", arguments: {}, _meta: meta },
    })
  const call = async (meta: object, headers: Readonly<Record<string, string>>) => {
    const { token } = await openTask("first", { scope: "desk.*:read" })
    return callWith(token, "/desk/mcp", {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: message(meta),
    })
  }

  test.each([
    ["its message, without a header", { traceparent: `00-${PARENT}` }, {}, PARENT],
    [
      "the header, if it is of the message's trace",
      { traceparent: `00-${PARENT}` },
      { traceparent: `00-${NEARER}` },
      NEARER,
    ],
    [
      "its message, if the transport has another trace",
      { traceparent: `00-${PARENT}` },
      { traceparent: `00-${OTHER}` },
      PARENT,
    ],
    ["the header, if the message names none", {}, { traceparent: `00-${OTHER}` }, OTHER],
    ["the header, if the message's is no traceparent", { traceparent: 7 }, { traceparent: `00-${OTHER}` }, OTHER],
    ["nothing, if both are malformed", { traceparent: ["00"] }, { traceparent: "00" }, null],
  ] as const)("names its span by %s", async (_, meta, headers, parent) => {
    const { decision } = await call(meta, headers)
    expect(await recordOf(decision)).toMatchObject({ trace: parent })
  })
})

test("a list that is cut down names its parent, as does its denial", async () => {
  const { token } = await openTask("first", { scope: "desk.*:read" })
  const traced = { headers: { traceparent: `00-${PARENT}` } }
  const made = await filter(token, "desk", ["search", "pay"], traced)
  expect(made.kept).toEqual(["search"])
  const denied = await filter(token, "nowhere", ["search"], traced)
  expect(denied.kept).toBeNull()
  for (const { decision } of [made, denied]) expect(await recordOf(decision)).toMatchObject({ trace: PARENT })
})

describe("a token request", () => {
  const decisionOf = ({ headers }: TokenAnswer): string => headers.get("X-Narrowgate-Decision") ?? ""

  test("is a span of its trace, granted or not, whatever its grant", async () => {
    const granted = await postForm(await exchangeForm("first"), { traceparent: `00-${PARENT}` })
    expect(granted.status).toBe(200)
    expect(await recordOf(decisionOf(granted))).toMatchObject({ kind: "exchange", decision: "allow", trace: PARENT })
    const refused = await postForm({ grant_type: "password" }, { traceparent: `00-${PARENT}` })
    expect(refused.status).toBe(400)
    expect(await recordOf(decisionOf(refused))).toMatchObject({ kind: "exchange", decision: "deny", trace: PARENT })
  })

  test("with a malformed header has none", async () => {
    const granted = await postForm(await exchangeForm("first"), { traceparent: `00-${PARENT}-more` })
    expect(await recordOf(decisionOf(granted))).toMatchObject({ decision: "allow", trace: null })
  })
})

test("an operator finds the decisions of a trace, and those of a time", async () => {
  const { token } = await openTask("first")
  const traced = await callWith(token, "/files/a", { headers: { traceparent: `00-${PARENT}` } })
  const other = await callWith(token, "/files/a", { headers: { traceparent: `00-${OTHER}` } })
  for (const { decision } of [traced, other]) await recordOf(decision)
  const found = async (query: string): Promise<readonly unknown[]> => {
    const { status, json } = await manage("GET", `/v1/decisions?kind=call&${query}`, await bearerOf("viewer"))
    expect(status).toBe(200)
    return CONTRACT.listDecisions
      .answer()
      .parse(json)
      .decisions.map(({ id }) => id)
  }
  expect(await found(`trace=${TRACE}`)).toEqual([traced.decision])
  expect(await found(`trace=${TRACE.replace("4", "5")}`)).toEqual([])
  const at = timeOf(traced.decision) ?? 0
  expect(await found(`trace=${TRACE}&since=${at}&until=${at + 1}`)).toEqual([traced.decision])
  expect(await found(`since=${at - 60_000}&until=${at}`)).toEqual([])
  expect(await found(`trace=${TRACE}&since=${at + 1}`)).toEqual([])
  for (const query of ["trace=4bf92f35", "since=2026-11-24", `until=${2 ** 48}`]) {
    expect((await manage("GET", `/v1/decisions?${query}`, await bearerOf("viewer"))).status).toBe(400)
  }
})
