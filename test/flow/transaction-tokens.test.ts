/** What is behind a gateway is told of each allowed call, signed; of a refused one it is told nothing. */
import { env, exports } from "cloudflare:workers"
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet, type JWTVerifyResult } from "jose"
import { describe, expect, test, vi } from "vitest"
import { IDENTITY_HEADERS } from "../../src/gateway/answer.ts"
import { KeyRing, keyRing } from "../../src/signing/key-ring.ts"
import { exchangeForm, JWT_BEARER, openChild, openTask, postForm } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith, type ClientRequest } from "../harness/gateways.ts"
import { sha256Hex } from "../../src/core/encoding/hash.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { agentId, svid, US } from "../harness/issuers.ts"
import { manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { stop } from "../harness/switches.ts"

yardForEach()

const HEADER = "Txn-Token"
const json = { method: "PUT", headers: { "Content-Type": "application/json" } }

/** As an upstream does it: by what we publish, its own name, the type and the one issuer. */
async function verified(token: string | null, audience = "api.test", algorithms = ["ES256"]): Promise<JWTVerifyResult> {
  const keys: JSONWebKeySet = await (await exports.default.fetch(`${US}/.well-known/jwks.json`)).json()
  return jwtVerify(token ?? "", createLocalJWKSet(keys), { issuer: US, audience, algorithms, typ: "txntoken+jwt" })
}

const callAt = async (gateway: string, token: string, path: string, more: Partial<ClientRequest> = {}) =>
  callWith(token, path, more, gateway)

describe("an allowed call", () => {
  test("is told of to the gateway that wants it: who, for whom, what, of which task, by which decision", async () => {
    const { token, task } = await openTask("first")
    const answer = await callAt("telling", token, "/files/a", { ...json, body: '{"text":"hi"}' })
    expect(answer.status).toBe(200)
    const { payload, protectedHeader } = await verified(answer.headers.get(HEADER))
    expect(protectedHeader).toEqual({ alg: "ES256", typ: "txntoken+jwt", kid: expect.any(String) })
    // As the upstream computes it from what it gets.
    const arguments_hash = sha256Hex('{"file":"a","text":"hi"}')
    const iat = payload.iat ?? 0
    expect(Math.abs(Date.now() / 1000 - iat)).toBeLessThan(5)
    expect(payload).toEqual({
      iss: US,
      aud: "api.test",
      iat,
      exp: iat + 30,
      txn: task,
      sub: "https://idp.test|alice",
      scope: "files.write:write",
      req_wl: agentId("first"),
      tctx: { task, purpose: "work", tool: "files.write", decision: answer.decision, arguments_hash },
      rctx: { gateway: "telling", environment: "test" },
    })
  })

  test("tells no redacted argument by its hash, and says which it has left out", async () => {
    const { token } = await openTask("first")
    const answer = await callAt("telling", token, "/files/a", { ...json, body: '{"text":"hi","secret":"0417"}' })
    const { payload } = await verified(answer.headers.get(HEADER))
    expect(payload["tctx"]).toMatchObject({
      arguments_hash: sha256Hex('{"file":"a","text":"hi"}'),
      arguments_redacted: ["secret"],
    })
  })

  test("of anywhere in a tree is one transaction, with the calling agent as workload", async () => {
    const root = await openTask("first")
    const child = await openChild(root.token, "second")
    const other = await openTask("first")
    const told = await Promise.all(
      [root, child, other].map(async ({ token }) => {
        const { headers } = await callAt("telling", token, "/files/a")
        return decodeJwt(headers.get(HEADER) ?? "")
      }),
    )
    expect(told.map(({ txn }) => txn)).toEqual([root.task, root.task, other.task])
    expect(told.map(({ req_wl }) => req_wl)).toEqual(["first", "second", "first"].map(agentId))
    expect(told[1]?.["tctx"]).toMatchObject({ task: child.task, chain: ["second", "first"].map(agentId) })
    expect(told[0]?.["tctx"]).not.toHaveProperty("chain")
  })

  test("is told of by the other algorithm where the gateway says so, and of an agent alone as its own", async () => {
    const alone = {
      grant_type: "client_credentials",
      client_assertion: await svid("alone"),
      client_assertion_type: JWT_BEARER,
    }
    const { issued } = await postForm({ ...alone, audience: "https://api.test/", purpose: "alone" })
    const { headers } = await callAt("telling-eddsa", issued?.access_token ?? "", "/files")
    const { payload } = await verified(headers.get(HEADER), "spiffe://api.test", ["EdDSA"])
    expect(payload).toMatchObject({ sub: agentId("alone"), req_wl: agentId("alone"), scope: "files.list:read" })
    expect(payload["tctx"]).not.toHaveProperty("arguments_hash")
  })

  test("that the gateway asks about again is told of anew, as the same decision", async () => {
    const { token } = await openTask("first")
    const headers = { "X-Request-Id": "request-1" }
    const first = await callAt("telling-eddsa", token, "/files", { headers })
    const again = await callAt("telling-eddsa", token, "/files", { headers })
    expect(decodeJwt(again.headers.get(HEADER) ?? "")["tctx"]).toMatchObject({ decision: first.decision })
  })
})

describe("nothing is told, and what a client says itself is overwritten", () => {
  const OWN = { [HEADER]: "the client's own" }

  test("where the gateway wants no token", async () => {
    const { token } = await openTask("first")
    const { status, headers } = await callAt("envoy", token, "/files/a", { headers: OWN })
    expect([status, headers.get(HEADER)]).toEqual([200, ""])
  })

  test("by a gateway that does: every identity header is in every allow", async () => {
    const { token } = await openTask("first")
    const { headers } = await callAt("telling", token, "/files/a", { headers: OWN })
    for (const name of IDENTITY_HEADERS) expect(headers.has(name), name).toBe(true)
    expect((await verified(headers.get(HEADER))).payload["req_wl"]).toBe(agentId("first"))
  })

  // Before its ledger is asked, and by it.
  test.each([
    ["/forbidden", 403],
    ["/nowhere", 403],
    ["/vault/1", 403],
    ["/safe", 401],
  ])("of a refused call: %s", async (path, status) => {
    const { token } = await openTask("first", { scope: "files.*:read safe.*:read" })
    const refused = await callAt("telling", token, path, { headers: OWN })
    expect(refused.status).toBe(status)
    expect(refused.headers.has(HEADER)).toBe(false)
    // Let through all the same, of which nobody can be told that it was allowed.
    const watched = await callAt("telling-watch", token, path, { headers: OWN })
    expect([watched.status, watched.headers.get(HEADER)]).toEqual([200, ""])
  })
})

describe("where it cannot be signed", () => {
  test("the call is refused, recorded, and has consumed nothing; a gateway that wants none is not concerned", async () => {
    const { token, task } = await openTask("first")
    expect((await callAt("envoy", token, "/files/a")).code).toBe("ok")
    forgetCaches()
    vi.spyOn(KeyRing.prototype, "signingKey").mockImplementation(() => {
      throw new Error("out of reach, by a test")
    })
    const refused = await callAt("telling", token, "/files/a")
    expect(refused).toMatchObject({ status: 503, code: "unavailable" })
    expect(refused.headers.has(HEADER)).toBe(false)
    expect((await recordOf(refused.decision)).denial).toEqual({ reason: "signing_key_unavailable" })
    expect((await callAt("envoy", token, "/files/a")).code).toBe("ok")
    const { json } = await manage("GET", `/v1/tasks/${task}`, `Bearer ${token}`)
    expect(json).toMatchObject({ tasks: [{ calls: { used: 2 } }] })
  })

  test("with a key that has been pulled, another one signs", async () => {
    const { token } = await openTask("first")
    const kidTold = async (): Promise<string> => {
      const eddsa = await callAt("telling-eddsa", token, "/files")
      return (await verified(eddsa.headers.get(HEADER), "spiffe://api.test", ["EdDSA"])).protectedHeader.kid ?? ""
    }
    const kid = await kidTold()
    await keyRing(env).pull(kid)
    await stop({ kind: "key", kid })
    // What is published may be two seconds old.
    await vi.waitFor(async () => expect(await kidTold()).not.toBe(kid), { timeout: 5_000, interval: 200 })
  })
})

test("a transaction token opens nothing here", async () => {
  const { token, task } = await openTask("first")
  const told = (await callAt("telling", token, "/files/a")).headers.get(HEADER) ?? ""
  expect((await callWith(told, "/files/a")).code).toBe("invalid_token")
  expect((await manage("GET", `/v1/tasks/${task}`, `Bearer ${told}`)).status).toBe(401)
  const subject = { subject_token: told, subject_token_type: "urn:ietf:params:oauth:token-type:access_token" }
  expect((await postForm({ ...(await exchangeForm("first")), ...subject })).refused?.error).toBe("invalid_request")
  expect((await postForm({ ...(await exchangeForm("first")), actor_token: told })).refused?.error).toBe(
    "invalid_client",
  )
})
