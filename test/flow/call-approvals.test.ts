/** What whoever answers about a call is told of it, and who may answer what is asked of operators. */
import { env } from "cloudflare:workers"
import { z } from "zod"
import { beforeEach, describe, expect, test, vi } from "vitest"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { openChild, openTask } from "../harness/agents.ts"
import { person, questionIn, say, type Question } from "../harness/approvals.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith, type GatewayAnswer } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { bearerOf, manage, type ManagementAnswer } from "../harness/management.ts"

const ONCE = window(
  { id: "once", tools: ["files.write"], per: "task", limit: 1, seconds: 60 },
  { consequence: "approve" },
)
async function guarded(): Promise<BundleBody> {
  const body = await yard()
  return { ...body, guardrails: [...body.guardrails, ONCE] }
}

beforeEach(async () => {
  await publish(await guarded(), 2)
})
freshIsolateForEach()

const JSON_BODY = { "Content-Type": "application/json" }
const write = async (token: string, text: string): Promise<GatewayAnswer> =>
  callWith(token, "/files/a", { method: "PUT", body: JSON.stringify({ text }), headers: JSON_BODY })
const pay = async (token: string, amount: number, more: object = {}): Promise<GatewayAnswer> =>
  callWith(token, "/till/shop", { method: "POST", body: JSON.stringify({ amount, ...more }), headers: JSON_BODY })

/** Of operators. */
async function asked(): Promise<Question & { readonly token: string }> {
  const { token, task } = await openTask("first")
  await write(token, "one")
  return { token, task, id: await questionIn(await write(token, "two")) }
}

const show = async ({ task, id }: Question, who: string): Promise<ManagementAnswer> =>
  manage("GET", `/v1/tasks/${task}/approvals/${id}`, who)
describe("an approver", () => {
  test("answers what is asked of operators, and finds it in their list", async () => {
    const question = await asked()
    const approver = await bearerOf("approver")
    await vi.waitFor(async () => {
      const { json } = await manage("GET", "/v1/approvals", approver)
      expect(json).toMatchObject({ approvals: [{ kind: "call", id: question.id }] })
    })
    const { status, json } = await say(question, approver)
    expect([status, json]).toMatchObject([200, { status: "approved" }])
    expect((await write(question.token, "two")).code).toBe("ok")
  })

  test("finds what a frozen task has asked in the list, marked, and can answer once it is released", async () => {
    const question = await asked()
    const approver = await bearerOf("approver")
    const operator = async (what: string): Promise<void> => {
      const path = `/v1/tasks/${question.task}/${what}`
      expect((await manage("POST", path, await bearerOf("operator"))).status).toBe(200)
    }
    const listed = async (unanswerable: string | null): Promise<void> =>
      vi.waitFor(async () => {
        const { json } = await manage("GET", "/v1/approvals", approver)
        expect(json).toMatchObject({ approvals: [{ id: question.id, unanswerable }] })
        expect((await show(question, approver)).json).toMatchObject({ unanswerable })
      })
    await listed(null)
    await operator("quarantine")
    await listed("frozen")
    const { status, json } = await say(question, approver)
    expect([status, json]).toMatchObject([409, { error: "task_quarantined" }])
    await operator("release")
    await listed(null)
    expect((await say(question, approver)).status).toBe(200)
  })

  test("sees what a viewer sees", async () => {
    const { task, id } = await asked()
    const approver = await bearerOf("approver")
    const paths = [`/v1/tasks/${task}`, `/v1/tasks/${task}/approvals`, `/v1/tasks/${task}/approvals/${id}`]
    for (const path of [...paths, "/v1/decisions", "/v1/revocations", "/v1/risks", "/v1/bundles"]) {
      const viewer = await manage("GET", path, await bearerOf("viewer"))
      const { status } = await manage("GET", path, approver)
      expect([path, status]).toEqual([path, viewer.status])
      expect(status).toBe(200)
    }
  })

  test("ends, stops, tells and publishes nothing", async () => {
    const { task, token } = await asked()
    const approver = await bearerOf("approver")
    const attempts: readonly (readonly [string, string, unknown])[] = [
      ["POST", `/v1/tasks/${task}/complete`, null],
      ["POST", `/v1/tasks/${task}/abort`, null],
      ["POST", `/v1/tasks/${task}/quarantine`, null],
      ["POST", `/v1/tasks/${task}/release`, null],
      ["POST", "/v1/revocations", { task }],
      ["DELETE", "/v1/revocations/swi_01JZ0000000000000000000000", null],
      ["POST", "/v1/risks", { task, level: 50 }],
    ]
    for (const [method, path, body] of attempts) {
      const refused = await manage(method, path, approver, {}, body)
      expect([path, refused.status, refused.code]).toEqual([path, 403, "policy_denied"])
    }
    // Nobody publishes by a token.
    expect((await manage("POST", "/v1/bundles", approver, {}, {})).status).toBe(401)
    expect((await callWith(token, "/files/a")).code).toBe("ok")
  })

  test("has to be permitted by policy, too", async () => {
    const question = await asked()
    const body = await yard()
    await publish({ ...body, rules: body.rules.filter(({ id }) => id !== "approvers-answer") }, 3)
    forgetCaches()
    const refused = await say(question, await bearerOf("approver"))
    expect([refused.status, refused.code]).toEqual([403, "policy_denied"])
    expect((await say(question, await bearerOf("operator"))).status).toBe(200)
  })

  test("answers nothing that is asked of others by name", async () => {
    const { token, task } = await openTask("first")
    const id = await questionIn(await pay(token, 500))
    const refused = await say({ task, id }, await bearerOf("approver"))
    expect(refused).toMatchObject({ status: 403, json: { reason: "not_approver" } })
  })
})

describe("a viewer", () => {
  test("looks at what is asked of operators, and answers nothing of it, though policy would permit it", async () => {
    const question = await asked()
    const body = await guarded()
    const rules = body.rules.map((rule) =>
      rule.id === "viewers-look" ? { ...rule, policy: Object.assign({}, rule.policy, { conditions: [] }) } : rule,
    )
    await publish({ ...body, rules }, 3)
    forgetCaches()
    const viewer = await bearerOf("viewer")
    expect((await show(question, viewer)).json).toMatchObject({ id: question.id, status: "pending" })
    expect(await say(question, viewer)).toMatchObject({ status: 403, code: "policy_denied" })
    expect((await manage("GET", "/v1/approvals", viewer)).json).toEqual({ approvals: [] })
    expect((await show(question, viewer)).json).toMatchObject({ status: "pending", votes: [] })
    expect((await write(question.token, "two")).code).toBe("approval_required")
  })
})

const situation = z.looseObject({
  reason: z.object({
    rules: z.array(z.looseObject({ id: z.string() })),
    guardrail: z.looseObject({ id: z.string() }).nullable(),
    figures: z.record(z.string(), z.number()).nullable(),
  }),
  risk: z.number().nullable(),
  history: z.array(z.record(z.string(), z.unknown())).nullable(),
})
const fred = async (): Promise<string> => person("fred", "finance")

/** Records of calls take their time on a busy machine. */
const RECORDED = { timeout: 10_000 }

describe("who answers is told", () => {
  test("what the whole tree has called so far, the latest first, and no argument of it", async () => {
    const { token, task } = await openTask("first")
    const stranger = await openTask("first")
    await pay(stranger.token, 1)
    const below = await openChild(token, "second")
    await callWith(below.token, "/files/a")
    await pay(token, 5, { secret: "s3cret" })
    const id = await questionIn(await pay(token, 500, { secret: "s3cret" }))
    await vi.waitFor(async () => {
      const { json } = await show({ task, id }, await fred())
      const { history } = situation.parse(json)
      expect(history).toHaveLength(3)
      expect(history).toMatchObject([
        { task, tool: "till.pay", action: "write", decision: "deny", code: "approval_required" },
        { task, tool: "till.pay", decision: "allow", code: "ok", chain: ["spiffe://example.org/agent/first"] },
        { task: below.task, tool: "files.read", action: "read", decision: "allow" },
      ])
      expect(Object.keys(history?.[0] ?? {}).toSorted()).toEqual(
        ["action", "at", "chain", "code", "decision", "id", "task", "tool"].toSorted(),
      )
      expect(JSON.stringify(json)).not.toContain("s3cret")
    }, RECORDED)
  })

  test("fifty calls at most", async () => {
    const { token, task } = await openTask("first")
    const question = { task, id: await questionIn(await pay(token, 500)) }
    await Promise.all(Array.from({ length: 60 }, async () => pay(token, 5)))
    await vi.waitFor(async () => {
      const { history } = situation.parse((await show(question, await fred())).json)
      expect(history?.map(({ code }) => code)).toEqual(Array.from({ length: 50 }, () => "ok"))
    }, RECORDED)
  })

  test("where the log is out of reach, that it is not known: not that there was nothing", async () => {
    const { token, task } = await openTask("first")
    const question = { task, id: await questionIn(await pay(token, 500)) }
    const who = await fred()
    const broken = vi.spyOn(env.RECORD_LOG, "getByName").mockImplementation(() => {
      throw new Error("out of reach, by a test")
    })
    const { status, json } = await show(question, who)
    broken.mockRestore()
    expect(status).toBe(200)
    expect(situation.parse(json).history).toBeNull()
  })

  test("the highest risk that is told of its task, its agents and its user", async () => {
    const { token, task } = await openTask("first")
    const question = { task, id: await questionIn(await pay(token, 500)) }
    const riskNow = async (): Promise<number | null> => situation.parse((await show(question, await fred())).json).risk
    expect(await riskNow()).toBe(0)
    const operator = await bearerOf("operator")
    const tell = async (told: object): Promise<void> => {
      expect(
        (await manage("POST", "/v1/risks", operator, {}, { half_life: 604_800, confirm: true, ...told })).status,
      ).toBe(200)
    }
    await tell({ user: "https://idp.test|somebody", level: 90 })
    await tell({ task, level: 20 })
    expect(await riskNow()).toBe(20)
    await tell({ agent: "spiffe://example.org/agent/first", level: 30 })
    expect(await riskNow()).toBe(30)
    await tell({ user: "https://idp.test|alice", level: 40 })
    expect(await riskNow()).toBe(40)
  })

  test("which rules ask, as they are now, or which guardrail", async () => {
    const { token, task } = await openTask("first")
    const question = { task, id: await questionIn(await pay(token, 500)) }
    const reasonNow = async () => situation.parse((await show(question, await fred())).json).reason
    expect(await reasonNow()).toMatchObject({
      rules: [{ id: "pay-above-100", annotations: { remedy: "approval:finance" }, policy: { effect: "forbid" } }],
      guardrail: null,
    })
    const body = await yard()
    await publish({ ...body, rules: body.rules.filter(({ id }) => id !== "pay-above-100") }, 3)
    forgetCaches()
    expect(await reasonNow()).toEqual({ rules: [{ id: "pay-above-100" }], guardrail: null, figures: null })
  })

  test("the guardrail that asks, with its definition", async () => {
    const question = await asked()
    const { reason } = situation.parse((await show(question, await bearerOf("approver"))).json)
    expect(reason).toMatchObject({ rules: [], guardrail: { id: "once", limit: 1 }, figures: null })
  })

  const measure = { field: "arguments.amount", kind: "sum" } as const
  const spendable = window(
    { id: "spendable", tools: ["till.*"], per: "task", limit: 2_000_000, seconds: 3600 },
    { topic: "budget", consequence: "approve", measure },
  )

  test("of a budget how much there may be, as it was written, and how much of it was used", async () => {
    const body = await guarded()
    await publish({ ...body, guardrails: [...body.guardrails, spendable] }, 3)
    const { token, task } = await openTask("first")
    for (const amount of [90, 60]) expect((await pay(token, amount)).code).toBe("ok")
    const question = { task, id: await questionIn(await pay(token, 80)) }
    const approver = await bearerOf("approver")
    const { reason } = situation.parse((await show(question, approver)).json)
    expect(reason).toMatchObject({
      guardrail: { id: "spendable", limit: 200 },
      figures: { used: 150, asked: 80, limit: 200 },
    })
  })

  test("of a budget no figure that would tell an argument which is redacted, now or then", async () => {
    const body = await guarded()
    const redacted = body.tools.map((each) => (each.name === "till.pay" ? { ...each, redact: ["amount"] } : each))
    const guardrails = [...body.guardrails, spendable]
    const { token, task } = await openTask("first")
    for (const [seq, tools] of [
      [3, body.tools],
      [4, redacted],
    ] as const) {
      await publish({ ...body, tools, guardrails }, seq)
      forgetCaches()
      if (seq === 3) for (const amount of [90, 60]) expect((await pay(token, amount)).code).toBe("ok")
      const question = { task, id: await questionIn(await pay(token, 80 + seq)) }
      await publish({ ...body, tools: redacted, guardrails }, seq + 10)
      forgetCaches()
      const { json } = await show(question, await bearerOf("approver"))
      expect(situation.parse(json).reason).toMatchObject({ guardrail: { limit: 200 }, figures: null })
      expect(json).toMatchObject({ arguments: { amount: "[redacted]" } })
    }
  })

  test("why others have said what they said", async () => {
    const question = await asked()
    const approver = await bearerOf("approver")
    const said = await say(question, approver, { approve: false, reason: "not twice" })
    const vote = { by: "https://idp.test|approver", approved: false, reason: "not twice" }
    expect(said.json).toMatchObject({ status: "rejected", votes: [vote] })
    expect((await show(question, approver)).json).toMatchObject({ votes: [vote] })
    const unsaid = await asked()
    expect((await say(unsaid, approver)).json).toMatchObject({ votes: [{ approved: true, reason: null }] })
  })
})
