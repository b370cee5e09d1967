/** What somebody would try who wants a call through that nobody agreed to, or agreed to something else. */
import { z } from "zod"
import { describe, expect, test, vi } from "vitest"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { LoweredRule } from "../../src/core/policy/cedar/lowered.ts"
import { exchangeForm, JWT_BEARER, JWT_BEARER_GRANT, openChild, openTask } from "../harness/agents.ts"
import { person, questionIn, say, type Question } from "../harness/approvals.ts"
import { byAddress, publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith, type GatewayAnswer } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { accessToken, agentId, idJag, idToken, IDP, svid } from "../harness/issuers.ts"
import { evict } from "../harness/ledgers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

let seq = 1
/** A newer bundle, which the next request meets. */
async function republish(change: (body: BundleBody) => BundleBody): Promise<void> {
  seq += 1
  await publish(change(await yard()), seq)
  forgetCaches()
}

const send = async (token: string, body: string, to = "shop", gateway = "envoy"): Promise<GatewayAnswer> =>
  callWith(token, `/till/${to}`, { method: "POST", body, headers: { "Content-Type": "application/json" } }, gateway)
const pay = async (token: string, amount: number, more: object = {}, gateway = "envoy"): Promise<GatewayAnswer> =>
  send(token, JSON.stringify({ amount, ...more }), "shop", gateway)

async function asked(amount = 500, more: object = {}): Promise<Question & { readonly token: string }> {
  const { token, task } = await openTask("first")
  return { token, task, id: await questionIn(await pay(token, amount, more)) }
}

const WINDOW = window(
  { id: "once", tools: ["files.write"], per: "task", limit: 1, seconds: 60 },
  { consequence: "approve" },
)
const guarded = (body: BundleBody): BundleBody => ({ ...body, guardrails: [...body.guardrails, WINDOW] })
const write = async (token: string): Promise<GatewayAnswer> =>
  callWith(token, "/files/a", { method: "PUT", body: "{}", headers: { "Content-Type": "application/json" } })

/** Of operators, by a task of this user's. */
async function askedOfOperators(form: Parameters<typeof openTask>[1]): Promise<Question & { readonly token: string }> {
  const { token, task } = await openTask("first", form)
  await write(token)
  return { token, task, id: await questionIn(await write(token)) }
}

describe("an approval is of what was shown, and nothing else", () => {
  test.each<readonly [string, string, string]>([
    ["a string for a number", '{"amount":500,"n":1}', '{"amount":500,"n":"1"}'],
    ["another number", '{"amount":500,"n":9007199254740991}', '{"amount":500,"n":9007199254740990}'],
    ["a fraction that a double holds apart", '{"amount":500,"n":0.1}', '{"amount":500,"n":0.10000000000000002}'],
    ["a composed character for a decomposed one", '{"amount":500,"n":"\u00e9"}', '{"amount":500,"n":"e\u0301"}'],
    ["a character that looks the same", '{"amount":500,"n":"a"}', '{"amount":500,"n":"\u0430"}'],
    ["an invisible character more", '{"amount":500,"n":"a"}', '{"amount":500,"n":"a\u200b"}'],
    ["a null more", '{"amount":500,"n":{}}', '{"amount":500,"n":{"x":null}}'],
    ["another order of a list", '{"amount":500,"n":[1,2]}', '{"amount":500,"n":[2,1]}'],
    ["a list for its only member", '{"amount":500,"n":1}', '{"amount":500,"n":[1]}'],
    ["another name of a member deep below", '{"amount":500,"n":{"a":{"b":1}}}', '{"amount":500,"n":{"a":{"c":1}}}'],
    ["what is not shown", '{"amount":500,"secret":"a"}', '{"amount":500,"secret":"b"}'],
    ["a literal for what is not shown", '{"amount":500,"secret":"a"}', '{"amount":500,"secret":"[redacted]"}'],
  ])("not of %s", async (_, shown, other) => {
    const { token, task } = await openTask("first")
    const id = await questionIn(await send(token, shown))
    expect((await say({ task, id }, await person("fred", "finance"))).status).toBe(200)
    expect((await send(token, other)).code).toBe("approval_required")
    expect((await send(token, shown)).code).toBe("ok")
  })

  test.each<readonly [string, string]>([
    ["a number beyond what is exact", '{"amount":500,"n":9007199254740993}'],
    ["a number beyond a double", '{"amount":500,"n":1e999}'],
    ["a key twice", '{"amount":1,"amount":500}'],
    ["a key twice, once escaped", '{"amount":1,"\\u0061mount":500}'],
    ["a key in two spellings", '{"amount":1,"Amount":500}'],
    ["half a character", '{"amount":500,"n":"\\ud800"}'],
    ["more levels than anybody reads", `{"amount":500,"n":${"[".repeat(70)}${"]".repeat(70)}}`],
    ["a prototype", '{"amount":500,"__proto__":{"amount":1}}'],
  ])("with %s it is no call", async (_, body) => {
    const { token } = await openTask("first")
    expect((await send(token, body)).code).toBe("malformed_call")
  })

  test.each<readonly [string, string, string]>([
    ["the order of members", '{"amount":500,"n":{"a":1,"b":2}}', '{"n":{"b":2,"a":1},"amount":500}'],
    ["how a number is written", '{"amount":500,"n":1}', '{"amount":5e2,"n":1.0}'],
    ["the sign of nothing", '{"amount":500,"n":0}', '{"amount":500,"n":-0}'],
    ["an escape", '{"amount":500,"n":"a/b"}', '{"amount":500,"n":"\\u0061\\/b"}'],
  ])("%s makes no difference", async (_, shown, other) => {
    const { token, task } = await openTask("first")
    const id = await questionIn(await send(token, shown))
    await say({ task, id }, await person("fred", "finance"))
    expect((await send(token, other)).code).toBe("ok")
    expect((await send(token, shown)).code).toBe("approval_required")
  })

  describe("the same tool with the same arguments, but another request to the upstream", () => {
    const json = { "Content-Type": "application/json" }
    const request = async (token: string, method: string, path: string, body = "") =>
      callWith(token, path, { method, ...(body === "" ? {} : { body, headers: json }) })
    const POSTED = ["POST", "/till/shop", '{"amount":500,"note":"all"}'] as const

    test.each<readonly [string, readonly [string, string, string?]]>([
      ["by another method", ["PUT", POSTED[1], POSTED[2]]],
      ["by a method that deletes", ["DELETE", POSTED[1], POSTED[2]]],
      ["an argument in the URL, which the body had", ["POST", "/till/shop?note=all", '{"amount":500}']],
      ["all in the URL", ["POST", "/till/shop?note=all&amount=500"]],
      ["another spelling of the path", ["POST", "/till/sho%70", POSTED[2]]],
    ])("is not approved of: %s", async (_what, other) => {
      await republish((body) => ({
        ...body,
        routes: body.routes.map((route) =>
          route.tool === "till.pay" ? { ...route, methods: ["POST", "PUT", "DELETE"], integers: ["amount"] } : route,
        ),
      }))
      const { token, task } = await openTask("first")
      const id = await questionIn(await request(token, ...POSTED))
      expect((await say({ task, id }, await person("fred", "finance"))).status).toBe(200)
      expect((await request(token, ...other)).code).not.toBe("ok")
      expect((await request(token, ...POSTED)).code).toBe("ok")
      // The other is another call, of which people can be asked.
      expect((await request(token, ...other)).code).toBe("approval_required")
    })

    test("and who answers is told the method", async () => {
      const { task, id } = await asked()
      const { json } = await manage("GET", `/v1/tasks/${task}/approvals/${id}`, await person("fay"))
      expect(json).toMatchObject({ method: "POST" })
    })
  })

  test("not of the same call elsewhere: in another environment it is another", async () => {
    const { token, task, id } = await asked()
    await say({ task, id }, await person("fred", "finance"))
    expect((await pay(token, 500, {}, "live")).code).toBe("approval_required")
    expect((await pay(token, 500)).code).toBe("ok")
  })

  test("who answers is told where", async () => {
    const { token, task } = await openTask("first")
    const id = await questionIn(await pay(token, 500, {}, "live"))
    const path = `/v1/tasks/${task}/approvals/${id}`
    expect((await manage("GET", path, await person("fay"))).json).toMatchObject({ environment: "live" })
  })

  test("who answers is told which arguments are kept from them, whatever stands there", async () => {
    const { task, id } = await asked(500, { secret: "s3cret", note: "[redacted]" })
    const { json } = await manage("GET", `/v1/tasks/${task}/approvals/${id}`, await person("fay"))
    expect(json).toMatchObject({
      arguments: { amount: 500, secret: "[redacted]", note: "[redacted]" },
      redacted: ["secret"],
    })
  })

  test("what a newer catalog redacts is shown no more", async () => {
    const { task, id } = await asked(500, { note: "told in confidence" })
    const path = `/v1/tasks/${task}/approvals/${id}`
    expect(JSON.stringify((await manage("GET", path, await person("fay"))).json)).toContain("in confidence")
    await republish((body) => ({
      ...body,
      tools: body.tools.map((tool) => (tool.name === "till.pay" ? { ...tool, redact: ["secret", "note"] } : tool)),
    }))
    const looks: readonly (readonly [string, string])[] = [
      [path, await person("fay")],
      ["/v1/approvals", await person("fay")],
      [`/v1/tasks/${task}/approvals`, await bearerOf("viewer")],
    ]
    for (const [at, who] of looks) {
      const { status, json } = await manage("GET", at, who)
      expect(status).toBe(200)
      expect(JSON.stringify(json)).toContain(id)
      expect(JSON.stringify(json)).not.toContain("in confidence")
    }
  })

  test("not of what another rule asks about since: whoever agreed was not told of that", async () => {
    const { token, task, id } = await asked()
    await say({ task, id }, await person("fred", "finance"))
    await republish((body) => ({ ...body, rules: [...body.rules, ...afterReading(body)] }))
    // As long as the new rule does not forbid it, it is what was agreed to.
    await callWith(token, "/vault/x")
    const second = await questionIn(await pay(token, 500))
    expect(second).not.toBe(id)
    const path = `/v1/tasks/${task}/approvals/${second}`
    const { json } = await manage("GET", path, await person("fay"))
    expect(
      z
        .looseObject({ rules: z.array(z.string()) })
        .parse(json)
        .rules.toSorted(),
    ).toEqual(["pay-above-100", "pay-after-secrets"])
    await say({ task, id: second }, await person("fay"))
    expect((await pay(token, 500)).code).toBe("ok")
  })

  test("but of fewer: what no longer asks takes nothing from it", async () => {
    const { token, task, id } = await asked()
    await say({ task, id }, await person("fred", "finance"))
    await republish((body) => ({ ...body, rules: [...body.rules, ...afterReading(body)] }))
    expect((await pay(token, 500)).code).toBe("ok")
  })

  test("a no holds, whatever else asks since", async () => {
    const { token, task, id } = await asked()
    await say({ task, id }, await person("fred", "finance"), { approve: false })
    await republish((body) => ({ ...body, rules: [...body.rules, ...afterReading(body)] }))
    await callWith(token, "/vault/x")
    expect(await questionIn(await pay(token, 500))).toBe(id)
  })
})

/** Finance is asked as well once a secret was read. */
function afterReading({ rules }: BundleBody): readonly LoweredRule[] {
  const asking = rules.find(({ id }) => id === "pay-above-100")
  if (!asking) throw new Error("there is no such rule")
  const policy = z
    .looseObject({ conditions: z.array(z.looseObject({ kind: z.string() })) })
    .parse(structuredClone(asking.policy))
  const labels = { ".": { left: { ".": { left: { Var: "context" }, attr: "task" } }, attr: "labels" } }
  const read = { kind: "when", body: { contains: { left: labels, right: { Value: "reads:confidential" } } } }
  const unless = policy.conditions.filter(({ kind }) => kind === "unless")
  return [
    {
      ...asking,
      id: "pay-after-secrets",
      facts: ["task.labels"],
      policy: { ...policy, conditions: [read, ...unless] },
    },
  ]
}

describe("nobody answers for themselves, by whatever name", () => {
  const email = "olivia@example.org"
  const sessionOf = async () => ({
    ...(await exchangeForm("first")),
    subject_token: await idToken("operator", { claims: { email } }),
  })

  test("an operator whose token does not tell whom they are as a person", async () => {
    await republish((body) => guarded(byAddress(body)))
    const question = await askedOfOperators(await sessionOf())
    const told = `Bearer ${await accessToken("operator", "cli", { claims: { email } })}`
    expect((await say(question, told)).status).toBe(403)
    const untold = `Bearer ${await accessToken("operator", "cli")}`
    expect((await say(question, untold)).status).toBe(401)
    expect((await write(question.token)).code).toBe("approval_required")
  })

  test("an operator of a provider that only asserts for whom agents work", async () => {
    await republish((body) => ({
      ...guarded(body),
      issuers: byAddress(body).issuers.map(({ users, ...issuer }) =>
        issuer.id === "idp" || !users ? issuer : { ...issuer, users },
      ),
    }))
    const jag = await idJagOf(email)
    const question = await askedOfOperators(jag)
    for (const [claims, status] of [
      [{ email }, 403],
      [{}, 401],
    ] as const) {
      const who = `Bearer ${await accessToken("operator", "cli", { claims })}`
      expect((await say(question, who)).status).toBe(status)
    }
    expect((await write(question.token)).code).toBe("approval_required")
    const other = `Bearer ${await accessToken("careful", "cli", { claims: { email: "carl@example.org" } })}`
    expect((await say(question, other)).status).toBe(200)
  })

  test("a pipeline, which is no person, answers as an operator all the same", async () => {
    await republish((body) => ({
      ...guarded(body),
      operators: [...body.operators, { issuer: "idp", subject: "cli", roles: ["approver"] }],
    }))
    const question = await askedOfOperators({})
    expect((await say(question, `Bearer ${await accessToken("cli", "cli")}`)).status).toBe(200)
  })

  test("an operator who is stopped, also where nothing else is known of them", async () => {
    await republish((body) => ({
      ...guarded(body),
      operators: [...body.operators, { issuer: "idp", subject: "cli", roles: ["approver"] }],
    }))
    const question = await askedOfOperators({})
    const stop = { user: `${IDP}|cli` }
    expect((await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, stop)).status).toBe(200)
    expect((await say(question, `Bearer ${await accessToken("cli", "cli")}`)).status).toBe(401)
  })

  test("two tokens, two sessions, two groups of one person are one person", async () => {
    const { token, task, id } = await asked(5000)
    await say({ task, id }, await person("fred", "finance"))
    const question = { task, id: await questionIn(await pay(token, 5000)) }
    const votes = await Promise.all([
      say(question, await person("ann", "treasury")),
      say(question, await person("ann", "treasury", "finance")),
      say(question, `Bearer ${await accessToken("ann", "cli", { claims: { groups: "treasury", acr: "mfa" } })}`),
    ])
    expect(votes.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 404, 404])
    expect((await pay(token, 5000)).code).toBe("approval_required")
  })

  test("of twenty who answer at once the first that suffice do", async () => {
    const { token, task, id } = await asked(5000)
    await say({ task, id }, await person("fred", "finance"))
    const question = { task, id: await questionIn(await pay(token, 5000)) }
    const names = Array.from({ length: 20 }, (_, index) => `p${index}`)
    const votes = await Promise.all(names.map(async (name) => say(question, await person(name, "treasury"))))
    expect(votes.filter(({ status }) => status === 200)).toHaveLength(2)
    const calls = await Promise.all(Array.from({ length: 20 }, async () => pay(token, 5000)))
    // Three by the treasury, of which finance agreed to one.
    expect(calls.filter(({ code }) => code === "ok")).toHaveLength(1)
  })

  test("whoever owned the agent when it asked does not any more", async () => {
    const { token, task } = await openTask("first")
    const fill = async () => callWith(token, "/safe/silver", { method: "POST" })
    const id = await questionIn(await fill())
    await republish((body) => ({
      ...body,
      owners: { ...body.owners, desk: [{ kind: "person", issuer: IDP, subject: "dora" }] },
      agents: body.agents.map((agent) => (agent.id.endsWith("/first") ? { ...agent, owner: "desk" } : agent)),
    }))
    expect((await say({ task, id }, await person("olga"))).status).toBe(403)
    expect((await say({ task, id }, await person("dora"))).status).toBe(200)
    expect((await fill()).code).toBe("ok")
  })
})

describe("an approval outlives nothing that it depends on", () => {
  test("neither its task, frozen or ended, nor a name that is gone", async () => {
    const { token, task, id } = await asked()
    const operator = await bearerOf("operator")
    const fred = await person("fred", "finance")
    await manage("POST", `/v1/tasks/${task}/quarantine`, operator)
    expect((await say({ task, id }, fred)).status).toBe(409)
    await manage("POST", `/v1/tasks/${task}/release`, operator)
    expect((await say({ task, id }, fred)).status).toBe(200)
    await republish((body) => ({ ...body, approvals: body.approvals.filter(({ name }) => name !== "finance") }))
    expect((await pay(token, 500)).code).toBe("policy_denied")
    expect((await say({ task, id }, fred)).status).toBe(403)
  })

  test("nor is it the parent's or the child's", async () => {
    const reads = { ...WINDOW, of: { tools: ["files.read"] }, per: ["tree"] } as const
    await republish((body) => ({ ...body, guardrails: [...body.guardrails, reads] }))
    const parent = await openTask("first")
    const child = await openChild(parent.token, "second")
    const read = async (token: string) => callWith(token, "/files/a")
    expect((await read(parent.token)).code).toBe("ok")
    const ofParent = { task: parent.task, id: await questionIn(await read(parent.token)) }
    const ofChild = { task: child.task, id: await questionIn(await read(child.token)) }
    expect(ofChild.id).not.toBe(ofParent.id)
    const operator = await bearerOf("operator")
    expect((await say(ofParent, operator)).status).toBe(200)
    expect((await read(child.token)).code).toBe("approval_required")
    expect((await read(parent.token)).code).toBe("ok")
    expect((await say(ofChild, operator)).status).toBe(200)
    expect((await read(parent.token)).code).toBe("approval_required")
    expect((await read(child.token)).code).toBe("ok")
  })

  test("what was said no to stays so after the object has woken, in whatever order its questions were numbered", async () => {
    const { token, task, id } = await asked()
    const fred = await person("fred", "finance")
    await say({ task, id }, fred)
    expect((await pay(token, 500)).code).toBe("ok")
    // Another edge asks again, whose clock is behind: the name of its question sorts before the first.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 2_000 })
    const second = await questionIn(await pay(token, 500))
    vi.useRealTimers()
    await say({ task, id: second }, fred, { approve: false })
    await evict(task)
    expect(await questionIn(await pay(token, 500))).toBe(second)
    await killObjects()
    expect(await questionIn(await pay(token, 500))).toBe(second)
  })

  test("behind a gateway that only observes nobody is asked, though the call is seen whole", async () => {
    await republish((body) => ({
      ...body,
      gateways: body.gateways.map((each) => (each.id === "watch" ? { ...each, body: true } : each)),
    }))
    const { token, task } = await openTask("first")
    const watched = await pay(token, 500, {}, "watch")
    // A trial tells how many questions there would be.
    expect(await recordOf(watched.decision)).toMatchObject({
      mode: "observe",
      decision: "deny",
      code: "approval_required",
      denial: { name: "finance", because: "policy_forbids", approval: null, status: "not_asked", expires_at: null },
      rules: ["pay-above-100"],
    })
    const { json } = await manage("GET", `/v1/tasks/${task}/approvals`, await bearerOf("viewer"))
    expect(json).toEqual({ approvals: [] })
  })
})

describe("people are not buried", () => {
  const idsOf = async (who: string): Promise<readonly string[]> => {
    const { json } = await manage("GET", "/v1/approvals", who)
    return z
      .object({ approvals: z.array(z.looseObject({ id: z.string() })) })
      .parse(json)
      .approvals.map(({ id }) => id)
  }

  test("by what its task has left behind: it makes room for what waits", async () => {
    const fay = await person("fay")
    for (let round = 0; round < 2; round++) {
      const { token, task } = await openTask("first")
      await Promise.all(Array.from({ length: 30 }, async (_, index) => pay(token, 200 + index)))
      await manage("POST", `/v1/tasks/${task}/complete`, `Bearer ${token}`)
    }
    await vi.waitFor(async () => expect(await idsOf(fay)).toEqual([]))
    const { id } = await asked()
    await vi.waitFor(async () => expect(await idsOf(fay)).toEqual([id]))
  })

  test("nor by those of other agents: of each the latest is among the first", async () => {
    const fay = await person("fay")
    const quiet = await asked()
    const names = ["loud-1", "loud-2", "loud-3"]
    await republish((body) => {
      const ids = names.map(agentId)
      const agents = body.agents.flatMap((agent) =>
        agent.id === agentId("first") ? ids.map((id) => ({ ...agent, id })) : [],
      )
      const entities = body.entities.flatMap((each) =>
        each.uid.id === agentId("first") ? ids.map((id) => ({ ...each, uid: { ...each.uid, id } })) : [],
      )
      return { ...body, agents: [...body.agents, ...agents], entities: [...body.entities, ...entities] }
    })
    for (const name of names) {
      const { token } = await openTask(name)
      await Promise.all(Array.from({ length: 40 }, async (_, index) => pay(token, 200 + index)))
    }
    await vi.waitFor(async () => expect(await idsOf(fay)).toHaveLength(100))
    expect(await idsOf(fay)).toContain(quiet.id)
  })
})

/** The provider itself asserts for whom `first` works. */
async function idJagOf(email: string) {
  return {
    grant_type: JWT_BEARER_GRANT,
    subject_token: undefined,
    subject_token_type: undefined,
    actor_token: undefined,
    actor_token_type: undefined,
    assertion: await idJag("operator", { claims: { email } }),
    client_assertion: await svid("first"),
    client_assertion_type: JWT_BEARER,
  }
}
