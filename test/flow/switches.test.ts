import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { decodeProtectedHeader } from "jose"
import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { ACCESS_TOKEN, JWT_BEARER, openChild, openTask, postForm, exchangeForm } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { agentId, IDP, idToken, svid } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { keepLeases, stop } from "../harness/switches.ts"
import { Switchboard, switchboard } from "../../src/revocation/switchboard.ts"

yardForEach()

const USER = "https://idp.test|alice"
const answered = z.looseObject({ id: z.string() })
const listing = z.object({ revocations: z.array(z.looseObject({ id: z.string(), at: z.number() })) })

/** Answers when it holds. Confirmed: records of a person who has just begun may not have arrived yet. */
async function revoke(body: Readonly<Record<string, unknown>>): Promise<string> {
  const asked = { ...body, confirm: true }
  const { status, json } = await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, asked)
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(json)}`)
  return answered.parse(json).id
}

const lift = async (id: string) => manage("DELETE", `/v1/revocations/${id}`, await bearerOf("operator"))
const lifted = z.object({ left: z.object({ id: z.string(), before: z.number() }) })
const liftedFrom = async (id: string) => lifted.parse((await lift(id)).json)
const codeOf = async (token: string, path = "/files/a"): Promise<string> => (await callWith(token, path)).code

describe("a switch", () => {
  test.each<readonly [string, Readonly<Record<string, unknown>>, string]>([
    ["an agent", { agent: agentId("first") }, "invalid_token"],
    ["a tool", { tool: "files.read" }, "policy_denied"],
    ["tools below a prefix", { tool: "files.*" }, "policy_denied"],
    ["everything", { everything: true }, "invalid_token"],
  ])("stops %s once it is acknowledged and until it is lifted", async (_what, what, code) => {
    const { token } = await openTask("first")
    expect(await codeOf(token)).toBe("ok")
    const id = await revoke(what)
    const refused = await callWith(token, "/files/a")
    expect(refused.code).toBe(code)
    expect(await recordOf(refused.decision)).toMatchObject({ denial: { switch: id } })
    // In another isolate, after a crash, all the same.
    forgetCaches()
    await killObjects()
    expect(await codeOf(token)).toBe(code)
    expect((await lift(id)).status).toBe(200)
    forgetCaches()
    expect(await codeOf(token)).toBe("ok")
    expect((await lift(id)).status).toBe(404)
  })

  test("stops a user until it is lifted, and what they gave before until what is left is lifted too", async () => {
    const { token } = await openTask("first")
    const id = await revoke({ user: USER, reason: "a lost laptop" })
    expect(await codeOf(token)).toBe("invalid_token")
    const { left } = await liftedFrom(id)
    // An operator whose first answer was lost asks again.
    expect((await lift(id)).status).toBe(404)
    forgetCaches()
    await killObjects()
    expect(await codeOf(token)).toBe("invalid_token")
    const { json } = await manage("GET", "/v1/revocations", await bearerOf("viewer"))
    expect(left.id).not.toBe(id)
    const until = left.before * 1000 + 32 * 86_400_000
    const note = { by: `${IDP}|operator`, reason: "a lost laptop" }
    expect(json).toMatchObject({ revocations: [{ ...left, user: USER, until, ...note }] })
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(await codeOf((await openTask("first")).token)).toBe("ok")
    // As if it had never been: a suspension by mistake.
    expect((await lift(left.id)).json).toEqual({ id: left.id, lifted: true })
    forgetCaches()
    expect(await codeOf(token)).toBe("ok")
    expect((await lift(left.id)).status).toBe(404)
  })

  test("with a time to come leaves what was given before it is lifted revoked", async () => {
    const { token } = await openTask("first")
    const { left } = await liftedFrom(await revoke({ user: USER, before: Math.floor(Date.now() / 1000) + 3_600 }))
    expect(left.before).toBeLessThanOrEqual(Date.now() / 1000 + 1)
    forgetCaches()
    expect(await codeOf(token)).toBe("invalid_token")
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(await codeOf((await openTask("first")).token)).toBe("ok")
  })

  test("on an agent stops what is done for it, and nobody else", async () => {
    const root = await openTask("first")
    const child = await openChild(root.token, "second")
    const other = await openTask("third")
    await revoke({ agent: agentId("first") })
    expect([await codeOf(root.token), await codeOf(child.token), await codeOf(other.token)]).toEqual([
      "invalid_token",
      "invalid_token",
      "ok",
    ])
    const { refused } = await postForm(await exchangeForm("first"))
    expect(refused?.error).toBe("unauthorized_client")
  })

  test("with a time stops what was issued before it", async () => {
    const now = Math.floor(Date.now() / 1000)
    const { token } = await openTask("first")
    await revoke({ user: USER, before: now - 60 })
    expect(await codeOf(token)).toBe("ok")
    await revoke({ user: USER, before: now + 60 })
    expect(await codeOf(token)).toBe("invalid_token")
  })

  test("with a time stops what goes back to a session of before, whenever it was exchanged and however often renewed", async () => {
    const now = Math.floor(Date.now() / 1000)
    const old = { subject_token: await idToken("alice", { claims: { iat: now - 600 } }) }
    const [root, fresh] = [await openTask("first", old), await openTask("first")]
    const renewed = await openChild(root.token, "first")
    const child = await openChild(renewed.token, "second")
    await revoke({ user: USER, before: now - 300 })
    for (const { token } of [root, renewed, child]) expect(await codeOf(token)).toBe("invalid_token")
    expect(await codeOf(fresh.token)).toBe("ok")
    // A fresh login for the task does not make what was granted before younger.
    const login = await idToken("alice", { claims: { auth_time: now + 20 } })
    const freshened = { subject_token: login, task: root.task }
    for (const form of [old, { subject_token: root.token, subject_token_type: ACCESS_TOKEN }, freshened]) {
      const { refused } = await postForm({ ...(await exchangeForm("first")), ...form })
      expect(refused?.error).toBe("unauthorized_client")
    }
  })

  test("with a time stops an agent by the older of the identities that it brings", async () => {
    const now = Math.floor(Date.now() / 1000)
    const [old, fresh] = [await svid("first", { claims: { iat: now - 600 } }), await svid("first")]
    await stop({ kind: "agent", agent: agentId("first") }, (now - 300) * 1000)
    const bringing = async (client_assertion: string, actor_token: string) =>
      postForm({ ...(await exchangeForm("first")), client_assertion, client_assertion_type: JWT_BEARER, actor_token })
    for (const [one, other] of [
      [old, fresh],
      [fresh, old],
    ] as const) {
      expect((await bringing(one, other)).refused?.error).toBe("unauthorized_client")
    }
    expect((await bringing(fresh, await svid("first"))).status).toBe(200)
  })

  test("on a key stops its tokens, and another key signs", async () => {
    const { token } = await openTask("first")
    const { kid } = decodeProtectedHeader(token)
    await revoke({ key: kid })
    expect(await codeOf(token)).toBe("invalid_token")
    forgetCaches()
    const again = await openTask("first")
    expect(decodeProtectedHeader(again.token).kid).not.toBe(kid)
    expect(await codeOf(again.token)).toBe("ok")
  })

  test("of a thousand calls that race with it none that began after its acknowledgement succeeds", async () => {
    keepLeases()
    const { token } = await openTask("first", { scope: "files.*:read" })
    let acknowledgedAt = Number.POSITIVE_INFINITY
    const late: string[] = []
    let allowed = 0
    const race = async (): Promise<void> => {
      for (let index = 0; index < 40 && (acknowledgedAt === Number.POSITIVE_INFINITY || index < 3); index++) {
        const began = performance.now()
        const code = await codeOf(token)
        if (code === "ok" && began > acknowledgedAt) late.push(code)
        if (code === "ok") allowed += 1
        await new Promise((resolve) => setTimeout(resolve, 60))
      }
    }
    const callers = Array.from({ length: 25 }, race)
    await revoke({ agent: agentId("first") })
    acknowledgedAt = performance.now()
    const after = await Promise.all(Array.from({ length: 50 }, async () => codeOf(token)))
    await Promise.all(callers)
    // On a busy machine of each caller the first call alone is let through before.
    expect(allowed).toBeGreaterThanOrEqual(callers.length)
    expect(late).toEqual([])
    expect(new Set(after)).toEqual(new Set(["invalid_token"]))
  })

  test("that cannot be asked about lets nobody through", async () => {
    const { token } = await openTask("first")
    vi.spyOn(Switchboard.prototype, "read").mockImplementation(() => {
      throw new Error("out of reach, by a test")
    })
    forgetCaches()
    expect(await callWith(token, "/files/a")).toMatchObject({ status: 403, code: "unavailable" })
  })
})

describe("a revocation", () => {
  test("of a task ends it and those below; of a token, the token alone", async () => {
    const root = await openTask("first")
    const child = await openChild(root.token, "second")
    const other = await openTask("first")
    const operator = await bearerOf("operator")
    const ended = await manage("POST", "/v1/revocations", operator, {}, { task: root.task })
    expect(ended).toMatchObject({ status: 200, json: { task: root.task, status: "revoked" } })
    expect([await codeOf(root.token), await codeOf(child.token)]).toEqual(["invalid_token", "invalid_token"])
    expect((await manage("POST", "/v1/revocations", operator, {}, { token: other.token })).status).toBe(200)
    expect(await codeOf(other.token)).toBe("invalid_token")
    expect((await manage("POST", "/v1/revocations", operator, {}, { token: other.token })).status).toBe(404)
  })

  test("is an operator's alone, and listed for viewers", async () => {
    const { token } = await openTask("first")
    const body = { agent: agentId("first") }
    for (const authorization of [null, `Bearer ${token}`, await bearerOf("viewer")]) {
      const { status } = await manage("POST", "/v1/revocations", authorization, {}, body)
      expect([401, 403]).toContain(status)
    }
    expect(await codeOf(token)).toBe("ok")
    const id = await revoke({ tool: "vault.*", before: 4_000_000_000 })
    const { json } = await manage("GET", "/v1/revocations", await bearerOf("viewer"))
    const [by, at] = ["https://idp.test|operator", expect.any(Number)]
    expect(json).toEqual({ revocations: [{ id, tool: "vault.*", before: 4_000_000_000, by, at }] })
    expect((await manage("DELETE", `/v1/revocations/${id}`, await bearerOf("viewer"))).status).toBe(403)
  })

  test("remembers who made it, why, and when it held; no lease grows by that, and the record tells it", async () => {
    keepLeases()
    const reason = "Leaked in a public repository, <https://example.test/42>"
    const asked = Date.now()
    const body = { agent: agentId("first"), reason }
    const { json, headers } = await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, body)
    const { id } = answered.parse(json)
    const answeredAt = Date.now()
    // What it stops is all that is answered, and all that isolates are told every second.
    expect(json).toEqual({ id, agent: agentId("first"), known: true, hits: expect.any(Object) })
    const lent = await switchboard(env).read()
    expect(JSON.parse(lent)).toMatchObject({ switches: [{ id, stopped: { agent: agentId("first") }, before: null }] })
    expect(lent).not.toMatch(/Leaked|operator|reason/)
    await killObjects()
    const listed = await manage("GET", "/v1/revocations", await bearerOf("viewer"))
    const [one] = listing.parse(listed.json).revocations
    expect(one).toEqual({
      id,
      agent: agentId("first"),
      by: "https://idp.test|operator",
      reason,
      at: expect.any(Number),
    })
    expect(one?.at).toBeGreaterThanOrEqual(asked)
    expect(one?.at).toBeLessThanOrEqual(answeredAt)
    const record = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
    const told = { agent: agentId("first"), reason, revocation: id }
    expect(record).toMatchObject({ kind: "management", decision: "allow", arguments: told })
    expect((await lift(id)).status).toBe(200)
    const after = await manage("GET", "/v1/revocations", await bearerOf("viewer"))
    expect(after.json).toEqual({ revocations: [] })
    await runInDurableObject(switchboard(env), (_board, { storage }) => {
      expect(storage.sql.exec("SELECT * FROM switch_notes").toArray()).toEqual([])
    })
  })

  test("of a task or a token takes a reason too, for the record, which never has the token", async () => {
    const [root, other] = [await openTask("first"), await openTask("first")]
    const operator = await bearerOf("operator")
    for (const [body, told] of [
      [{ task: root.task }, { task: root.task, reason: "why" }],
      [{ token: other.token }, { reason: "why" }],
    ] as const) {
      const answer = await manage("POST", "/v1/revocations", operator, {}, { ...body, reason: "why" })
      expect(answer.status).toBe(200)
      const record = await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")
      expect(record).toMatchObject({ kind: "end", decision: "allow" })
      expect(record.arguments).toEqual(told)
    }
  })

  test("that does not hold is recorded with what was asked", async () => {
    vi.spyOn(Switchboard.prototype, "set").mockRejectedValue(new Error("out of reach, by a test"))
    const body = { user: USER, before: 5, reason: "why", confirm: true }
    const answer = await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, body)
    expect(answer).toMatchObject({ status: 503, code: "unavailable" })
    const record = await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")
    expect(record).toMatchObject({ decision: "deny", code: "unavailable", arguments: body })
  })

  test.each([
    { everything: true, reason: "" },
    { everything: true, reason: "x".repeat(1_025) },
    { everything: true, reason: "two\nlines" },
    { everything: true, reason: "\u001b[2J" },
    { everything: true, reason: "a\u2028b" },
    { everything: true, reason: 5 },
    { reason: "of nothing" },
    {},
    { agent: agentId("first"), user: USER },
    { agent: "" },
    { tool: "files.*.x" },
    { task: "tsk_1" },
    { everything: false },
    { everything: true, before: -1 },
    { everything: true, before: 8_640_000_000_001 },
    { everything: true, until: 5 },
    { issuer: "https://idp.test|alice" },
    { issuer: "https://idp.test " },
    { key: "k", before: 5 },
    [],
  ])("%j is malformed", async (body) => {
    const answer = await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, body)
    expect(answer).toMatchObject({ status: 400, code: "invalid_request" })
  })
})
