/** What a gateway of the dialect authzen has of its own; that it decides as all others do, dialects.test.ts shows. */
import { exports } from "cloudflare:workers"
import { beforeEach, describe, expect, test } from "vitest"
import type { Limit } from "../../../src/core/guardrails/limit-definition.ts"
import { askAccess, type AccessAnswer } from "../../harness/access.ts"
import { openTask } from "../../harness/agents.ts"
import { publish, yard } from "../../harness/bundles.ts"
import { callWith, keyOf, ORIGIN } from "../../harness/gateways.ts"
import { window } from "../../harness/guardrails.ts"
import { freshIsolate } from "../../harness/isolate.ts"
import { agentId, IDP, US } from "../../harness/issuers.ts"
import { callsOf } from "../../harness/ledgers.ts"
import { newProofKey, proofForToken, proofOf } from "../../harness/proofs.ts"
import { recordOf } from "../../harness/records.ts"

beforeEach(async () => {
  await freshIsolate()
  await publish(await yard())
})

const FIRST = { type: "agent", id: agentId("first") }
const call = (token: string, path: string, more: object = {}) => ({
  subject: FIRST,
  action: { name: "GET" },
  resource: { type: "uri", id: ORIGIN + path },
  context: { authorization: `Bearer ${token}` },
  ...more,
})
const ask = async (question: object, headers = {}, who = "authzen"): Promise<AccessAnswer["body"]> => {
  const { status, body } = await askAccess(who, "evaluation", question, headers)
  expect(status).toBe(200)
  return body
}
const codeOf = ({ decision, context }: AccessAnswer["body"]): unknown => (decision ? "ok" : context?.code)

describe("an allow", () => {
  test("has what goes to the upstream, and is recorded and counted as a call", async () => {
    const { token, task } = await openTask()
    const { decision, context } = await ask(call(token, "/files/a"))
    expect(decision).toBe(true)
    expect(context?.headers).toMatchObject({
      "x-narrowgate-agent": agentId("first"),
      "x-narrowgate-user": `${IDP}|alice`,
      "x-narrowgate-task": task,
      "x-narrowgate-tool": "files.read",
      "txn-token": "",
    })
    expect(await recordOf(String(context?.decision_id))).toMatchObject({
      gateway: "authzen",
      kind: "call",
      decision: "allow",
      method: "GET",
      path: "/files/a",
    })
    expect(await callsOf(task)).toBe(1)
  })

  test("is not had twice beyond a limit: each of several counts", async () => {
    const { token, task } = await openTask()
    const evaluations = Array.from({ length: 5 }, () => ({}))
    const { body } = await askAccess("authzen", "evaluations", { ...call(token, "/thrice"), evaluations })
    expect(body.evaluations?.map(codeOf)).toEqual(["ok", "ok", "ok", "rate_limited", "rate_limited"])
    expect(body.evaluations?.[3]?.context).toMatchObject({
      status: 429,
      headers: { "retry-after": expect.any(String) },
    })
    expect(await callsOf(task)).toBe(3)
    expect((await callWith(token, "/thrice")).code).toBe("rate_limited")
  })

  test("is none for those of several that have too much to be read together", async () => {
    const { token, task } = await openTask()
    const context = { authorization: `Bearer ${token}`, body: "x".repeat(12_000) }
    const evaluations = Array.from({ length: 4 }, () => ({}))
    const question = { ...call(token, "/files/a", { context }), evaluations }
    const { body } = await askAccess("authzen", "evaluations", question)
    expect(body.evaluations?.map(codeOf)).toEqual(["ok", "ok", "malformed_evaluation", "malformed_evaluation"])
    expect(await callsOf(task)).toBe(2)
  })

  test.each([
    ["32,768 characters", 32_768, ["ok", "ok"]],
    ["one more", 32_769, ["ok", "malformed_evaluation"]],
  ])("is had by two that have %s together", async (_what, most, codes) => {
    const { token } = await openTask()
    const own = (body: string) => call(token, "/files/a", { context: { authorization: `Bearer ${token}`, body } })
    // Each is counted with the `properties` that it leaves out.
    const empty = JSON.stringify(own("")).length + 3 * ',"properties":{}'.length
    const [one = 0, two = 0] = [Math.floor(most / 2), Math.ceil(most / 2)].map((size) => size - empty)
    const evaluations = [own("x".repeat(one)), own("x".repeat(two))]
    const { body } = await askAccess("authzen", "evaluations", { evaluations })
    expect(body.evaluations?.map(codeOf)).toEqual(codes)
  })

  test("by a proof is had once", async () => {
    const holder = await newProofKey()
    const { token } = await openTask("first", {}, await proofForToken(holder))
    const dpop = await proofOf(holder, "GET", `${ORIGIN}/files/a`, token)
    const question = call(token, "/files/a", { context: { authorization: `DPoP ${token}`, dpop } })
    expect(codeOf(await ask(question))).toBe("ok")
    expect(codeOf(await ask(question))).toBe("invalid_token")
  })
})

describe("the gateway's own request id", () => {
  test("makes a retry of one call count once, and each of several its own", async () => {
    const { token, task } = await openTask()
    const id = { "X-Request-ID": "r-1" }
    const first = await ask(call(token, "/files/a"), id)
    expect((await ask(call(token, "/files/a"), id)).context?.decision_id).toBe(first.context?.decision_id)
    expect(await callsOf(task)).toBe(1)
    const several = { ...call(token, "/files/a"), evaluations: [{}, {}] }
    for (let time = 0; time < 2; time += 1) await askAccess("authzen", "evaluations", several, id)
    expect(await callsOf(task)).toBe(3)
  })

  test("is none of its client's", async () => {
    const { token, task } = await openTask()
    const context = { authorization: `Bearer ${token}`, headers: { "X-Request-ID": "r-1" } }
    for (let time = 0; time < 2; time += 1) await ask(call(token, "/files/a", { context }))
    expect(await callsOf(task)).toBe(2)
  })
})

test("what it asserts of the client stands in its own headers alone", async () => {
  const body = await yard()
  const travel: Limit = {
    ...window({ id: "travel", tools: ["files.*"], per: "task", limit: 1, seconds: 60 }),
    measure: { kind: "distinct", field: "country" },
  }
  await publish({ ...body, guardrails: [travel] }, 2)
  const { token } = await openTask()
  const from = (headers: object) => call(token, "/files/a", { context: { authorization: `Bearer ${token}`, headers } })
  expect(codeOf(await ask(from({}), { "X-Country": "AT" }))).toBe("ok")
  expect(codeOf(await ask(from({ "X-Country": "DE" }), { "X-Country": "AT" }))).toBe("ok")
  expect(codeOf(await ask(from({ "X-Country": "AT" }), { "X-Country": "DE" }))).not.toBe("ok")
})

describe("whom the question is about", () => {
  test("is the agent that calls, or the user on whose behalf", async () => {
    const { token, task } = await openTask()
    const about = async (subject: object) => ask(call(token, "/files/a", { subject }))
    expect(codeOf(await about({ type: "user", id: `${IDP}|alice` }))).toBe("ok")
    for (const subject of [
      { type: "user", id: `${IDP}|bob` },
      { type: "user", id: "alice" },
      { type: "user", id: agentId("first") },
      { type: "agent", id: agentId("second") },
      { type: "agent", id: `${IDP}|alice` },
      { type: "anybody", id: agentId("first") },
      { type: "agent", id: "né\n" },
    ]) {
      const { decision, context } = await about(subject)
      expect([decision, context?.code, context?.status]).toEqual([false, "malformed_call", 400])
      const { denial } = await recordOf(String(context?.decision_id))
      expect(denial).toMatchObject({ reason: "subject_differs" })
    }
    expect(await callsOf(task)).toBe(1)
  })

  test("uses the proof up that came with it, whoever that is", async () => {
    const holder = await newProofKey()
    const { token, task } = await openTask("first", {}, await proofForToken(holder))
    const about = async (subject: object, dpop: string) =>
      codeOf(await ask(call(token, "/files/a", { subject, context: { authorization: `DPoP ${token}`, dpop } })))
    const proof = await proofOf(holder, "GET", `${ORIGIN}/files/a`, token)
    expect(await about({ type: "agent", id: agentId("second") }, proof)).toBe("malformed_call")
    expect(await about(FIRST, proof)).toBe("invalid_token")
    expect(await about(FIRST, await proofOf(holder, "GET", `${ORIGIN}/files/a`, token))).toBe("ok")
    expect(await callsOf(task)).toBe(1)
  })

  test("is not asked of what is no token", async () => {
    const { decision, context } = await ask(call("", "/files/a", { context: {} }))
    expect([decision, context?.code, context?.status]).toEqual([false, "missing_token", 401])
    expect(context?.headers).toMatchObject({ "www-authenticate": expect.stringContaining("resource_metadata=") })
  })
})

describe("what a call is", () => {
  test("is a URL as it was called: none of its readings is chosen", async () => {
    const { token } = await openTask()
    const at = async (id: string, type = "uri") => codeOf(await ask(call(token, "", { resource: { type, id } })))
    expect(await at(`${ORIGIN}/files/a`, "http")).toBe("ok")
    expect(await at("https://other.test/files/a")).toBe("unknown_tool")
    for (const id of [
      `${ORIGIN}/vault/../files/a`,
      `${ORIGIN}/files/%2e%2e/files/a`,
      "https://evil.test/files/a",
      "https://api.test@evil.test/files/a",
      "/files/a",
      "files.read",
      "",
      // A header would lose these.
      `${ORIGIN}/files/a `,
      `${ORIGIN}/files/a\n`,
      `${ORIGIN}/files/a\t`,
    ]) {
      expect([id, await at(id)]).toEqual([id, "malformed_call"])
    }
    expect(await at("x", "record")).toBe("malformed_call")
    expect(codeOf(await ask(call(token, "/files/a", { action: { name: "GET " } })))).toBe("malformed_call")
  })

  test("has its body in the context", async () => {
    const { token } = await openTask()
    const headers = { "Content-Type": "application/json", "Content-Length": "1" }
    const mail = async (body: unknown) => {
      const context = { authorization: `Bearer ${token}`, headers, body }
      return codeOf(await ask(call(token, "/mail", { action: { name: "POST" }, context })))
    }
    expect(await mail('{"to":"a@example.org"}')).toBe("ok")
    expect(await mail('{"to":"a@elsewhere.test"}')).toBe("policy_denied")
    expect(await mail('{"to":"a@example.org","to":"b"}')).toBe("malformed_call")
    expect(await mail({ to: "a@example.org" })).toBe("malformed_call")
  })

  test("is not judged without the body that its headers announce", async () => {
    const { token } = await openTask()
    const codeFor = async (headers: Readonly<Record<string, string>>, body?: string) => {
      const context = { authorization: `Bearer ${token}`, headers, ...(body !== undefined && { body }) }
      return codeOf(await ask(call(token, "/files/a", { context })))
    }
    for (const headers of [
      { "Content-Length": "9" },
      { "content-length": "010" },
      { "Transfer-Encoding": "chunked" },
    ]) {
      expect([headers, await codeFor(headers)]).toEqual([headers, "malformed_call"])
      expect([headers, await codeFor(headers, "")]).toEqual([headers, "malformed_call"])
    }
    expect(await codeFor({ "Content-Length": "0" })).toBe("ok")
    // Nor with a part of it.
    const json = { "Content-Type": "application/json" }
    expect(await codeFor({ ...json, "content-length": "500" }, "{}")).toBe("malformed_call")
    expect(await codeFor({ ...json, "content-length": "12" }, '{"a":"éé"}')).toBe("ok")
  })

  test("may be a tool of a server of MCP, by its name", async () => {
    const { token } = await openTask("first", { scope: "desk.search:read" })
    const tool = async (id: string, properties = {}, name = "tools/call") => {
      const resource = { type: "tool", id, properties }
      return ask(call(token, "", { action: { name }, resource }))
    }
    const allowed = await tool("desk.search", { arguments: { query: "a" } })
    expect(allowed.context?.headers).toMatchObject({ "x-narrowgate-tool": "desk.search" })
    const { decision, context } = await tool("desk.pay")
    expect([decision, context]).toMatchObject([
      false,
      {
        code: "insufficient_scope",
        status: 403,
        scope: "desk.search:read desk.pay:write",
        error_description: expect.any(String),
      },
    ])
    expect(codeOf(await tool("desk.nothing"))).toBe("unknown_tool")
    expect(codeOf(await tool("files.read"))).toBe("malformed_call")
    expect(codeOf(await tool("desk"))).toBe("unknown_tool")
    expect(codeOf(await tool("desk.search", { arguments: [] }))).toBe("malformed_call")
    for (const name of ["Arguments", "ARGUMENTS"]) {
      expect([name, codeOf(await tool("desk.search", { [name]: { query: "a" } }))]).toEqual([name, "malformed_call"])
    }
    expect(codeOf(await tool("desk.search", {}, "POST"))).toBe("malformed_call")
  })

  test("that nobody could send is refused", async () => {
    const { token } = await openTask()
    for (const context of [
      { authorization: 1 },
      { authorization: `Bearer ${token}`, headers: { "no name": "x" } },
      { authorization: `Bearer ${token}`, headers: { name: "a\nb" } },
      { authorization: `Bearer ${token}`, headers: [] },
      { authorization: `Bearer ${token}`, headers: { name: Array.from({ length: 257 }, () => "x") } },
    ]) {
      expect(codeOf(await ask(call(token, "/files/a", { context })))).toBe("malformed_call")
    }
    const lines = { name: Array.from({ length: 256 }, () => "x") }
    const most = { authorization: `Bearer ${token}`, headers: lines }
    expect(codeOf(await ask(call(token, "/files/a", { context: most })))).toBe("ok")
    // Two credentials are none, wherever they stand.
    const two = { headers: { Authorization: [`Bearer ${token}`, `Bearer ${token}`] } }
    expect(codeOf(await ask(call(token, "/files/a", { context: two })))).toBe("invalid_token")
  })
})

test("an approval that would do is asked for, and told", async () => {
  const body = await yard()
  const once = { id: "once", tools: ["files.write"], per: "task", limit: 1, seconds: 60 } as const
  await publish({ ...body, guardrails: [window(once, { consequence: "approve" })] }, 2)
  const { token, task } = await openTask()
  const context = { authorization: `Bearer ${token}`, headers: { "Content-Type": "application/json" }, body: "{}" }
  const write = async () => ask(call(token, "/files/a", { action: { name: "PUT" }, context }))
  expect(codeOf(await write())).toBe("ok")
  const refused = await write()
  expect(codeOf(refused)).toBe("approval_required")
  expect(refused.context?.access_request).toMatchObject({
    name: null,
    status: "pending",
    uri: expect.stringContaining(`/v1/tasks/${task}/approvals/`),
    url: expect.stringContaining(`/console/approvals/${task}/apr_`),
  })
  expect(refused.context?.headers).toMatchObject({ "retry-after": "5" })
})

describe("who may ask", () => {
  test("ten calls at most, and for no lists", async () => {
    const { token, task } = await openTask()
    const several = async (length: number) => {
      const evaluations = Array.from({ length }, () => ({}))
      return (await askAccess("authzen", "evaluations", { ...call(token, "/files/a"), evaluations })).status
    }
    expect([await several(11), await callsOf(task)]).toEqual([400, 0])
    expect([await several(10), await callsOf(task)]).toEqual([200, 10])
    for (const what of ["subject", "resource", "action"] as const) {
      expect((await askAccess("authzen", `search/${what}`, call(token, "/files/a"))).status).toBe(403)
    }
  })

  test("a gateway of this dialect, here and nowhere else", async () => {
    const { token } = await openTask()
    for (const other of ["envoy", "traefik", "kong", "worker"]) {
      const { status, body } = await askAccess(other, "evaluation", call(token, "/files/a"))
      expect([status, body.error]).toEqual([403, "unknown_gateway"])
    }
    const headers = { "X-Narrowgate-Key": keyOf("authzen"), "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/files/a" }
    const elsewhere = { headers: { ...headers, Authorization: `Bearer ${token}` } }
    expect((await exports.default.fetch(new Request(`${US}/authz/forward`, elsewhere))).status).toBe(403)
  })

  test("one that only observes is told yes, and that nobody calls", async () => {
    for (const question of [
      call("nonsense", "/files/a"),
      call("nonsense", "/a", { resource: { type: "x", id: "" } }),
    ]) {
      const { decision, context } = await ask(question, {}, "authzen-watch")
      expect([decision, context?.headers]).toMatchObject([true, { "x-narrowgate-agent": "" }])
      expect(await recordOf(String(context?.decision_id))).toMatchObject({ decision: "deny", mode: "observe" })
    }
  })
})
