/** What rules leave to people: one exact call, asked of those whom approvers.yaml names, and everything else looked at again. */
import { z } from "zod"
import { describe, expect, test, vi } from "vitest"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import { SharedLimit } from "../../src/ledger/shared-limit.ts"
import { exchangeForm, openChild, openTask } from "../harness/agents.ts"
import { person, questionIn, say, type Question } from "../harness/approvals.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith, type GatewayAnswer } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { accessToken, idToken, svid, US } from "../harness/issuers.ts"
import { window } from "../harness/guardrails.ts"
import { evict } from "../harness/ledgers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

const pay = async (token: string, amount: number, to = "shop", more: object = {}): Promise<GatewayAnswer> =>
  callWith(token, `/till/${to}`, {
    method: "POST",
    body: JSON.stringify({ amount, ...more }),
    headers: { "Content-Type": "application/json" },
  })

interface Asked extends Question {
  readonly token: string
}

async function asked(amount = 500, user = "alice"): Promise<Asked> {
  const { token, task } = await openTask("first", await exchangeForm("first", user))
  return { token, task, id: await questionIn(await pay(token, amount)) }
}

const listed = async (who: string): Promise<readonly { readonly id?: string | undefined; readonly kind: string }[]> => {
  const { status, json } = await manage("GET", "/v1/approvals", who)
  if (status !== 200) throw new Error(`not listed: ${status} ${JSON.stringify(json)}`)
  const entry = z.looseObject({ kind: z.string(), id: z.string().optional() })
  return z.object({ approvals: z.array(entry) }).parse(json).approvals
}
const idsOf = async (who: string): Promise<readonly string[]> => (await listed(who)).flatMap(({ id }) => id ?? [])

describe("a call that a rule leaves to people", () => {
  test("is refused with a question, and passes once it was answered, once", async () => {
    const { token, task, id } = await asked()
    expect(await questionIn(await pay(token, 500))).toBe(id)
    const answer = await say({ task, id }, await person("fred", "finance"))
    expect(answer.json).toMatchObject({ id, status: "approved", uses: 1 })
    const allowed = await pay(token, 500)
    expect(allowed.code).toBe("ok")
    // Used up: it is a new question.
    expect(await questionIn(await pay(token, 500))).not.toBe(id)
    expect(await recordOf(allowed.decision)).toMatchObject({
      facts: { approvals: ["finance"] },
      approvals: [{ id, name: "finance", guardrail: null, by: ["https://idp.test|fred"] }],
    })
  })

  test("its record tells by which rules, and of whom it is asked", async () => {
    const { token, task } = await openTask("first")
    const { decision, body } = await pay(token, 500)
    expect(await recordOf(decision)).toMatchObject({
      code: "approval_required",
      denial: { reason: "approval_required", name: "finance", guardrail: null, because: "policy_forbids" },
      principal: 'User::"https://idp.test|alice"',
      rules: ["pay-above-100"],
      facts: { approvals: [] },
      approvals: [],
    })
    const { approval } = z.object({ approval: z.looseObject({ id: z.string() }) }).parse(JSON.parse(body))
    expect(approval).toMatchObject({
      name: "finance",
      status: "pending",
      uri: `${US}/v1/tasks/${task}/approvals/${approval.id}`,
      url: `${US}/console/approvals/${task}/${approval.id}`,
    })
  })

  test("asks nobody where no answer would do, or none is needed", async () => {
    const { token } = await openTask("first")
    expect((await pay(token, 100)).code).toBe("ok")
    expect((await pay(token, 500, "casino")).code).toBe("policy_denied")
    expect(await idsOf(await person("fred", "finance"))).toEqual([])
  })

  test("is not spoken of where another rule forbids it all the same", async () => {
    const body = await yard()
    const rules = body.rules.map((rule) =>
      rule.id === "pay-never-casino" ? { ...rule, message: "Casinos are never paid." } : rule,
    )
    await publish({ ...body, rules })
    const { token } = await openTask("first")
    const sentenceOf = ({ body: text }: GatewayAnswer): string =>
      z.object({ error_description: z.string() }).parse(JSON.parse(text)).error_description
    expect(sentenceOf(await pay(token, 500))).toContain("More than 100 needs finance.")
    const denied = await pay(token, 500, "casino")
    expect(sentenceOf(denied)).toBe("Policy does not permit this call. Casinos are never paid.")
    // The record has both rules.
    expect(await recordOf(denied.decision)).toMatchObject({ rules: ["pay-above-100", "pay-never-casino"] })
  })

  test("is that one exactly: what differs in anything is another", async () => {
    const { token, task, id } = await asked()
    await say({ task, id }, await person("fred", "finance"))
    for (const [amount, to, more] of [
      [501, "shop", {}],
      [500, "shops", {}],
      [500, "shop", { note: "x" }],
      [500, "shop", { note: null }],
    ] as const) {
      expect((await pay(token, amount, to, more)).code).toBe("approval_required")
    }
    const other = await openTask("first")
    expect((await pay(other.token, 500)).code).toBe("approval_required")
    // Neither the order of its members nor how a number is written makes it another.
    const body = '{ "z": 1, "amount": 5e2 }'
    const headers = { "Content-Type": "application/json" }
    const again = async (text: string) => callWith(token, "/till/shop", { method: "POST", body: text, headers })
    expect((await again(body)).code).toBe("approval_required")
    expect((await again('{"amount":5e2}')).code).toBe("ok")
  })

  test("with a number that cannot be told exactly is no call that anybody could approve of", async () => {
    const { token } = await openTask("first")
    const headers = { "Content-Type": "application/json" }
    for (const note of ["12345678901234567890", "9007199254740993", "1e999"]) {
      const body = `{"amount":500,"note":${note}}`
      expect((await callWith(token, "/till/shop", { method: "POST", body, headers })).code).toBe("malformed_call")
    }
  })

  test("passes so many times as its approval says, however many ask at once", async () => {
    const { token, task, id } = await asked()
    await say({ task, id }, await person("fred", "finance"))
    const answers = await Promise.all(Array.from({ length: 64 }, async () => pay(token, 500)))
    expect(answers.filter(({ code }) => code === "ok")).toHaveLength(1)
    const [question, ...others] = new Set(
      await Promise.all(answers.filter(({ code }) => code !== "ok").map(questionIn)),
    )
    expect(others).toEqual([])
    expect(question).not.toBe(id)
  })

  test("uses no approval that it does not need", async () => {
    const { token, task, id } = await asked()
    await say({ task, id }, await person("fred", "finance"))
    // Neither does what is refused for another reason: the approval of this call is still there afterwards.
    expect((await pay(token, 50)).code).toBe("ok")
    expect((await pay(token, 500, "casino")).code).toBe("policy_denied")
    const { token: stopped } = await openTask("first")
    expect((await pay(stopped, 50)).code).toBe("ok")
    expect((await pay(token, 500)).code).toBe("ok")
  })

  test("of two approvals both are asked for, one after the other; the second for more calls, by two people", async () => {
    const { token, task, id } = await asked(5000, "bob")
    await say({ task, id }, await person("fred", "finance"))
    const second = await questionIn(await pay(token, 5000))
    expect(second).not.toBe(id)
    const question = { task, id: second }
    const [ann, ben] = [await person("ann", "treasury"), await person("ben", "treasury")]
    const many = { approve: true, uses: 3 }
    expect((await say(question, ann, many)).json).toMatchObject({ status: "pending", need: 2, uses: 0 })
    expect((await pay(token, 5000)).code).toBe("approval_required")
    // The same person is one, however often.
    expect((await say(question, ann)).status).toBe(404)
    expect((await say(question, ben, { approve: true, uses: 2 })).json).toMatchObject({
      status: "approved",
      uses: 2,
      votes: [{ by: "https://idp.test|ann" }, { by: "https://idp.test|ben" }],
    })
    expect((await pay(token, 5000)).code).toBe("ok")
    const third = await questionIn(await pay(token, 5000))
    await say({ task, id: third }, await person("fay"))
    expect((await pay(token, 5000)).code).toBe("ok")
    expect((await pay(token, 5000)).code).toBe("approval_required")
  })

  test("an answer that states no number approves one call, also if approvers.yaml allows more", async () => {
    const { token, task, id } = await asked(5000, "bob")
    await say({ task, id }, await person("fred", "finance"))
    const question = { task, id: await questionIn(await pay(token, 5000)) }
    await say(question, await person("ann", "treasury"))
    const { json } = await say(question, await person("ben", "treasury"))
    expect(json).toMatchObject({ status: "approved", most_uses: 3, uses: 1 })
    expect((await pay(token, 5000)).code).toBe("ok")
    const first = await questionIn(await pay(token, 5000))
    await say({ task, id: first }, await person("fay"))
    expect((await pay(token, 5000)).code).toBe("approval_required")
  })

  test("what the agent can bring comes first: nobody is asked about a call that would be refused all the same", async () => {
    const { token, task } = await openTask("first")
    const refused = await pay(token, 50_000)
    expect(refused).toMatchObject({ status: 401, code: "step_up_required" })
    expect(await idsOf(await person("fred", "finance"))).toEqual([])
    const { json } = await manage("GET", `/v1/tasks/${task}/approvals`, await bearerOf("viewer"))
    expect(json).toEqual({ approvals: [] })
  })

  test("one no is enough, and is the last word", async () => {
    const { token, task, id } = await asked()
    const fred = await person("fred", "finance")
    expect((await say({ task, id }, fred, { approve: false, reason: "no" })).json).toMatchObject({ status: "rejected" })
    expect((await say({ task, id }, await person("fay"))).status).toBe(404)
    expect(await questionIn(await pay(token, 500))).toBe(id)
    expect(await idsOf(await person("fay"))).toEqual([])
  })

  test("votes survive a crash and an eviction, and what was used is used", async () => {
    const { token, task, id } = await asked(5000, "bob")
    await say({ task, id }, await person("fred", "finance"))
    await evict(task)
    const question = { task, id: await questionIn(await pay(token, 5000)) }
    const ann = await person("ann", "treasury")
    await say(question, ann)
    await killObjects()
    expect((await say(question, ann)).status).toBe(404)
    await say(question, await person("ben", "treasury"))
    await killObjects()
    expect((await pay(token, 5000)).code).toBe("ok")
    await evict(task)
    expect((await pay(token, 5000)).code).toBe("approval_required")
  })

  test("lives as long as approvers.yaml says, question and answer", async () => {
    const [early, late] = [await asked(), await asked()]
    await say(early, await person("fred", "finance"))
    vi.useFakeTimers({ toFake: ["Date"] })
    vi.setSystemTime(Date.now() + 599_000)
    // The task ends before.
    expect((await say(late, await person("fred", "finance"))).status).toBe(200)
    vi.setSystemTime(Date.now() + 2_000)
    expect((await say(late, await person("fay"))).status).toBe(404)
    expect(await idsOf(await person("fred", "finance"))).toEqual([])
  })

  test("the owner of the agent is whom approvers.yaml says", async () => {
    const { token, task } = await openTask("first")
    const id = await questionIn(await callWith(token, "/safe/silver", { method: "POST" }))
    expect((await say({ task, id }, await person("yard"))).status).toBe(403)
    expect((await say({ task, id }, await person("olga"))).status).toBe(200)
    expect((await callWith(token, "/safe/silver", { method: "POST" })).code).toBe("ok")
  })
})

describe("who may answer", () => {
  const WRONG: readonly (readonly [string, (asked: Asked) => Promise<string>, number])[] = [
    ["nobody", async () => "", 401],
    ["the agent, with its delegation token", async ({ token }) => `Bearer ${token}`, 401],
    ["a workload identity", async () => `Bearer ${await svid("first")}`, 401],
    ["the session that an app hands to agents", async () => `Bearer ${await idToken("fay")}`, 401],
    ["an access token of an app", async () => `Bearer ${await accessToken("fay", "app")}`, 401],
    ["somebody of another group", async () => person("eve", "finances", "treasury"), 403],
    ["a person of that name at another provider", async () => `Bearer ${await secondFay()}`, 401],
    ["an operator", async () => bearerOf("operator"), 403],
    ["the task's own user, though of the group", async () => person("alice", "finance"), 403],
  ]
  const secondFay = async (): Promise<string> => accessToken("fay", "cli", { claims: { iss: "https://second.test" } })

  test.each(WRONG)("not %s", async (_, who, status) => {
    const question = await asked()
    const refused = await say(question, await who(question))
    expect(refused.status).toBe(status)
    const { decision, code } = await recordOf(refused.headers.get("X-Narrowgate-Decision") ?? "")
    expect({ decision, code }).toEqual({ decision: "deny", code: refused.code })
    expect((await pay(question.token, 500)).code).toBe("approval_required")
    const shown = await manage("GET", `/v1/tasks/${question.task}/approvals`, await bearerOf("viewer"))
    expect(shown.json).toMatchObject({ approvals: [{ id: question.id, status: "pending", votes: [] }] })
    expect((await say(question, await person("fred", "finance"))).status).toBe(200)
  })

  test("not under another id, for another task, twice, for more calls, or in other words", async () => {
    const [one, other] = [await asked(), await asked()]
    const fred = await person("fred", "finance")
    const { task: below } = await openChild(one.token, "second")
    for (const task of [other.task, below]) expect((await say({ task, id: one.id }, fred)).status).toBe(404)
    expect((await say({ task: one.task, id: `apr_${"0".repeat(26)}` }, fred)).status).toBe(404)
    for (const body of [{}, { approve: "yes" }, { approve: false, uses: 1 }, { approve: true, uses: 2 }, null]) {
      expect((await say(one, fred, body)).status).toBe(400)
    }
    expect((await say(one, fred)).status).toBe(200)
    expect((await say(one, fred)).status).toBe(404)
    expect((await pay(other.token, 500)).code).toBe("approval_required")
    expect((await pay(one.token, 500)).code).toBe("ok")
  })

  test("the task's own user where it says so, and nobody else", async () => {
    const { token, task } = await openTask("first")
    const id = await questionIn(await pay(token, 1, "myself"))
    expect((await say({ task, id }, await person("bob"))).status).toBe(403)
    expect(await idsOf(await person("alice"))).toEqual([id])
    expect((await say({ task, id }, await person("alice"))).status).toBe(200)
    expect((await pay(token, 1, "myself")).code).toBe("ok")
  })

  test("nobody for a task that has ended, or once they are stopped", async () => {
    const question = await asked()
    const fred = await person("fred", "finance")
    const stop = { user: "https://idp.test|fred", confirm: true }
    expect((await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, stop)).status).toBe(200)
    expect((await say(question, fred)).status).toBe(401)
    await manage("POST", `/v1/tasks/${question.task}/complete`, await bearerOf("operator"))
    expect((await say(question, await person("fay"))).status).toBe(404)
  })
})

describe("what waits for a person", () => {
  test("stands in one list over all tasks, with the call as it is", async () => {
    const [one, other] = [await asked(), await asked(600)]
    await pay(one.token, 700, "shop", { secret: "s3cret" })
    const fred = await person("fred", "finance", "unheard-of")
    await vi.waitFor(async () => expect(await idsOf(fred)).toHaveLength(3))
    const list = await listed(fred)
    expect(JSON.stringify(list)).not.toContain("s3cret")
    expect(list[0]).toMatchObject({ arguments: { amount: 700, to: "shop", secret: "[redacted]" } })
    expect(list.find(({ id }) => id === one.id)).toMatchObject({
      kind: "call",
      task: one.task,
      tool: "till.pay",
      arguments: { amount: 500, to: "shop" },
      agent: "spiffe://example.org/agent/first",
      purpose: "work",
      chain: ["spiffe://example.org/agent/first"],
      user: "https://idp.test|alice",
      name: "finance",
      guardrail: null,
      rules: ["pay-above-100"],
      status: "pending",
    })
    // Whoever is meant by name sees the same; others see nothing, and nobody their own.
    expect(await idsOf(await person("fay"))).toEqual(await idsOf(fred))
    expect(await idsOf(await person("eve", "treasury"))).toEqual([])
    expect(await idsOf(await person("alice", "finance"))).toEqual([])
    await say(other, await person("fay"))
    await vi.waitFor(async () => expect(await idsOf(fred)).not.toContain(other.id))
    expect(await idsOf(fred)).toContain(one.id)
  })

  test("one question is shown to who is asked, and to who may look at all", async () => {
    const { task, id } = await asked()
    const path = `/v1/tasks/${task}/approvals/${id}`
    for (const who of [await person("fred", "finance"), await bearerOf("viewer")]) {
      expect((await manage("GET", path, who)).json).toMatchObject({ id, tool: "till.pay" })
    }
    for (const who of [await person("eve"), await person("alice", "finance")]) {
      expect((await manage("GET", path, who)).status).toBe(404)
    }
  })

  test("of two who have to agree, one who has is asked no more", async () => {
    const { token, task, id } = await asked(5000, "bob")
    await say({ task, id }, await person("fred", "finance"))
    const question = { task, id: await questionIn(await pay(token, 5000)) }
    const [ann, ben] = [await person("ann", "treasury"), await person("ben", "treasury")]
    await vi.waitFor(async () => expect(await idsOf(ann)).toEqual([question.id]))
    await say(question, ann)
    expect(await idsOf(ann)).toEqual([])
    expect(await idsOf(ben)).toEqual([question.id])
  })

  test("an agent cannot bury them", async () => {
    const fred = await person("fred", "finance")
    const ask = async (): Promise<void> => {
      const { token } = await openTask("first")
      await Promise.all(Array.from({ length: 30 }, async (_, index) => pay(token, 200 + index)))
    }
    await ask()
    await ask()
    await vi.waitFor(async () => expect(await idsOf(fred)).toHaveLength(50))
  })
})

describe("nobody is asked about a call that would be denied although they approve of it", () => {
  const measure = { field: "arguments.amount", kind: "sum" } as const
  const budget = (consequence: Limit["consequence"], limit = 5_500_000): Limit =>
    window(
      { id: "budget", tools: ["till.*"], per: "tree", limit, seconds: 3600 },
      { topic: "budget", per: [], measure, consequence },
    )
  const guardedBy = async (...guardrails: readonly Guardrail[]): Promise<void> => {
    const body = await yard()
    await publish({ ...body, guardrails: [...body.guardrails, ...guardrails] }, 2)
  }
  const codes = async (token: string, ...amounts: readonly number[]): Promise<readonly string[]> => {
    const answers = []
    for (const amount of amounts) answers.push((await pay(token, amount)).code)
    return answers
  }
  const waiting = async (): Promise<readonly string[]> => idsOf(await person("fred", "finance"))

  test.each([100, 5_000])("as it is more than trees that share a limit of %i may have together", async (limit) => {
    await guardedBy(budget("deny", limit * 10_000))
    const { token } = await openTask("first")
    expect(await codes(token, limit * 2)).toEqual(["budget_exhausted"])
    expect(await waiting()).toEqual([])
  })

  test("as it is more than is left of it, whichever tree used it", async () => {
    await guardedBy(budget("deny"))
    const [{ token, task }, other] = [await openTask("first"), await openTask("first")]
    expect(await codes(other.token, 100)).toEqual(["ok"])
    const denied = await pay(token, 500)
    expect(denied.code).toBe("budget_exhausted")
    expect((await recordOf(denied.decision)).denial).toMatchObject({ budget: "budget", used: 100, asked: 500 })
    expect(await waiting()).toEqual([])
    // There is room for this one; nothing of it is taken until it was approved.
    const id = await questionIn(await pay(token, 400))
    expect(await waiting()).toEqual([id])
    expect(await codes(other.token, 100, 50)).toEqual(["ok", "ok"])
    await say({ task, id }, await person("fred", "finance"))
    expect(await codes(token, 400)).toEqual(["budget_exhausted"])
    expect(await codes(other.token, 100, 100, 100, 1)).toEqual(["ok", "ok", "ok", "budget_exhausted"])
  })

  test("as it has values of which a limit that trees share has no more room", async () => {
    const kinds = window(
      { id: "kinds", tools: ["till.*"], per: "tree", limit: 1, seconds: 3600 },
      { topic: "budget", per: [], measure: { field: "arguments.amount", kind: "distinct" } },
    )
    await guardedBy(kinds)
    const { token } = await openTask("first")
    const id = await questionIn(await pay(token, 500))
    expect(await codes(token, 50, 600)).toEqual(["ok", "budget_exhausted"])
    expect(await waiting()).toEqual([id])
  })

  test("as its plan has no place for it, and that is no deviation", async () => {
    const never = { kind: "formerly", event: { tools: ["burst.go"], where: [] }, seconds: 3600 } as const
    await guardedBy({
      kind: "sequence",
      id: "ask",
      of: { tools: ["files.read"] },
      consequence: "approve",
      require: never,
    })
    const { token } = await openTask("first", { purpose: "strict" })
    expect((await callWith(token, "/files/a")).code).toBe("sequence_denied")
    expect((await callWith(token, "/files")).code).toBe("ok")
  })

  test("but if what trees share is unavailable they are asked, and if a limit asks them too, for one after the other", async () => {
    await guardedBy(budget("approve"))
    const { token, task } = await openTask("first")
    const take = vi.spyOn(SharedLimit.prototype, "take").mockRejectedValue(new Error("out of reach, by a test"))
    const id = await questionIn(await pay(token, 600))
    expect(take).toHaveBeenCalledTimes(0)
    await questionIn(await pay(token, 500))
    expect(take).toHaveBeenCalledTimes(1)
    take.mockRestore()
    await say({ task, id }, await person("fred", "finance"))
    const { denial } = await recordOf((await pay(token, 600)).decision)
    expect(denial).toMatchObject({ reason: "approval_required", guardrail: "budget", because: "budget_spent" })
  })
})
