import { exports } from "cloudflare:workers"
import { decodeJwt, decodeProtectedHeader } from "jose"
import { describe, expect, test, vi } from "vitest"
import {
  AUDIENCE,
  ACCESS_TOKEN,
  childForm,
  exchangeForm,
  JWT_BEARER,
  openChild,
  openTask,
  postForm,
} from "../harness/agents.ts"
import { publish, starter } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs, callWith, ORIGIN } from "../harness/gateways.ts"
import { accessToken, agentId, IDP, idToken, svid, US } from "../harness/issuers.ts"
import { handedOver } from "./token-requests-to-refuse.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordsOf } from "../harness/records.ts"

yardForEach()

const now = (): number => Math.floor(Date.now() / 1000)

describe("token exchange", () => {
  test("an ID token and a workload identity become a delegation token (RFC 8693 2.2, RFC 9068 2.2)", async () => {
    const { status, headers, issued } = await postForm({ ...(await exchangeForm("first")), scope: "files.*:read" })
    expect(status).toBe(200)
    expect(headers.get("Cache-Control")).toBe("no-store")
    expect(issued).toMatchObject({ token_type: "Bearer", purpose: "work", issued_token_type: ACCESS_TOKEN })
    expect(issued?.expires_in).toBeGreaterThan(295)
    const token = issued?.access_token ?? ""
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: "ES256", typ: "at+jwt" })
    const claims = decodeJwt(token)
    expect(claims).toMatchObject({
      iss: US,
      sub: `${IDP}|alice`,
      aud: AUDIENCE,
      client_id: agentId("first"),
      act: { sub: agentId("first") },
      task: issued?.task,
      purpose: "work",
    })
    expect(claims).not.toHaveProperty("cnf")
    expect(Number(claims.exp) - Number(claims.iat)).toBeLessThanOrEqual(300)
    expect(issued?.scope).toBe(claims["scope"])
  })

  test("an access token of the provider for us, given to a known client, is a session too", async () => {
    const subject = { subject_token: await accessToken("alice", "app"), subject_token_type: ACCESS_TOKEN }
    expect((await postForm({ ...(await exchangeForm("first")), ...subject })).status).toBe(200)
  })

  test.each(["openid", "openid email profile", "offline_access", " profile "])(
    "of OpenID's scopes alone (%s) is as if it named none, and beside a tool's they are ignored",
    async (openid) => {
      const scopeFor = async (scope?: string): Promise<string | undefined> =>
        (await postForm({ ...(await exchangeForm("first")), scope })).issued?.scope
      expect(await scopeFor(openid)).toBe(await scopeFor())
      expect(await scopeFor(`${openid} files.read:read`)).toBe("files.read:read")
    },
  )

  test("the identity may come as client assertion, the audience as resource", async () => {
    const { actor_token, actor_token_type, audience, ...form } = await exchangeForm("first")
    expect([actor_token, actor_token_type, audience]).not.toContain(undefined)
    const assertion = { client_assertion: await svid("first"), client_assertion_type: JWT_BEARER }
    const target = { resource: AUDIENCE, client_id: agentId("first") }
    expect((await postForm({ ...form, ...assertion, ...target })).status).toBe(200)
    const twice = { resource: [AUDIENCE, AUDIENCE], audience: AUDIENCE }
    expect((await postForm({ ...form, ...assertion, ...twice })).status).toBe(200)
  })

  test("client_credentials: a task without a user", async () => {
    const form = { grant_type: "client_credentials", audience: AUDIENCE, purpose: "alone" }
    const assertion = { client_assertion: await svid("alone"), client_assertion_type: JWT_BEARER }
    const { issued } = await postForm({ ...form, ...assertion })
    expect(issued).not.toHaveProperty("issued_token_type")
    expect(decodeJwt(issued?.access_token ?? "")).toMatchObject({ sub: agentId("alone"), client_id: agentId("alone") })
    const answer = await callWith(issued?.access_token ?? "", "/files/a")
    expect([answer.code, answer.headers.get("X-Narrowgate-User")]).toEqual(["ok", ""])
  })

  test("with a proof the token is bound, and opens nothing without it", async () => {
    const holder = await newProofKey()
    const { issued } = await postForm(await exchangeForm("bound"), { DPoP: await proofForToken(holder) })
    expect(issued?.token_type).toBe("DPoP")
    const token = issued?.access_token ?? ""
    expect(decodeJwt(token)["cnf"]).toEqual({ jkt: holder.jkt })
    expect((await callWith(token, "/files/a")).code).toBe("invalid_token")
    const proof = await proofOf(holder, "GET", `${ORIGIN}/files/a`, token)
    expect(
      (await askAs("envoy", { path: "/files/a", headers: { Authorization: `DPoP ${token}`, DPoP: proof } })).code,
    ).toBe("ok")
  })

  test("a proof is for us by our own name, whatever host a request is sent to", async () => {
    const holder = await newProofKey()
    const sent = async (host: string, htu: string) => {
      const body = new URLSearchParams()
      for (const [name, value] of Object.entries(await exchangeForm("first"))) body.append(name, String(value))
      const headers = { DPoP: await proofOf(holder, "POST", htu, null) }
      const answer = await exports.default.fetch(new Request(`${host}/oauth/token`, { method: "POST", headers, body }))
      return [answer.status, answer.headers.get("X-Narrowgate-Code")]
    }
    const [evil, token] = ["https://evil.test", "/oauth/token"]
    expect(await sent(evil, evil + token)).toEqual([400, "invalid_dpop_proof"])
    expect(await sent(US, evil + token)).toEqual([400, "invalid_dpop_proof"])
    expect((await sent(evil, US + token))[0]).toBe(200)
  })

  test("the same agent with a live token renews: the same task, another token, both alive", async () => {
    const task = await openTask("first", { scope: "files.*:read" })
    const again = await openChild(task.token, "first")
    expect([again.task, again.scope]).toEqual([task.task, task.scope])
    expect(decodeJwt(again.token).jti).not.toBe(decodeJwt(task.token).jti)
    expect([(await callWith(task.token, "/files")).code, (await callWith(again.token, "/files")).code]).toEqual([
      "ok",
      "ok",
    ])
  })

  test("renewals never outlive task and session", async () => {
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"] })
    vi.setSystemTime(start)
    let { token, task } = await openTask("first", { purpose: "work" })
    for (const seconds of [250, 500]) {
      vi.setSystemTime(start + seconds * 1000)
      const renewed = await openChild(token, "first")
      expect(renewed.task).toBe(task)
      ;({ token } = renewed)
      expect(Number(decodeJwt(token).exp) * 1000).toBeLessThanOrEqual(start + 600_000)
    }
    vi.setSystemTime(start + 601_000)
    expect((await callWith(token, "/files")).code).toBe("invalid_token")
    expect((await postForm(await childForm(token, "first"))).status).toBe(400)
  })

  test("a child may be a bound one: its key is proven, its task numbered below", async () => {
    const root = await openTask("first")
    const holder = await newProofKey()
    const child = await openChild(root.token, "bound", {}, await proofForToken(holder))
    const second = await openChild(root.token, "second")
    expect([child.task, second.task]).toEqual([`${root.task}.1`, `${root.task}.2`])
    expect(decodeJwt(child.token)["cnf"]).toEqual({ jkt: holder.jkt })
  })

  test("authorization_details bound arguments, sensitivity and calls", async () => {
    const bounds = { file: { in: ["a", "b"], max_length: 1 } }
    const wanted = { tools: ["files.*"], actions: ["read"], max_sensitivity: "internal", arguments: bounds, calls: 2 }
    const task = await openTask("first", {
      authorization_details: JSON.stringify([{ type: "narrowgate_call", ...wanted }]),
    })
    const codes = []
    for (const path of ["/files/c", "/files/a", "/files/b", "/files/a"])
      codes.push((await callWith(task.token, path)).code)
    expect(codes).toEqual(["insufficient_scope", "ok", "ok", "budget_exhausted"])
  })

  test("issuing is recorded with the task, in its ledger", async () => {
    const root = await openTask("first")
    const child = await openChild(root.token, "second")
    const [record] = await recordsOf(child.task, 1)
    expect(record).toMatchObject({
      kind: "exchange",
      decision: "allow",
      code: "ok",
      life: 1,
      number: 2,
      user: `${IDP}|alice`,
    })
    expect(record?.chain).toEqual([agentId("first"), agentId("second")])
  })

  test("only POST is answered, and a session about to end gives a token that ends with it", async () => {
    expect((await exports.default.fetch(`${US}/oauth/token`)).status).toBe(405)
    const exp = now() + 30
    const task = await openTask("first", { subject_token: await idToken("alice", { claims: { exp } }) })
    expect(decodeJwt(task.token).exp).toBe(exp)
  })
})

describe("policies/, which the demo runs on", () => {
  const audience = "https://api.example"
  const support = (user: string, groups: readonly string[]) => ({
    token: async () =>
      idToken(user, { claims: { iss: "http://127.0.0.1:8788", aud: "narrowgate-app", groups: [...groups] } }),
  })

  test("a person of support gets a task for the support agent, an outsider gets none", async () => {
    await publish(await starter(), 2)
    const form = { ...(await exchangeForm("support")), audience }
    const subject_token = await support("ann", ["support"]).token()
    const { issued } = await postForm({ ...form, subject_token })
    expect(issued?.purpose).toBe("triage-ticket")
    expect(issued?.scope.split(" ")).toContain("crm.tickets.*:read")
    const eve = await postForm({ ...form, subject_token: await support("eve", []).token() })
    expect(eve.refused?.error).toBe("invalid_scope")
  })
})

describe("a bound task", () => {
  test("goes to another agent with a hand-over by its key, to that agent's key, and to no more than it had", async () => {
    const answer = await handedOver({})()
    expect(answer.issued).toMatchObject({ token_type: "DPoP" })
    expect(answer.issued?.task).toMatch(/\.1$/)
  })
})
