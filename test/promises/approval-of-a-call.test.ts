/** What a guardrail leaves to a person: one exact call, counted and time-boxed, and everything else looked at again. */
import { exports } from "cloudflare:workers"
import { z } from "zod"
import { describe, expect, test, vi } from "vitest"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import type { Sequence } from "../../src/core/guardrails/sequence.ts"
import { exchangeForm, openChild, openTask } from "../harness/agents.ts"
import { questionIn, say, type Question } from "../harness/approvals.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { ASKING, callWith, keyOf, type GatewayAnswer } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { killObjects } from "../harness/isolate.ts"
import { accessToken } from "../harness/issuers.ts"
import { callsOf, evict } from "../harness/ledgers.ts"
import { bearerOf, complete, manage, type ManagementAnswer } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

const AFTER_SECRETS: Sequence = {
  kind: "sequence",
  id: "out-after-secrets",
  of: { tools: ["files.write"] },
  consequence: "approve",
  require: {
    kind: "not",
    of: { kind: "formerly", event: { tools: ["vault.read"], where: [] }, seconds: 3600 },
  },
}
const ONCE: Limit = window(
  { id: "once", tools: ["files.write"], per: "task", limit: 1, seconds: 60 },
  { consequence: "approve" },
)

async function guardedBy(...guardrails: readonly (Limit | Sequence)[]): Promise<void> {
  const body = await yard()
  await publish({ ...body, guardrails: [...body.guardrails, ...guardrails] }, 2)
}
yardForEach()

const write = async (token: string, text: string, path = "/files/a", gateway = "envoy"): Promise<GatewayAnswer> =>
  callWith(
    token,
    path,
    { method: "PUT", body: JSON.stringify({ text }), headers: { "Content-Type": "application/json" } },
    gateway,
  )

/** After a secret was read, and a write was refused for it. */
async function asked(): Promise<Question & { readonly token: string }> {
  await guardedBy(AFTER_SECRETS)
  const { token, task } = await openTask("first")
  await callWith(token, "/vault/x")
  return { token, task, id: await questionIn(await write(token, "hello")) }
}

const answer = async (
  question: Question,
  body: unknown = { approve: true },
  who: "operator" | "viewer" | "careful" = "operator",
): Promise<ManagementAnswer> => say(question, await bearerOf(who), body)

describe("a call that a guardrail leaves to a person", () => {
  test("is refused with where it can be answered, and passes once it was, once", async () => {
    const { token, task, id } = await asked()
    const refused = await exports.default.fetch(
      ASKING.envoy(
        {
          method: "PUT",
          path: "/files/a",
          body: '{"text":"hello"}',
          headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
        },
        keyOf("envoy"),
      ),
    )
    const shape = z.object({
      error: z.literal("approval_required"),
      approval: z.object({ id: z.literal(id), status: z.literal("pending"), uri: z.string(), expires_at: z.number() }),
    })
    // Asked again, it is the same question.
    expect(shape.parse(await refused.json()).approval.uri).toContain(`/v1/tasks/${task}/approvals/${id}`)
    expect((await answer({ task, id })).json).toMatchObject({ id, status: "approved", uses: 1 })
    expect((await write(token, "hello")).code).toBe("ok")
    const again = await write(token, "hello")
    expect(await questionIn(again)).not.toBe(id)
  })

  test("is that one exactly: not with other arguments, not at another place, not in another task", async () => {
    const { token, task, id } = await asked()
    await answer({ task, id })
    expect((await write(token, "other")).code).toBe("approval_required")
    expect((await write(token, "hello", "/files/b")).code).toBe("approval_required")
    const other = await openTask("first")
    await callWith(other.token, "/vault/x")
    expect((await write(other.token, "hello")).code).toBe("approval_required")
    expect((await write(token, "hello")).code).toBe("ok")
  })

  test("passes so many times as it was approved for, however many ask at once", async () => {
    const { token, task, id } = await asked()
    await answer({ task, id }, { approve: true, uses: 3 })
    const answers = await Promise.all(Array.from({ length: 20 }, async () => write(token, "hello")))
    expect(answers.filter(({ code }) => code === "ok")).toHaveLength(3)
  })

  test("is judged by everything else again: what has ended stays ended, what rules deny stays denied", async () => {
    const { token, task, id } = await asked()
    await answer({ task, id })
    await complete(task, `Bearer ${token}`)
    expect((await write(token, "hello")).code).toBe("invalid_token")
  })

  test("stays refused where the person says no, or says nothing in time", async () => {
    const { token, task, id } = await asked()
    expect((await answer({ task, id }, { approve: false, reason: "no" })).json).toMatchObject({ status: "rejected" })
    expect(await questionIn(await write(token, "hello"))).toBe(id)
    expect((await answer({ task, id })).status).toBe(404)
    const late = await asked()
    vi.useFakeTimers({ toFake: ["Date"] })
    vi.setSystemTime(Date.now() + 900_001)
    expect((await answer(late)).status).toBe(404)
  })

  test("is answered by an operator, once: not by a viewer, an agent, for another task, or twice", async () => {
    const { token, task, id } = await asked()
    expect((await answer({ task, id }, { approve: true }, "viewer")).status).toBe(403)
    expect((await manage("POST", `/v1/tasks/${task}/approvals/${id}`, `Bearer ${token}`, {}, {})).status).toBe(401)
    const other = await openTask("first")
    const child = await openChild(token, "second")
    for (const wrong of [other.task, child.task]) {
      const all = await manage("GET", `/v1/tasks/${wrong}/approvals`, await bearerOf("viewer"))
      expect(all).toMatchObject({ status: 200, json: { approvals: [] } })
      expect((await answer({ task: wrong, id })).status).toBe(404)
      const path = `/v1/tasks/${wrong}/approvals/${id}`
      expect((await manage("GET", path, await bearerOf("operator"))).status).toBe(404)
    }
    expect((await answer({ task, id: `apr_${"0".repeat(26)}` })).status).toBe(404)
    for (const body of [{}, { approve: "yes" }, { approve: false, uses: 2 }, { approve: true, uses: 0 }, null]) {
      expect((await answer({ task, id }, body)).status).toBe(400)
    }
    expect((await answer({ task, id })).status).toBe(200)
    expect((await answer({ task, id })).status).toBe(404)
  })

  test("is not answered by the person in whose name it is made, but by another", async () => {
    await guardedBy(AFTER_SECRETS)
    const { token, task } = await openTask("first", await exchangeForm("first", "operator"))
    await callWith(token, "/vault/x")
    const id = await questionIn(await write(token, "hello"))
    const listed = await manage("GET", `/v1/tasks/${task}/approvals`, await bearerOf("viewer"))
    expect(listed.json).toMatchObject({
      approvals: [{ id, task, tool: "files.write", guardrail: "out-after-secrets", name: null }],
    })
    // Among what waits only others find it.
    const waiting = async (who: "operator" | "careful") =>
      JSON.stringify((await manage("GET", "/v1/approvals", await bearerOf(who))).json).includes(id)
    await vi.waitFor(async () => expect(await waiting("careful")).toBe(true))
    expect(await waiting("operator")).toBe(false)
    expect(await answer({ task, id })).toMatchObject({ status: 403, code: "policy_denied" })
    expect((await write(token, "hello")).code).toBe("approval_required")
    expect((await answer({ task, id }, { approve: true }, "careful")).status).toBe(200)
    expect((await write(token, "hello")).code).toBe("ok")
  })

  test("question and answer survive a crash; what was used is used", async () => {
    const { token, task, id } = await asked()
    await killObjects()
    await answer({ task, id })
    await evict(task)
    expect((await write(token, "hello")).code).toBe("ok")
    await killObjects()
    expect((await write(token, "hello")).code).toBe("approval_required")
  })

  test("where nobody saw its arguments nobody can approve of it", async () => {
    await guardedBy(AFTER_SECRETS)
    const { token } = await openTask("first")
    await callWith(token, "/vault/x")
    expect((await write(token, "hello", "/files/a", "nginx")).code).toBe("malformed_call")
  })

  test("a hostile agent cannot bury people in questions", async () => {
    const { token, task } = await asked()
    const texts = Array.from({ length: 80 }, (_, index) => `text ${index}`)
    const answers = await Promise.all(texts.map(async (text) => write(token, text)))
    expect(answers.filter(({ code }) => code === "approval_required")).toHaveLength(49)
    expect(answers.filter(({ code }) => code === "sequence_denied")).toHaveLength(31)
    const { json } = await manage("GET", `/v1/tasks/${task}/approvals`, await bearerOf("viewer"))
    expect(z.object({ approvals: z.array(z.unknown()) }).parse(json).approvals).toHaveLength(50)
  })

  test("what is approved of beyond a limit counts in it", async () => {
    await guardedBy(ONCE)
    const { token, task } = await openTask("first")
    expect((await write(token, "one")).code).toBe("ok")
    const id = await questionIn(await write(token, "two"))
    await answer({ task, id })
    expect((await write(token, "two")).code).toBe("ok")
    const { guardrails, windows } = await recordOf((await write(token, "three")).decision)
    expect([...windows, ...guardrails].find((use) => "window" in use && use.window === "once")).toMatchObject({
      used: 2,
    })
    expect(await callsOf(task)).toBe(2)
  })

  test("waits for operators in a list over all tasks, and for nobody whose own it is", async () => {
    const { id } = await asked()
    const idsOf = async (who: string): Promise<unknown> => (await manage("GET", "/v1/approvals", who)).json
    await vi.waitFor(async () => {
      expect(await idsOf(await bearerOf("careful"))).toMatchObject({ approvals: [{ kind: "call", id }] })
    })
    expect(await idsOf(await bearerOf("viewer"))).toEqual({ approvals: [] })
  })

  test("asks those whom approvers.yaml names, where its guardrail does", async () => {
    await guardedBy({ ...AFTER_SECRETS, approval: "finance" })
    const { token, task } = await openTask("first")
    await callWith(token, "/vault/x")
    const id = await questionIn(await write(token, "hello"))
    expect((await answer({ task, id })).status).toBe(403)
    const fay = `Bearer ${await accessToken("fay", "cli")}`
    expect((await manage("POST", `/v1/tasks/${task}/approvals/${id}`, fay, {}, { approve: true })).status).toBe(200)
    const allowed = await write(token, "hello")
    expect(allowed.code).toBe("ok")
    expect(await recordOf(allowed.decision)).toMatchObject({
      approvals: [{ id, name: "finance", guardrail: "out-after-secrets", by: ["https://idp.test|fay"] }],
    })
  })

  test("is not asked about where it could not be shown whole", async () => {
    await guardedBy(AFTER_SECRETS)
    const { token } = await openTask("first")
    await callWith(token, "/vault/x")
    expect((await write(token, "x".repeat(17_000))).code).toBe("sequence_denied")
    expect((await write(token, "x".repeat(16_000))).code).toBe("approval_required")
  })

  test("the record of the answer tells who, what and why", async () => {
    const { task, id } = await asked()
    const { headers } = await answer({ task, id }, { approve: true, reason: "it is fine" })
    const record = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
    expect(record).toMatchObject({
      kind: "approval",
      decision: "allow",
      task,
      tool: "files.write",
      arguments: { approval: id, approved: true, uses: 1, reason: "it is fine", guardrail: "out-after-secrets" },
    })
    expect(record.operator).toContain("operator")
  })
})
