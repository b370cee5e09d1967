import { exports } from "cloudflare:workers"
import { decodeJwt, decodeProtectedHeader } from "jose"
import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { childForm, exchangeForm, JWT_BEARER, openChild, openTask, postForm } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { agentId, idToken, stranger, svid, US } from "../harness/issuers.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { newProofKey, proofForToken } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"
import { lift, stop } from "../harness/switches.ts"
import { Ledger } from "../../src/ledger/ledger.ts"
import type { Stopped } from "../../src/core/signals/switch.ts"
import { Switchboard } from "../../src/revocation/switchboard.ts"

yardForEach()

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly json: Readonly<Record<string, unknown>> | null
}

async function post(endpoint: string, form: Readonly<Record<string, string>>): Promise<Answer> {
  const request = new Request(`${US}/oauth/${endpoint}`, { method: "POST", body: new URLSearchParams(form) })
  const response = await exports.default.fetch(request)
  const text = await response.text()
  const json = text === "" ? null : z.record(z.string(), z.unknown()).parse(JSON.parse(text))
  return { status: response.status, headers: response.headers, json }
}

async function asked(endpoint: string, agent: string, token: string): Promise<Answer> {
  return post(endpoint, { token, client_assertion: await svid(agent), client_assertion_type: JWT_BEARER })
}

describe("introspection (RFC 7662)", () => {
  test("tells an agent what its live token is", async () => {
    const { token, task, scope } = await openTask("first")
    const { status, headers, json } = await asked("introspect", "first", token)
    expect(status).toBe(200)
    expect(headers.get("Cache-Control")).toBe("no-store")
    const claims = decodeJwt(token)
    expect(json).toMatchObject({ active: true, token_type: "Bearer", task, scope, client_id: agentId("first") })
    expect(json).toMatchObject({ iss: US, sub: claims.sub, aud: claims.aud, exp: claims.exp, jti: claims.jti })
  })

  test("of a bound token says to which key", async () => {
    const holder = await newProofKey()
    const { token } = await openTask("first", {}, await proofForToken(holder))
    const { json } = await asked("introspect", "first", token)
    expect(json).toMatchObject({ active: true, token_type: "DPoP", cnf: { jkt: holder.jkt } })
  })

  test("tells of a sub-task what the tasks above leave of its request, as its answer, its token and the task do", async () => {
    const files = { type: "narrowgate_call", tools: ["files.read"], actions: ["read"] }
    const details = (more: object) => ({ authorization_details: JSON.stringify([{ ...files, ...more }]) })
    const bounded = { max_sensitivity: "internal", arguments: { file: { in: ["a", "b"] } }, calls: 3 }
    const root = await openTask("first", details(bounded))
    const asking = details({ arguments: { file: { like: "a*" } } })
    const { issued } = await postForm({ ...(await childForm(root.token, "second")), ...asking })
    const { access_token: token = "", task = "" } = issued ?? {}
    const authorization_details = [{ ...files, ...bounded, arguments: { file: { eq: "a" } } }]
    expect(issued).toMatchObject({ authorization_details })
    expect(decodeJwt(token)).toMatchObject({ authorization_details })
    expect((await asked("introspect", "second", token)).json).toMatchObject({ authorization_details })
    const shown = await manage("GET", `/v1/tasks/${task}`, await bearerOf("viewer"))
    expect(shown.json).toMatchObject({ tasks: [{ authorization_details }] })
    expect([(await callWith(token, "/files/a")).code, (await callWith(token, "/files/b")).code]).toEqual([
      "ok",
      "insufficient_scope",
    ])
  })

  test("an agent that work is done for may ask about it, the other way round not", async () => {
    const root = await openTask("first")
    const child = await openChild(root.token, "second")
    expect((await asked("introspect", "first", child.token)).json).toMatchObject({ active: true })
    expect((await asked("introspect", "second", root.token)).json).toEqual({ active: false })
  })

  test("what is not active says nothing else", async () => {
    const task = await openTask("first")
    const ended = await openTask("first")
    await complete(ended.task, `Bearer ${ended.token}`)
    const others = [ended.token, await idToken("alice"), "nonsense", `${task.token.slice(0, -8)}AAAAAAAA`]
    for (const token of others) expect((await asked("introspect", "first", token)).json).toEqual({ active: false })
    // Another agent's.
    expect((await asked("introspect", "third", task.token)).json).toEqual({ active: false })
  })

  test.each<readonly [string, (kid: string) => Stopped]>([
    ["its agent", () => ({ kind: "agent", agent: agentId("second") })],
    ["an agent that it works for", () => ({ kind: "agent", agent: agentId("first") })],
    ["its user", () => ({ kind: "user", user: "https://idp.test|alice" })],
    ["the key that signed it", (kid) => ({ kind: "key", kid })],
    ["everything", () => ({ kind: "everything" })],
  ])("does not call a token active while a switch stops %s, and its record says which", async (_what, stopped) => {
    const child = await openChild((await openTask("first")).token, "second")
    const { kid = "" } = decodeProtectedHeader(child.token)
    expect((await asked("introspect", "second", child.token)).json).toMatchObject({ active: true })
    const id = await stop(stopped(kid))
    const { headers, json } = await asked("introspect", "second", child.token)
    expect(json).toEqual({ active: false })
    const denial = expect.objectContaining({ reason: "stopped", switch: id })
    expect(await recordOf(headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({ decision: "deny", denial })
    await lift(id)
    // A pulled key stays pulled, and what was given to a suspended person before stays revoked.
    const active = !["key", "user"].includes(stopped(kid).kind)
    expect((await asked("introspect", "second", child.token)).json).toMatchObject({ active })
  })

  test("of a token issued after what a switch stops is active", async () => {
    const { token } = await openTask("first")
    await stop({ kind: "user", user: "https://idp.test|alice" }, Date.now() - 60_000)
    await stop({ kind: "agent", agent: agentId("third") })
    expect((await asked("introspect", "first", token)).json).toMatchObject({ active: true })
  })

  test("is no answer where nobody knows what is stopped", async () => {
    const { token } = await openTask("first")
    forgetCaches()
    const broken = vi.spyOn(Switchboard.prototype, "read").mockImplementation(() => {
      throw new Error("out of reach, by a test")
    })
    expect((await asked("introspect", "first", token)).status).toBe(503)
    broken.mockRestore()
  })

  test("and revocation use up what an agent proves itself by", async () => {
    const body = await yard()
    const issuers = body.issuers.map((issuer) => (issuer.id === "workloads" ? { ...issuer, single_use: true } : issuer))
    await publish({ ...body, issuers }, 2)
    forgetCaches()
    const once = async () => svid("first", { claims: { jti: crypto.randomUUID() } })
    const { token } = await openTask("first", { actor_token: await once() })
    for (const endpoint of ["introspect", "revoke"]) {
      const form = { token, client_assertion: await once(), client_assertion_type: JWT_BEARER }
      expect((await post(endpoint, form)).status).toBe(200)
      expect(await post(endpoint, form)).toMatchObject({ status: 401, json: { error: "invalid_client" } })
    }
  })

  test("needs an agent, proven as anywhere, and a token", async () => {
    const { token } = await openTask("first")
    expect((await post("introspect", { token })).json).toMatchObject({ error: "invalid_client" })
    const forged = { client_assertion: await svid("first", { signer: stranger }), client_assertion_type: JWT_BEARER }
    expect(await post("introspect", { token, ...forged })).toMatchObject({ status: 401 })
    const nameless = { client_assertion: await svid("first"), client_assertion_type: JWT_BEARER }
    expect((await post("introspect", nameless)).json).toMatchObject({ error: "invalid_request" })
  })

  test("is no answer where the ledger is out of reach", async () => {
    const { token } = await openTask("first")
    const broken = vi.spyOn(Ledger.prototype, "isActive").mockImplementation(() => {
      throw new Error("out of reach, by a test")
    })
    expect((await asked("introspect", "first", token)).status).toBe(503)
    broken.mockRestore()
  })
})

describe("revocation (RFC 7009)", () => {
  test("ends the token at once, and not its task", async () => {
    const task = await openTask("first")
    const renewed = await postForm({
      ...(await exchangeForm("first")),
      subject_token: task.token,
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
    })
    const { status, headers, json } = await asked("revoke", "first", task.token)
    expect([status, json]).toEqual([200, null])
    expect((await callWith(task.token, "/files/a")).code).toBe("invalid_token")
    expect((await asked("introspect", "first", task.token)).json).toEqual({ active: false })
    expect((await callWith(renewed.issued?.access_token ?? "", "/files/a")).code).toBe("ok")
    expect(await recordOf(headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({
      kind: "end",
      task: task.task,
      chain: [agentId("first")],
    })
  })

  test("of what is not the agent's own changes nothing, and does not say so", async () => {
    const task = await openTask("first")
    const child = await openChild(task.token, "second")
    for (const [agent, token] of [
      ["second", task.token],
      ["first", child.token],
      ["first", "nonsense"],
    ] as const) {
      expect(await asked("revoke", agent, token)).toMatchObject({ status: 200, json: null })
    }
    expect((await callWith(task.token, "/files/a")).code).toBe("ok")
    expect((await callWith(child.token, "/files/a")).code).toBe("ok")
  })

  test("needs an agent", async () => {
    const { token } = await openTask("first")
    expect(await post("revoke", { token })).toMatchObject({ status: 401, json: { error: "invalid_client" } })
    expect((await callWith(token, "/files/a")).code).toBe("ok")
  })
})
