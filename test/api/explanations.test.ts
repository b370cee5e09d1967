/** One call, explained: what the live bundle or the candidate makes of it, and nothing happens. */
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { openChild, openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { agentId } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

const STAFF = { id: "https://idp.test|alice", groups: ["staff"] }
const rule = z.object({
  id: z.string(),
  effect: z.string(),
  outcome: z.string(),
  determined: z.boolean(),
  message: z.string().nullable(),
})
const shape = z.object({
  bundle: z.object({ seq: z.number(), digest: z.string() }),
  decision: z.enum(["allow", "deny", "untold", "apart"]),
  code: z.string().nullable(),
  denial: z.looseObject({ reason: z.string() }).nullable(),
  granted: z.boolean().nullable(),
  policy: z
    .object({
      permitted: z.boolean(),
      principals: z.array(
        z.object({ principal: z.string(), allowed: z.boolean(), rules: z.array(rule), more: z.number() }),
      ),
      read: z.record(z.string(), z.unknown()),
      rules: z.record(z.string(), z.string()),
    })
    .nullable(),
  untold: z.array(z.string()),
  recorded: z.looseObject({ id: z.string(), code: z.string() }).nullable(),
})

yardForEach()

const asked = async (body: object, operator: "viewer" | "operator" = "viewer") =>
  manage("POST", "/v1/explanations", await bearerOf(operator), {}, body)
const explained = async (body: object) => {
  const { status, json } = await asked(body)
  expect(status, JSON.stringify(json)).toBe(200)
  return shape.parse(json)
}
const call = (tool: string, more: object = {}) => ({ agent: agentId("first"), user: STAFF, tool, ...more })
const determined = ({ policy }: z.infer<typeof shape>) =>
  policy?.principals.map(({ principal, rules }) => [
    principal,
    ...rules.filter((each) => each.determined).map(({ id }) => id),
  ])

describe("the record of an explanation", () => {
  const argumentsOf = async (body: object) => {
    const { headers } = await asked(body)
    return (await recordOf(headers.get("X-Narrowgate-Decision") ?? "")).arguments
  }

  test("names the recorded call that it was about, known or not", async () => {
    const decision = "dec_01J00000000000000000000000"
    expect(await argumentsOf({ decision })).toEqual({ bundle: "live", decision })
    expect(await argumentsOf({ decision, bundle: "candidate" })).toEqual({ bundle: "candidate", decision })
  })

  test("has the call that it was about, without what the catalog redacts, or all values if it has no such tool", async () => {
    const body = await yard()
    const redact = (name: string): readonly string[] => (name === "mail.send" ? ["text"] : [])
    await publish({ ...body, tools: body.tools.map((tool) => ({ ...tool, redact: redact(tool.name) })) }, 2)
    forgetCaches()
    const args = { to: "a@example.org", Text: "739184" }
    const recorded = await argumentsOf({ call: call("mail.send", { arguments: args, labels: ["sink:external"] }) })
    expect(recorded).toMatchObject({ ...call("mail.send"), bundle: "live", labels: ["sink:external"] })
    expect(recorded["arguments"]).toEqual({ to: "a@example.org", Text: "[redacted]" })
    expect((await argumentsOf({ call: call("mail.sent", { arguments: args }) }))["arguments"]).toEqual({
      to: "[redacted]",
      Text: "[redacted]",
    })
  })
})

describe("a call that nobody has made", () => {
  test("that asks for another method than its route's is malformed, as the call itself", async () => {
    const asking = (method: string) =>
      explained({ call: call("files.read", { arguments: { file: "a", _method: method } }) })
    expect(await asking("DELETE")).toMatchObject({ decision: "deny", code: "malformed_call", granted: true })
    expect(await asking("get")).toMatchObject({ decision: "allow" })
  })

  test("is told by which rules each principal is permitted", async () => {
    const told = await explained({ call: call("files.read") })
    expect(told).toMatchObject({ decision: "allow", code: "ok", granted: true, policy: { permitted: true } })
    expect(determined(told)).toEqual([
      ['User::"https://idp.test|alice"', "staff"],
      [`Agent::"${agentId("first")}"`, "workers"],
    ])
    expect(told.policy?.rules["staff"]).toContain('principal in UserGroup::"staff"')
  })

  test("is refused by the rule that forbids it, whose text is told, with what it has read", async () => {
    const told = await explained({ call: call("mail.send", { arguments: { to: "eve@evil.example" } }) })
    expect(told).toMatchObject({ decision: "deny", code: "policy_denied", granted: true })
    expect(told.denial).toMatchObject({ reason: "policy_forbids", rules: ["mail-in-house"] })
    const message = "Mail goes to example.org only: “to” is elsewhere."
    expect(told.denial).toMatchObject({ message })
    expect(told.policy?.principals[0]?.rules.find(({ determined }) => determined)).toMatchObject({ message })
    expect(told.policy?.rules["mail-in-house"]).toContain(`@message("${message}")`)
    expect(told.policy?.rules["mail-in-house"]).toContain('context.arguments.to like "*@example.org"')
    expect(told.policy?.read).toMatchObject({ "arguments.to": "eve@evil.example" })
    expect(await explained({ call: call("mail.send", { arguments: { to: "a@example.org" } }) })).toMatchObject({
      decision: "allow",
    })
    const after = { arguments: { to: "a@example.org" }, labels: ["reads:confidential"] }
    expect((await explained({ call: call("mail.send", after) })).denial).toMatchObject({
      rules: ["no-external-after-confidential"],
    })
  })

  test("that no purpose or ceiling covers is refused for that, and still told what rules say", async () => {
    const told = await explained({
      call: { ...call("mail.send", { arguments: { to: "a@example.org" } }), agent: agentId("second") },
    })
    expect(told).toMatchObject({ decision: "deny", code: "invalid_scope", granted: false, policy: { permitted: true } })
    expect(told.denial).toMatchObject({ reason: "nothing_left", lacking: { "mail.send": { cap: "agent" } } })
    const bounded = await explained({ call: call("files.read", { purpose: "errand", arguments: { file: "b" } }) })
    expect(bounded).toMatchObject({
      decision: "deny",
      code: "insufficient_scope",
      granted: true,
      policy: { permitted: true },
    })
  })

  test("is told what people, a login or a key would have to bring", async () => {
    const pay = { arguments: { amount: 500, to: "shop" } }
    expect(await explained({ call: call("till.pay", pay) })).toMatchObject({ code: "approval_required" })
    expect(await explained({ call: call("till.pay", { ...pay, approvals: ["finance"] }) })).toMatchObject({
      code: "ok",
    })
    expect(await explained({ call: call("safe.open") })).toMatchObject({ code: "step_up_required" })
    const strong = { ...call("safe.open"), user: { ...STAFF, acr: "mfa" } }
    expect(await explained({ call: strong })).toMatchObject({ code: "ok" })
  })

  test("of nobody registered, or of no tool, says so", async () => {
    expect(await explained({ call: { ...call("files.read"), agent: "https://nobody.test/" } })).toMatchObject({
      decision: "deny",
      denial: { reason: "agent_unregistered" },
      policy: null,
    })
    expect(await explained({ call: call("no.such") })).toMatchObject({
      denial: { reason: "tool_unknown" },
      policy: null,
    })
    const alone = { agent: agentId("first"), tool: "files.read" }
    expect(await explained({ call: alone })).toMatchObject({
      denial: { reason: "user_required" },
      policy: { permitted: true },
    })
  })
})

describe("a call that was made", () => {
  test("is told as it was decided, for each agent of its chain", async () => {
    const parent = await openTask("first")
    const child = await openChild(parent.token, "second")
    const { decision } = await callWith(child.token, "/files/a", { method: "PUT" })
    await recordOf(decision)
    const told = await explained({ decision })
    expect(told).toMatchObject({
      decision: "deny",
      code: "policy_denied",
      recorded: { id: decision, code: "policy_denied" },
    })
    expect(determined(told)).toContainEqual([`Agent::"${agentId("second")}"`, "second-never-writes"])
    expect(told.policy?.principals).toHaveLength(3)
  })

  test("is judged anew by a candidate", async () => {
    const { token } = await openTask("first")
    const { decision } = await callWith(token, "/files/a")
    await recordOf(decision)
    expect((await asked({ decision, bundle: "candidate" })).status).toBe(404)
    const live = await yard()
    const forbid = {
      id: "no-files",
      policy: {
        effect: "forbid",
        principal: { op: "All" },
        action: { op: "All" },
        resource: { op: "==", entity: { type: "Tool", id: "files.read" } },
        conditions: [],
      },
      reads: [],
    }
    const pointer = await publish({ ...live, rules: [...live.rules, forbid] }, 7, "candidate")
    forgetCaches()
    const told = await explained({ decision, bundle: "candidate" })
    expect(told).toMatchObject({ bundle: pointer, decision: "deny", code: "policy_denied", recorded: { code: "ok" } })
    expect(await explained({ decision })).toMatchObject({ decision: "allow", code: "ok" })
    expect(await explained({ call: call("files.read"), bundle: "candidate" })).toMatchObject({ decision: "deny" })
  })

  test("that rules had no say in is told so", async () => {
    const { token } = await openTask("first", { scope: "files.list:read" })
    const { decision } = await callWith(token, "/files/a")
    await recordOf(decision)
    expect(await explained({ decision })).toMatchObject({ decision: "apart", code: null })
  })
})

test("nothing but a question that can be understood is answered", async () => {
  for (const body of [
    {},
    { call: call("files.read"), decision: "dec_01J00000000000000000000000" },
    { call: { tool: "files.read" } },
    { call: call("files.read", { calls: -1 }) },
    { call: call("files.read", { user: { id: "alice" } }) },
    { call: call("files.read"), bundle: "next" },
    { call: call("files.read", { arguments: { text: "x".repeat(70_000) } }) },
  ]) {
    expect((await asked(body)).status, JSON.stringify(body).slice(0, 200)).toBe(400)
  }
  expect((await asked({ decision: "dec_01J00000000000000000000000" })).status).toBe(404)
})

describe("who may", () => {
  async function closed(area: string): Promise<void> {
    const body = await yard()
    const blind = {
      id: "closed",
      policy: {
        effect: "forbid",
        principal: { op: "All" },
        action: { op: "All" },
        resource: { op: "==", entity: { type: "Area", id: area } },
        conditions: [],
      },
      reads: [],
    }
    await publish({ ...body, rules: [...body.rules, blind] }, 2)
    forgetCaches()
  }
  async function decided() {
    const { token } = await openTask("first")
    const { decision } = await callWith(token, "/files/a")
    await recordOf(decision)
    return { token, decision }
  }

  test("not see decisions has none explained, and who may not manage nothing", async () => {
    const { token, decision } = await decided()
    await closed("decisions")
    expect((await asked({ decision }, "operator")).status).toBe(403)
    expect((await asked({ call: call("files.read") }, "operator")).status).toBe(200)
    expect((await manage("POST", "/v1/explanations", `Bearer ${token}`, {}, { decision })).status).toBe(401)
  })

  test("not have explanations has none, though they may see decisions", async () => {
    const { decision } = await decided()
    await closed("explanations")
    expect((await manage("GET", `/v1/decisions/${decision}`, await bearerOf("viewer"))).status).toBe(200)
    for (const body of [{ decision }, { call: call("files.read") }]) {
      expect((await asked(body, "operator")).status).toBe(403)
    }
  })
})

test("of a decision that was none on a call there is none", async () => {
  const { headers } = await manage("GET", "/v1/agents", await bearerOf("viewer"))
  const decision = headers.get("X-Narrowgate-Decision") ?? ""
  expect((await recordOf(decision)).kind).toBe("management")
  expect((await asked({ decision })).status).toBe(404)
})

test("an explanation changes nothing, and leaves one record that says who asked about what", async () => {
  const { headers } = await asked({ call: call("files.read") })
  const record = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
  expect(record).toMatchObject({
    kind: "management",
    operator: "https://idp.test|viewer",
    rules: ["viewers-look"],
    tool: null,
  })
})
