import { listDurableObjectIds } from "cloudflare:test"
import { env, exports } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { Inbox, inboxOf } from "../../src/ledger/inbox.ts"
import { KeyRing } from "../../src/signing/key-ring.ts"
import { Ledger } from "../../src/ledger/ledger.ts"
import { readLocator } from "../../src/core/task/state.ts"
import { ledgerOf } from "../../src/platform/task-id.ts"
import { AUDIENCE, exchangeForm, postForm, type Form, type TokenAnswer } from "../harness/agents.ts"
import { PLAIN_ACCESS_TOKEN } from "../../src/core/policy/definition/issuers.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { accessToken, agentId, IDP, idToken, second, SECOND_IDP, svid, US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { newProofKey, proofForToken } from "../harness/proofs.ts"
import { recordOf, recordsOf } from "../harness/records.ts"
import { lift, stop } from "../harness/switches.ts"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"

yardForEach()

const CIBA = "urn:openid:params:grant-type:ciba"
const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
const asked = z.object({ auth_req_id: z.string(), expires_in: z.number(), interval: z.number() })
const lives = z.object({ tasks: z.array(z.object({ opened_at: z.number(), expires_at: z.number() })) })
const views = z.object({
  tasks: z.array(z.looseObject({ status: z.string(), opened_at: z.number(), idle_at: z.number().nullable() })),
})
const refusal = z.object({ error: z.string(), decision_id: z.string() })

async function by(agent: string): Promise<Form> {
  return { client_assertion: await svid(agent), client_assertion_type: JWT_BEARER, audience: AUDIENCE }
}

async function request(more: Form = {}, agent = "first") {
  const form = {
    ...(await by(agent)),
    login_hint: `${IDP}|alice`,
    scope: "openid files.*:read safe.burn:execute",
    ...more,
  }
  const entries = Object.entries(form).filter((entry): entry is [string, string] => typeof entry[1] === "string")
  const body = new URLSearchParams(entries)
  const response = await exports.default.fetch(new Request(`${US}/oauth/bc-authorize`, { method: "POST", body }))
  return { status: response.status, json: await response.json() }
}

async function ask(more: Form = {}): Promise<{ id: string; task: string; expiresIn: number }> {
  const { auth_req_id: id, expires_in: expiresIn } = asked.parse((await request(more)).json)
  return { id, task: id.slice(0, id.indexOf(".")), expiresIn }
}

const poll = async (id: string, more: Form = {}, headers = {}, agent = "first"): Promise<TokenAnswer> =>
  postForm({ grant_type: CIBA, auth_req_id: id, ...(await by(agent)), ...more }, headers)
const errorOf = async (id: string, more: Form = {}, agent = "first"): Promise<string | undefined> =>
  (await poll(id, more, {}, agent)).refused?.error
const person = async (user = "alice", more: Readonly<Record<string, unknown>> = {}): Promise<string> =>
  `Bearer ${await accessToken(user, "cli", { claims: more })}`
const say = async (task: string, decision: string, who?: string) =>
  manage("POST", `/v1/approvals/${task}`, who ?? (await person()), {}, { decision })

describe("consent while the person is elsewhere (OpenID CIBA)", () => {
  test("opens nothing while another task of the agent, for the same user and purpose, is quarantined", async () => {
    const { id, task } = await ask()
    expect((await say(task, "approve")).status).toBe(200)
    const { issued } = await postForm(await exchangeForm("first"))
    const frozen = issued?.task ?? ""
    const byOperator = async (what: string) => manage("POST", `/v1/tasks/${frozen}/${what}`, await bearerOf("operator"))
    await byOperator("quarantine")
    expect(await poll(id)).toMatchObject({
      refused: { error: "access_denied", error_description: expect.stringContaining(frozen) },
    })
    // Nobody asks the person's own ledger before the person has answered.
    const other = await ask()
    expect((await say(other.task, "approve")).status).toBe(200)
    expect(await errorOf(other.id)).toBe("access_denied")
    await byOperator("release")
    expect((await poll(id)).issued?.task).toMatch(new RegExp(`^${task.slice(0, 19)}`, "u"))
  })

  test("is asked for, seen by the person, given, and redeemed once", async () => {
    const { id, task, expiresIn } = await ask({ binding_message: "Burn it: W4SCT" })
    expect(expiresIn).toBe(300)
    expect(await errorOf(id)).toBe("authorization_pending")
    await vi.waitFor(async () => {
      expect((await manage("GET", "/v1/approvals", await person())).json).toMatchObject({
        approvals: [
          {
            task,
            agent: "spiffe://example.org/agent/first",
            purpose: "work",
            scope: "files.*:read safe.burn:execute",
            binding_message: "Burn it: W4SCT",
          },
        ],
      })
    })
    expect((await manage("GET", `/v1/tasks/${task}`, await bearerOf("viewer"))).json).toMatchObject({
      tasks: [{ status: "pending", left: { life: 0 } }],
    })
    expect((await say(task, "approve")).status).toBe(200)
    const { issued } = await poll(id)
    // The task is in the person's ledger, with the same time and randomness.
    expect(issued).toMatchObject({ scope: "files.*:read safe.burn:execute" })
    const granted = issued?.task ?? ""
    expect([granted.slice(0, 19), readLocator(granted) === readLocator(task)]).toEqual([task.slice(0, 19), false])
    expect((await callWith(issued?.access_token ?? "", "/safe", { method: "DELETE" })).code).toBe("ok")
    expect(await errorOf(id)).toBe("invalid_grant")
    expect((await manage("GET", "/v1/approvals", await person())).json).toEqual({ approvals: [] })
    const records = [...(await recordsOf(task, 2)), ...(await recordsOf(granted, 2))]
    expect(records.map(({ kind }) => kind).toSorted()).toEqual(["approval", "approval", "call", "exchange"])
    expect(records.find(({ operator }) => operator !== null)).toMatchObject({ operator: `${IDP}|alice`, code: "ok" })
  })

  test("whoever has the id of a request that was granted sees the task, and ends it", async () => {
    const { id, task } = await ask()
    await say(task, "approve")
    const { issued } = await poll(id)
    const operator = await bearerOf("operator")
    const seen = await manage("GET", `/v1/tasks/${task}`, operator)
    expect(seen.json).toMatchObject({ tasks: [{ id: issued?.task, status: "active" }] })
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("ok")
    const { json } = await manage("POST", "/v1/revocations", operator, {}, { task })
    expect(json).toMatchObject({ ended: [issued?.task] })
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("invalid_token")
  })

  test("until it is answered, no ledger of the person is created, nor asked", async () => {
    const theirs = ledgerOf(env, { issuer: IDP, subject: "somebody-invented" }).id.toString()
    const { id, task } = await ask({ login_hint: `${IDP}|somebody-invented` })
    expect(await errorOf(id)).toBe("authorization_pending")
    await manage("GET", `/v1/approvals/${task}`, await person("somebody-invented"))
    await manage("GET", "/v1/approvals", await person("somebody-invented"))
    const ledgers = async () => (await listDurableObjectIds(env.LEDGER)).map(String)
    expect(await ledgers()).toContain(env.LEDGER.idFromName(readLocator(task)).toString())
    expect(await ledgers()).not.toContain(theirs)
    await say(task, "approve", await person("somebody-invented"))
    expect((await poll(id)).status).toBe(200)
    expect(await ledgers()).toContain(theirs)
  })

  test("what policy keeps for consent is not had by a session alone, and the agent is told", async () => {
    const form = { ...(await exchangeForm("first")), purpose: "work", scope: "safe.burn:execute" }
    expect((await postForm(form)).refused).toMatchObject({
      error: "consent_required",
      error_description: expect.stringContaining("safe.burn:execute"),
      scope: "safe.burn:execute",
    })
    const some = await postForm({ ...form, scope: "safe.burn:execute files.list:read" })
    expect(some.issued?.scope).toBe("files.list:read")
  })

  test("everything is judged anew when the token is fetched: as the person is, by the rules of then", async () => {
    // Somebody who is in no group may delegate nothing.
    const { id, task } = await ask({ scope: "safe.burn:execute" })
    await say(task, "approve", await person("alice", { groups: [] }))
    expect(await errorOf(id)).toBe("invalid_scope")
    const later = await ask()
    await say(later.task, "approve")
    const body = await yard()
    await publish({ ...body, agents: body.agents.filter((agent) => !agent.id.endsWith("/first")) })
    forgetCaches()
    expect(await errorOf(later.id)).toBe("invalid_client")
  })

  test("a refusal is final, and ends the request", async () => {
    const { id, task } = await ask()
    const said = await say(task, "reject")
    expect(said.status).toBe(200)
    const record = await recordOf(said.headers.get("X-Narrowgate-Decision") ?? "")
    expect(record).toMatchObject({ kind: "approval", code: "access_denied", operator: `${IDP}|alice`, task })
    expect(await errorOf(id)).toBe("access_denied")
    expect((await say(task, "approve")).status).toBe(404)
    expect(await errorOf(id)).toBe("access_denied")
  })

  test("polling too fast is told, and costs patience", async () => {
    const { id } = await ask()
    const start = Date.now()
    expect(await errorOf(id)).toBe("authorization_pending")
    expect(await errorOf(id)).toBe("slow_down")
    vi.useFakeTimers({ now: start + 8_000, toFake: ["Date"] })
    expect(await errorOf(id)).toBe("slow_down")
    vi.setSystemTime(start + 24_000)
    expect(await errorOf(id)).toBe("authorization_pending")
  })

  test("it expires, and cannot be given late", async () => {
    const start = Date.now()
    const { id, task, expiresIn } = await ask({ requested_expiry: "60" })
    expect(expiresIn).toBe(60)
    vi.useFakeTimers({ now: start + 61_000, toFake: ["Date"] })
    expect((await say(task, "approve")).status).toBe(404)
    expect(await errorOf(id)).toBe("expired_token")
  })

  test("what was said is said: who has agreed cannot refuse any more, nor agree again", async () => {
    const { id, task } = await ask()
    expect((await say(task, "approve")).status).toBe(200)
    for (const decision of ["reject", "approve"]) expect((await say(task, decision)).status).toBe(404)
    expect((await poll(id)).status).toBe(200)
  })

  test("what was agreed to in time is not fetched late", async () => {
    const start = Date.now()
    const { id, task } = await ask({ requested_expiry: "60" })
    expect((await say(task, "approve")).status).toBe(200)
    vi.useFakeTimers({ now: start + 61_000, toFake: ["Date"] })
    expect(await errorOf(id)).toBe("expired_token")
  })

  test("the task ends with the session that agreed to it", async () => {
    const { id, task } = await ask()
    const exp = Math.floor(Date.now() / 1000) + 200
    await say(task, "approve", await person("alice", { exp }))
    expect((await poll(id)).status).toBe(200)
    const { json } = await manage("GET", `/v1/tasks/${task}`, await bearerOf("viewer"))
    expect(json).toMatchObject({ tasks: [{ status: "active", expires_at: exp * 1000 }] })
  })

  test("the ledger may forget all in between", async () => {
    const { id, task } = await ask()
    await killObjects()
    expect((await say(task, "approve")).status).toBe(200)
    await killObjects()
    const { issued } = await poll(id)
    await killObjects()
    expect(await errorOf(id)).toBe("invalid_grant")
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("ok")
  })

  test("of 50 redemptions at once one succeeds", async () => {
    const { id, task } = await ask()
    await say(task, "approve")
    const answers = await Promise.all(Array.from({ length: 50 }, async () => poll(id)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  test("the token is bound to the key that is proven when it is fetched, and must be where the registry says so", async () => {
    const holder = await newProofKey()
    const { id, task } = await ask()
    await say(task, "approve")
    const { issued } = await poll(id, {}, { DPoP: await proofForToken(holder) })
    expect(issued?.token_type).toBe("DPoP")
    const { json } = await request({ scope: "files.*:read" }, "bound")
    const { auth_req_id: strict } = asked.parse(json)
    await say(strict.slice(0, strict.indexOf(".")), "approve")
    expect(await errorOf(strict, {}, "bound")).toBe("invalid_request")
    const bound = await poll(strict, {}, { DPoP: await proofForToken(holder) }, "bound")
    expect(bound.issued?.token_type).toBe("DPoP")
  })

  test("what an agent proves itself by is used up, whether it asks or polls", async () => {
    const body = await yard()
    const issuers = body.issuers.map((issuer) => (issuer.id === "workloads" ? { ...issuer, single_use: true } : issuer))
    await publish({ ...body, issuers })
    forgetCaches()
    const once = async (): Promise<Form> => ({
      client_assertion: await svid("first", { claims: { jti: crypto.randomUUID() } }),
    })
    const [asking, polling] = [await once(), await once()]
    const { status, json } = await request(asking)
    expect(status).toBe(200)
    const { auth_req_id: id } = asked.parse(json)
    expect(refusal.parse((await request(asking)).json).error).toBe("invalid_client")
    expect(await errorOf(id, asking)).toBe("invalid_client")
    expect(await errorOf(id, polling)).toBe("authorization_pending")
    expect(await errorOf(id, polling)).toBe("invalid_client")
    const headers = { DPoP: await proofForToken(await newProofKey()) }
    expect((await poll(id, await once(), headers)).refused?.error).toBe("slow_down")
    expect((await poll(id, await once(), headers)).refused?.error).toBe("invalid_dpop_proof")
  })

  test("nobody answers for another, and no agent for its person", async () => {
    const { task } = await ask()
    const session = await accessToken("alice", "app")
    for (const who of [`Bearer ${session}`, `Bearer ${await idToken("alice")}`, null]) {
      const answer = await manage("POST", `/v1/approvals/${task}`, who, {}, { decision: "approve" })
      expect(answer.status).toBe(401)
    }
    for (const who of [await person("bob"), await bearerOf("operator")])
      expect((await say(task, "approve", who)).status).toBe(404)
    for (const body of [{}, { decision: "yes" }, { decision: "approve", task: "x" }]) {
      expect((await manage("POST", `/v1/approvals/${task}`, await person(), {}, body)).status).toBe(400)
    }
    expect((await manage("GET", `/v1/approvals/${task}`, await person("bob"))).status).toBe(404)
  })

  test("nobody answers for a person of the same name at another provider, nor learns what they were asked or said", async () => {
    const body = await yard()
    const issuers = body.issuers.map((issuer) =>
      issuer.id === "second" ? { ...issuer, operators: { clients: ["cli"] } } : issuer,
    )
    await publish({ ...body, issuers })
    forgetCaches()
    const { id, task } = await ask()
    const claims = { iss: SECOND_IDP }
    const namesake = `Bearer ${await accessToken("alice", "cli", { claims, signer: second })}`
    const learns = async (who: string) => {
      const one = await manage("GET", `/v1/approvals/${task}`, who)
      return [one.status, (await manage("GET", "/v1/approvals", who)).json]
    }
    for (const said of [false, true]) {
      if (said) expect((await say(task, "approve")).status).toBe(200)
      for (const who of [namesake, await person("bob")]) expect(await learns(who)).toEqual([404, { approvals: [] }])
      for (const decision of ["approve", "reject"]) expect((await say(task, decision, namesake)).status).toBe(404)
      expect((await manage("GET", `/v1/approvals/${task}`, await person())).status).toBe(200)
    }
    expect((await poll(id)).status).toBe(200)
  })

  test("a person or an agent that is stopped is asked nothing, and asks nothing", async () => {
    const about = { user: `${IDP}|alice` }
    expect((await request()).status).toBe(200)
    const lifted = await stop({ kind: "user", ...about })
    expect(refusal.parse((await request()).json).error).toBe("unauthorized_client")
    expect((await request({ login_hint: `${IDP}|bob` })).status).toBe(200)
    await lift(lifted)
    await stop({ kind: "agent", agent: agentId("first") })
    expect(refusal.parse((await request()).json).error).toBe("unauthorized_client")
  })

  test("a person has no longer than ten minutes to answer, whatever an agent asks for", async () => {
    for (const requested_expiry of ["601", "86400", "999999999"]) {
      expect((await ask({ requested_expiry })).expiresIn).toBe(600)
    }
    expect((await ask({ requested_expiry: "599" })).expiresIn).toBe(599)
  })

  test.each<readonly [string, Form, string]>([
    ["no hint", { login_hint: undefined }, "invalid_request"],
    ["two hints", { id_token_hint: "x" }, "invalid_request"],
    ["a hint that we do not know", { login_hint: undefined, login_hint_token: "x" }, "invalid_request"],
    ["a person of a provider that nobody knows", { login_hint: "https://x.test|alice" }, "unknown_user_id"],
    ["a person without a provider", { login_hint: "alice" }, "unknown_user_id"],
    ["a person without a name", { login_hint: `${IDP}|` }, "unknown_user_id"],
    ["a person whose name has a line in it", { login_hint: `${IDP}|ali\nce` }, "unknown_user_id"],
    ["a person whose name is too long", { login_hint: `${IDP}|${"a".repeat(256)}` }, "unknown_user_id"],
    ["a message of two lines", { binding_message: "a\nb" }, "invalid_binding_message"],
    ["a long message", { binding_message: "a".repeat(101) }, "invalid_binding_message"],
    ["a message that is written backwards", { binding_message: "a\u202Eb" }, "invalid_binding_message"],
    ["a message that nobody sees", { binding_message: "\u3164" }, "invalid_binding_message"],
    ["no number of seconds", { requested_expiry: "soon" }, "invalid_request"],
    ["a tool that it may never have", { scope: "vault.nothing:read" }, "invalid_scope"],
    ["another purpose", { purpose: "alone" }, "unauthorized_client"],
    ["no agent", { client_assertion: undefined }, "invalid_client"],
    ["another audience", { audience: "https://other.test" }, "invalid_target"],
  ])("%s is refused, and recorded", async (_what, more, error) => {
    const { status, json } = await request(more)
    const said = refusal.parse(json)
    expect([status, said.error]).toEqual([error === "invalid_client" ? 401 : 400, error])
    expect(await recordOf(said.decision_id)).toMatchObject({ kind: "exchange", decision: "deny", code: error })
  })

  test("nobody is asked at a provider whose people no agent acts for", async () => {
    const body = await yard()
    const issuers = body.issuers.map((issuer) => {
      if (issuer.issuer !== IDP) return issuer
      const { users: _, ...others } = issuer
      return others
    })
    await publish({ ...body, issuers }, 2)
    forgetCaches()
    const { status, json } = await request()
    expect([status, refusal.parse(json).error]).toEqual([400, "unknown_user_id"])
  })

  test("another agent's request, a guess or a change of it opens nothing", async () => {
    const { id, task } = await ask()
    await say(task, "approve")
    const changed = `${id.slice(0, -1)}${id.endsWith("A") ? "B" : "A"}`
    const unknown = `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}.${id.slice(id.indexOf(".") + 1)}`
    for (const guess of [changed, unknown, task, `${task}.`, "x"]) expect(await errorOf(guess)).toBe("invalid_grant")
    expect(await errorOf(id, {}, "second")).toBe("invalid_grant")
    expect((await poll(id)).status).toBe(200)
  })

  test("what was ended while it waited stays ended, whoever agrees, before or after", async () => {
    const operator = await bearerOf("operator")
    for (const before of [true, false]) {
      const { id, task } = await ask()
      if (before) await say(task, "approve")
      expect((await manage("POST", "/v1/revocations", operator, {}, { task })).status).toBe(200)
      expect((await say(task, "approve")).status).toBe(404)
      expect(await errorOf(id)).toBe("invalid_grant")
    }
  })

  test("what waits cannot be frozen and released into being, nor freshened, agreed to or not", async () => {
    const operator = await bearerOf("operator")
    const statusOf = async (task: string) =>
      views.parse((await manage("GET", `/v1/tasks/${task}`, operator)).json).tasks[0]?.status
    for (const decision of [null, "reject", "approve"]) {
      const { task } = await ask()
      if (decision !== null) await say(task, decision)
      const before = await statusOf(task)
      for (const how of ["quarantine", "release"]) {
        await manage("POST", `/v1/tasks/${task}/${how}`, operator)
        expect(await statusOf(task)).toBe(before)
      }
      const session = { subject_token: await idToken("alice"), task }
      const { refused } = await postForm({ ...(await exchangeForm("first")), ...session })
      expect(refused?.error).toBe("invalid_request")
    }
  })

  test("the token is for no more than the person was shown, whatever the rules say by then", async () => {
    const { id, task } = await ask({ scope: undefined, purpose: "errand" })
    const shown = await manage("GET", `/v1/approvals/${task}`, await person())
    expect(shown.json).toMatchObject({ scope: "files.read:read", calls: 5, life: 120 })
    await say(task, "approve")
    const body = await yard()
    const grant = { tools: ["*:read", "*:write", "*:execute"], max_sensitivity: "restricted", arguments: {} } as const
    const wider = body.purposes.map((each) =>
      each.name === "errand" ? { name: "errand", grant, life: 6_000, user: each.user } : each,
    )
    await publish({ ...body, purposes: wider })
    forgetCaches()
    const { issued } = await poll(id)
    expect(issued?.scope).toBe("files.read:read")
    const { json } = await manage("GET", `/v1/tasks/${task}`, await bearerOf("viewer"))
    expect(json).toMatchObject({ tasks: [{ calls: { limit: 5 } }] })
    const [{ opened_at, expires_at } = { opened_at: 0, expires_at: 0 }] = lives.parse(json).tasks
    expect(expires_at - opened_at).toBeLessThanOrEqual(120_000)
  })

  test("a plan and a time to be idle that the person was shown stay, though their purpose has lost them", async () => {
    const [planned, brief] = [
      await ask({ scope: undefined, purpose: "in-order" }),
      await ask({ scope: undefined, purpose: "brief" }),
    ]
    const shown = await manage("GET", `/v1/approvals/${planned.task}`, await person())
    expect(shown.json).toMatchObject({ plan: [{ times: 2 }, { times: 1 }, { times: 1 }] })
    for (const { task } of [planned, brief]) await say(task, "approve")
    const body = await yard()
    await publish({ ...body, purposes: body.purposes.map(({ plan: _plan, idle: _idle, ...each }) => each) })
    forgetCaches()
    for (const { id } of [planned, brief]) expect((await poll(id)).status).toBe(200)
    const viewed = async (task: string) =>
      views.parse((await manage("GET", `/v1/tasks/${task}`, await bearerOf("viewer"))).json).tasks
    expect(await viewed(planned.task)).toMatchObject([{ plan: [{ times: 2 }, { times: 1 }, { times: 1 }] }])
    const [{ opened_at, idle_at } = { opened_at: 0, idle_at: null }] = await viewed(brief.task)
    expect((idle_at ?? 0) - opened_at).toBe(30_000)
  })

  test("an audience that nobody has any more is not signed for", async () => {
    const { id, task } = await ask()
    await say(task, "approve")
    const body = await yard()
    const gateways = body.gateways.filter(({ audience }) => audience !== AUDIENCE)
    await publish({ ...body, gateways })
    forgetCaches()
    expect(await errorOf(id)).toBe("invalid_target")
  })

  test("an audience that the agent may not have any more is not signed for", async () => {
    const { id, task } = await ask()
    await say(task, "approve")
    const body = await yard()
    const agents = body.agents.map((agent) =>
      agent.id.endsWith("/first") ? { ...agent, audiences: ["https://twin.test/"] } : agent,
    )
    await publish({ ...body, agents })
    forgetCaches()
    expect(await errorOf(id)).toBe("invalid_target")
  })

  test("a session of before a switch does not consent, and none of a stopped person", async () => {
    const operator = await bearerOf("operator")
    const now = Math.floor(Date.now() / 1000)
    const old = await person("alice", { iat: now - 600 })
    const [early, late] = [await ask(), await ask()]
    await say(early.task, "approve", old)
    await manage("POST", "/v1/revocations", operator, {}, { user: `${IDP}|alice`, before: now - 300, confirm: true })
    forgetCaches()
    const refused = await say(late.task, "approve", old)
    expect(refused.status).toBe(401)
    const record = await recordOf(refused.headers.get("X-Narrowgate-Decision") ?? "")
    expect(record).toMatchObject({ decision: "deny", code: "invalid_token", denial: { reason: "stopped" } })
    expect(await errorOf(early.id)).toBe("unauthorized_client")
    expect((await say(late.task, "approve")).status).toBe(200)
    expect((await poll(late.id)).status).toBe(200)
    await manage("POST", "/v1/revocations", operator, {}, { user: `${IDP}|alice`, confirm: true })
    forgetCaches()
    expect((await manage("GET", "/v1/approvals", await person())).status).toBe(401)
  })

  test("an agent's identity of before a switch asks for nothing and fetches nothing", async () => {
    const operator = await bearerOf("operator")
    const now = Math.floor(Date.now() / 1000)
    const { id, task } = await ask()
    await say(task, "approve")
    await manage("POST", "/v1/revocations", operator, {}, { agent: agentId("first"), before: now - 300 })
    forgetCaches()
    const client_assertion = await svid("first", { claims: { iat: now - 600 } })
    expect(await errorOf(id, { client_assertion })).toBe("unauthorized_client")
    expect(refusal.parse((await request({ client_assertion })).json).error).toBe("unauthorized_client")
    for (const form of [{}, { grant_type: "client_credentials", purpose: "alone" }]) {
      const old = { ...(await exchangeForm("first")), actor_token: client_assertion, ...form }
      expect((await postForm(old)).refused?.error).toBe("unauthorized_client")
    }
    expect((await poll(id)).status).toBe(200)
  })

  test("what the issuer's entry has its people's tokens say holds for this token too", async () => {
    const { task } = await ask()
    const body = await yard()
    const access_token = { ...PLAIN_ACCESS_TOKEN, require: { verified: true }, absent: ["robot"] }
    const issuers = body.issuers.map((issuer) => (issuer.users ? { ...issuer, access_token } : issuer))
    await publish({ ...body, issuers })
    forgetCaches()
    for (const claims of [{}, { verified: false }, { verified: true, robot: 1 }]) {
      expect((await say(task, "approve", await person("alice", claims))).status).toBe(401)
    }
    expect((await say(task, "approve", await person("alice", { verified: true }))).status).toBe(200)
  })

  test("another's polls cost the agent no patience", async () => {
    const { id } = await ask()
    await errorOf(id, {}, "second")
    expect(await errorOf(id)).toBe("authorization_pending")
  })

  test("one agent does not fill a person's inbox, and is told", async () => {
    for (let index = 0; index < 10; index++) await ask()
    const { status, json } = await request()
    expect([status, refusal.parse(json).error]).toEqual([429, "rate_limited"])
    expect((await request({ ...(await by("third")), scope: "files.*:read" }, "third")).status).toBe(200)
  })

  test("many agents together do not fill a person's inbox either; what was answered leaves it", async () => {
    const inbox = inboxOf(env, { user: `${IDP}|alice` })
    const { task } = await ask()
    for (let index = 1; index < 100; index++) {
      expect(await inbox.put(`tsk_${index}`, historyKeyOf(`agent ${index}`), Date.now() + 60_000)).toBe(true)
    }
    const full = await request()
    expect([full.status, refusal.parse(full.json).error]).toEqual([429, "rate_limited"])
    expect((await request({ login_hint: `${IDP}|bob` })).status).toBe(200)
    await say(task, "approve")
    await vi.waitFor(async () => expect(await inbox.list()).not.toContain(task))
    expect((await request()).status).toBe(200)
  })

  test("an agent has no more questions open than tasks, whomever it asks", async () => {
    for (const [user, status] of [
      ["alice", 200],
      ["bob", 200],
      ["nobody at all", 429],
    ] as const) {
      const login_hint = `${IDP}|${user}`
      expect((await request({ scope: "files.*:read", login_hint }, "crowded")).status).toBe(status)
    }
  })

  test("what was agreed to has its place for as long as it lives, not only while it was asked for", async () => {
    const start = Date.now()
    const { json } = await request({ scope: "files.*:read", requested_expiry: "60" }, "crowded")
    const { auth_req_id: id } = asked.parse(json)
    await say(id.slice(0, id.indexOf(".")), "approve")
    expect((await poll(id, {}, {}, "crowded")).status).toBe(200)
    vi.useFakeTimers({ now: start + 70_000, toFake: ["Date"] })
    forgetCaches()
    expect((await postForm(await exchangeForm("crowded"))).status).toBe(200)
    expect((await postForm(await exchangeForm("crowded"))).refused?.error_description).toMatch(/are open/)
  })

  describe("uses up no consent where nothing comes of it:", () => {
    test("there is no key to sign with", async () => {
      const { id, task } = await ask()
      await say(task, "approve")
      forgetCaches()
      const broken = vi.spyOn(KeyRing.prototype, "signingKey").mockImplementation(() => {
        throw new Error("out of reach, by a test")
      })
      expect(await errorOf(id)).toBe("temporarily_unavailable")
      broken.mockRestore()
      expect((await poll(id)).status).toBe(200)
    })

    test("the ledger of the person is out of reach", async () => {
      const { id, task } = await ask()
      await say(task, "approve")
      const broken = vi.spyOn(Ledger.prototype, "open").mockRejectedValue(new Error("out of reach, by a test"))
      expect(await errorOf(id)).toBe("temporarily_unavailable")
      broken.mockRestore()
      expect((await poll(id)).status).toBe(200)
    })
  })

  test("what came to nothing leaves no place taken: an inbox out of reach", async () => {
    const broken = vi.spyOn(Inbox.prototype, "put").mockRejectedValue(new Error("out of reach, by a test"))
    for (let index = 0; index < 3; index++) {
      const { status, json } = await request({ scope: "files.*:read" }, "crowded")
      expect([status, refusal.parse(json).error]).toEqual([503, "temporarily_unavailable"])
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    broken.mockRestore()
    expect((await request({ scope: "files.*:read" }, "crowded")).status).toBe(200)
  })

  test("what cannot be looked up is not said to be nothing", async () => {
    const { task } = await ask()
    const statuses = async () => {
      const all = ["/v1/approvals", `/v1/approvals/${task}`].map(async (path) => manage("GET", path, await person()))
      return (await Promise.all(all)).map(({ status }) => status)
    }
    expect(await statuses()).toEqual([200, 200])
    const deaf = vi.spyOn(Ledger.prototype, "consentFor").mockImplementation(() => {
      throw new Error("out of reach, by a test")
    })
    expect(await statuses()).toEqual([503, 503])
    deaf.mockRestore()
    vi.spyOn(Inbox.prototype, "list").mockRejectedValue(new Error("out of reach, by a test"))
    expect(await statuses()).toEqual([503, 200])
  })

  test("a refusal leaves its place to another", async () => {
    for (let index = 0; index < 3; index++) {
      const { status, json } = await request({ scope: "files.*:read" }, "crowded")
      expect(status).toBe(200)
      const { auth_req_id: id } = asked.parse(json)
      await say(id.slice(0, id.indexOf(".")), "reject")
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const { status, json } = await request({ scope: "files.*:read" }, "crowded")
    expect([status, json]).toMatchObject([429, { error_description: expect.stringMatching(/just now/) }])
    // What it asks for is counted apart from what it opens.
    expect((await postForm(await exchangeForm("crowded"))).status).toBe(200)
  })

  test("what an operator ends while it waits leaves its place to another", async () => {
    const operator = await bearerOf("operator")
    for (let index = 0; index < 3; index++) {
      const { status, json } = await request({ scope: "files.*:read" }, "crowded")
      expect(status).toBe(200)
      const { auth_req_id: id } = asked.parse(json)
      await manage("POST", "/v1/revocations", operator, {}, { task: id.slice(0, id.indexOf(".")) })
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })

  test("what is ended while it is fetched issues no token, and leaves no place taken", async () => {
    const operator = await bearerOf("operator")
    const { json } = await request({ scope: "files.*:read" }, "crowded")
    const { auth_req_id: id } = asked.parse(json)
    const task = id.slice(0, id.indexOf("."))
    await say(task, "approve")
    const opening = vi.spyOn(Ledger.prototype, "open").mockImplementationOnce(async function (this: Ledger, ...args) {
      opening.mockRestore()
      expect((await manage("POST", "/v1/revocations", operator, {}, { task })).status).toBe(200)
      return Ledger.prototype.open.apply(this, args)
    })
    expect(await errorOf(id, {}, "crowded")).toBe("invalid_grant")
    await new Promise((resolve) => setTimeout(resolve, 100))
    vi.useFakeTimers({ now: Date.now() + 61_000, toFake: ["Date"] })
    forgetCaches()
    for (let index = 0; index < 2; index++) expect((await postForm(await exchangeForm("crowded"))).status).toBe(200)
  })

  test("an ID token of theirs says who it is, and nothing more", async () => {
    const id_token_hint = await idToken("alice")
    const { id, task } = await ask({ login_hint: undefined, id_token_hint })
    expect(await errorOf(id)).toBe("authorization_pending")
    expect((await say(task, "approve")).status).toBe(200)
  })
})
