/** A switch on an identity provider: who cannot be trusted any more, because their provider's key was stolen, say. */
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { AUDIENCE, exchangeForm, openChild, openTask, postForm, type TokenAnswer } from "../harness/agents.ts"
import { codeFor, provenAs, redeem, refreshBy, taskOf } from "../harness/browser.ts"
import { knock } from "../harness/door.ts"
import { visitorAs } from "../harness/browsing.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { accessToken, IDP, idToken, second, SECOND_IDP, secondProvidersToken, US } from "../harness/issuers.ts"
import { bearerOf, manage, type ManagementAnswer } from "../harness/management.ts"
import { recordOf, recordsOf } from "../harness/records.ts"
import { liftWhole } from "../harness/switches.ts"
import { personStoppedBy, stoppedBy, type Switch } from "../../src/core/signals/switch.ts"

yardForEach()

const answered = z.looseObject({ id: z.string() })
type Body = Readonly<Record<string, unknown>>

const revoke = async (body: Body): Promise<ManagementAnswer> =>
  manage("POST", "/v1/revocations", await bearerOf("operator"), {}, body)
const codeOf = async (token: string): Promise<string> => (await callWith(token, "/files/a")).code
const atSecond = async () => ({ subject_token: await secondProvidersToken("alice") })

describe("a switch on an identity provider", () => {
  test("stops everything that is done for its people, and nothing that is done for others", async () => {
    const [theirs, other] = [await openTask("first", await atSecond()), await openTask("first")]
    const below = await openChild(theirs.token, "second")
    const { status, json } = await revoke({ issuer: SECOND_IDP, reason: "its key was stolen" })
    expect([status, json]).toMatchObject([200, { issuer: SECOND_IDP, known: true }])
    const { id } = answered.parse(json)
    const refused = await callWith(theirs.token, "/files/a")
    expect(refused.code).toBe("invalid_token")
    expect(await recordOf(refused.decision)).toMatchObject({
      denial: { reason: "stopped", switch: id, kind: "issuer" },
    })
    expect(await codeOf(below.token)).toBe("invalid_token")
    const exchange = await postForm({ ...(await exchangeForm("first")), ...(await atSecond()) })
    expect(exchange.refused?.error).toBe("unauthorized_client")
    expect(await codeOf(other.token)).toBe("ok")
    expect(await codeOf((await openTask("second")).token)).toBe("ok")
    const listed = await manage("GET", "/v1/revocations", await bearerOf("viewer"))
    expect(listed.json).toMatchObject({ revocations: [{ id, issuer: SECOND_IDP, reason: "its key was stolen" }] })
    const lifted = await manage("DELETE", `/v1/revocations/${id}`, await bearerOf("operator"))
    expect(lifted).toMatchObject({
      status: 200,
      json: { id, lifted: true, left: { id: expect.stringMatching(/^swi_/) } },
    })
    forgetCaches()
    // A task that waited does not go on. A session of a later second opens a new one.
    expect(await codeOf(theirs.token)).toBe("invalid_token")
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(await codeOf((await openTask("first", await atSecond())).token)).toBe("ok")
  })

  test("with a time stops what was given before it, and nothing that a new login gives", async () => {
    const now = Math.floor(Date.now() / 1000)
    const login = async (iat: number) => ({
      subject_token: await idToken("alice", { claims: { iss: SECOND_IDP, iat, auth_time: iat }, signer: second }),
    })
    const [old, fresh] = [await openTask("first", await login(now - 600)), await openTask("first", await login(now))]
    expect((await revoke({ issuer: SECOND_IDP, before: now - 300 })).status).toBe(200)
    expect([await codeOf(old.token), await codeOf(fresh.token)]).toEqual(["invalid_token", "ok"])
  })

  test("or on a person needs a confirmation of an operator whom it would suspend, and who then can do nothing here", async () => {
    const { task, token } = await openTask("first")
    await recordsOf(task, 1)
    const now = Math.floor(Date.now() / 1000)
    for (const body of [{ issuer: IDP }, { issuer: IDP, before: now + 3_600 }, { user: `${IDP}|operator` }]) {
      const refused = await revoke(body)
      expect(refused).toMatchObject({ status: 400, code: "invalid_request" })
      expect(refused.json).toMatchObject({ error_description: expect.stringContaining('"confirm": true') })
    }
    const preview = await revoke({ issuer: IDP, preview: true })
    expect(preview.json).toMatchObject({ known: true, hits: { recent: { tasks: 1, agents: 1, users: 1 } } })
    expect(await codeOf(token)).toBe("ok")
    const { status, json } = await revoke({ issuer: IDP, confirm: true })
    expect(status).toBe(200)
    for (const [method, path] of [
      ["GET", "/v1/revocations"],
      ["DELETE", `/v1/revocations/${answered.parse(json).id}`],
    ] as const)
      expect((await manage(method, path, await bearerOf("operator"))).code).toBe("invalid_token")
    expect(await codeOf(token)).toBe("invalid_token")
  })

  test("needs no confirmation with a time that has passed: the operator logs in again", async () => {
    const before = Math.floor(Date.now() / 1000) - 60
    expect((await revoke({ issuer: IDP, before })).status).toBe(200)
    expect((await manage("GET", "/v1/revocations", await bearerOf("operator"))).status).toBe(200)
  })

  test("can be followed by one with a time when nobody trusts the provider any more, however much later", async () => {
    expect((await revoke({ issuer: SECOND_IDP })).status).toBe(200)
    const body = await yard()
    await publish({ ...body, issuers: body.issuers.filter(({ id }) => id !== "second") }, 2)
    forgetCaches()
    const before = Math.floor(Date.now() / 1000)
    expect(await revoke({ issuer: SECOND_IDP, before })).toMatchObject({ status: 200, json: { known: true } })
  })

  test("is set on the page too, which warns an operator who logs in there", async () => {
    const operator = await visitorAs("operator")
    const ask = async (name: string, before = "", kind = "issuer"): Promise<string> => {
      const query = new URLSearchParams({ kind, name, reason: "its key was stolen", before })
      return (await operator.get(`/console/stop/confirm?${query.toString()}`)).text()
    }
    expect(await ask(IDP)).toContain("You log in at this provider yourself.")
    expect(await ask(SECOND_IDP)).not.toContain("yourself")
    expect(await ask(IDP, "2100-01-01T00:00")).toContain("You log in at this provider yourself.")
    expect(await ask(IDP, "2026-01-01T00:00")).not.toContain("yourself")
    expect(await ask(`${IDP}|operator`, "", "user")).toContain("This is you.")
    expect(await ask(`${IDP}|alice`, "", "user")).not.toContain("This is you.")
    const wanted = { kind: "issuer", name: SECOND_IDP, reason: "its key was stolen", before: "" }
    const answer = await operator.post("/console/stop", wanted)
    const done = await (await operator.get(answer.headers.get("location") ?? "")).text()
    expect(done).toContain(`the identity provider ${SECOND_IDP}`)
    expect((await postForm({ ...(await exchangeForm("first")), ...(await atSecond()) })).refused?.error).toBe(
      "unauthorized_client",
    )
    // Nobody is locked out by a form that lacks the confirmation.
    expect((await operator.post("/console/stop", { ...wanted, name: IDP })).status).toBe(400)
  })
})

/**
 * A suspension by mistake is lifted, with the revocation that is left of it: what it refused meanwhile has used nothing
 * up, and no record says otherwise.
 */
describe("a token request that a switch refuses", () => {
  const suspended = async <Result>(body: Body, request: () => Promise<Result>): Promise<Result> => {
    const { json } = await revoke({ ...body, confirm: true })
    const result = await request()
    await liftWhole(answered.parse(json).id)
    forgetCaches()
    return result
  }
  const refusedAs = async (answer: TokenAnswer): Promise<void> => {
    expect(answer.refused?.error).toBe("unauthorized_client")
    const record = await recordOf(answer.refused?.decision_id ?? "")
    expect(record).toMatchObject({ decision: "deny", code: "unauthorized_client", denial: { reason: "stopped" } })
  }

  test.each([
    ["an identity provider", { issuer: IDP }],
    ["a user", { user: `${IDP}|alice` }],
  ])("on %s leaves a code, and then a refresh token, as good as before", async (_what, body) => {
    const code = await codeFor()
    await refusedAs(await suspended(body, async () => redeem(code)))
    const { issued } = await redeem(code)
    const refresh = issued?.refresh_token ?? ""
    await refusedAs(await suspended(body, async () => refreshBy(refresh)))
    await refusedAs(await suspended(body, async () => refreshBy(refresh)))
    const renewed = (await refreshBy(refresh)).issued
    expect(await codeOf(renewed?.access_token ?? "")).toBe("ok")
    // Each token was issued once, as records say.
    const records = await recordsOf(taskOf(code), 4)
    expect(records.filter(({ kind, decision }) => kind === "exchange" && decision === "allow")).toHaveLength(2)
  })

  test("leaves a person's consent (CIBA) as good as before", async () => {
    const assertion = async () => ({ ...(await provenAs("first")), audience: AUDIENCE })
    const form = { ...(await assertion()), login_hint: `${IDP}|alice`, scope: "openid files.*:read" }
    const asked = await knock(
      new Request(`${US}/oauth/bc-authorize`, { method: "POST", body: new URLSearchParams(form) }),
    )
    const { auth_req_id: id } = z.looseObject({ auth_req_id: z.string() }).parse(await asked.json())
    const by = `Bearer ${await accessToken("alice", "cli")}`
    const given = await manage("POST", `/v1/approvals/${taskOf(id)}`, by, {}, { decision: "approve" })
    expect(given.status).toBe(200)
    const poll = async () =>
      postForm({ grant_type: "urn:openid:params:grant-type:ciba", auth_req_id: id, ...(await assertion()) })
    await refusedAs(await suspended({ issuer: IDP }, poll))
    expect(await codeOf((await poll()).issued?.access_token ?? "")).toBe("ok")
  })

  test("for a fresher session leaves the task as it was", async () => {
    const now = Math.floor(Date.now() / 1000)
    const old = await openTask("first", {
      subject_token: await idToken("alice", { claims: { iat: now - 600, auth_time: now - 600 } }),
    })
    const fresh = await idToken("alice", { claims: { auth_time: now + 20 } })
    const freshen = async () => postForm({ ...(await exchangeForm("first")), subject_token: fresh, task: old.task })
    await refusedAs(await suspended({ issuer: IDP, before: now - 300 }, freshen))
    expect((await freshen()).status).toBe(200)
  })

  test("says nothing of a task to another agent", async () => {
    const code = await codeFor()
    await suspended({ issuer: IDP }, async () => {
      const { refused } = await redeem(code, await provenAs("second"))
      expect(refused?.error).toBe("invalid_grant")
    })
  })
})

test("a switch on a provider stops no user of another one whose name begins alike", () => {
  const on = (issuer: string): readonly Switch[] => [{ id: "swi_1", before: null, stopped: { kind: "issuer", issuer } }]
  const affected = { agents: [], tool: null, kid: null, since: 0 }
  for (const [issuer, user, isStopped] of [
    ["https://id.test", "https://id.test|alice", true],
    ["https://id.test", "https://id.test|a|b", true],
    ["https://id.test", "https://id.test.evil|alice", false],
    ["https://id.test", "https://id.test/|alice", false],
    ["https://id.test/realms/a", "https://id.test/realms/ab|alice", false],
    ["https://id.tes", "https://id.test|alice", false],
    ["https://id.test|alice", "https://id.test|alice", false],
  ] as const) {
    expect(stoppedBy(on(issuer), { ...affected, user }) !== null, `${issuer} ${user}`).toBe(isStopped)
    expect(personStoppedBy(on(issuer), user, 0) !== null, `${issuer} ${user}`).toBe(isStopped)
  }
  expect(stoppedBy(on("https://id.test"), { ...affected, user: null })).toBeNull()
})
