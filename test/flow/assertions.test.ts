/** The JWT bearer grant (RFC 7523 2.1, ID-JAG): a task for a person whose session has never left their provider. */
import { decodeJwt } from "jose"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { AUDIENCE, JWT_BEARER, JWT_BEARER_GRANT, postForm, type Form, type TokenAnswer } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { agentId, idJag, IDP, svid, US, type Minting } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { stop } from "../harness/switches.ts"

yardForEach()

async function redeem(claims: NonNullable<Minting["claims"]> = {}, more: Form = {}): Promise<TokenAnswer> {
  return postForm({
    grant_type: JWT_BEARER_GRANT,
    assertion: await idJag("alice", { claims }),
    client_assertion: await svid("first"),
    client_assertion_type: JWT_BEARER,
    audience: AUDIENCE,
    ...more,
  })
}

async function issued(claims: NonNullable<Minting["claims"]> = {}, more: Form = {}) {
  const { issued, refused } = await redeem(claims, more)
  if (!issued) throw new Error(JSON.stringify(refused))
  return issued
}

const views = z.object({ tasks: z.array(z.looseObject({ opened_at: z.number(), expires_at: z.number() })) })

describe("an assertion", () => {
  test("opens a task for the person whom it is about, that its agent works on", async () => {
    const { access_token: token, issued_token_type, task } = await issued()
    expect(issued_token_type).toBeUndefined()
    expect(decodeJwt(token)).toMatchObject({ iss: US, sub: `${IDP}|alice`, client_id: agentId("first"), task })
    const called = await callWith(token, "/files/a")
    expect(called.code).toBe("ok")
    expect(await recordOf(called.decision)).toMatchObject({ user: `${IDP}|alice`, chain: [agentId("first")] })
  })

  test.each(["https://api.test", "https://api.test/"])(
    "may write its resource as %s, and so may the request: one resource is meant",
    async (resource) => {
      const { access_token: token } = await issued({ resource }, { audience: undefined, resource })
      expect(decodeJwt(token).aud).toBe(AUDIENCE)
      expect((await callWith(token, "/files/a")).code).toBe("ok")
    },
  )

  test("without groups gives no more than the rules give to this one person", async () => {
    // The one tool of the yard that everybody may have delegated.
    expect((await issued({ groups: undefined })).scope).toBe("files.forbidden:read")
  })

  test.each<readonly [string, string | undefined, string | undefined, string]>([
    ["what is asked for within it", "files.*:read files.write:write", "files.read:read", "files.read:read"],
    ["what of it is asked for more widely", "files.read:read", "files.*:read", "files.read:read"],
    ["all of it where nothing is asked for", "files.read:read chat.read", undefined, "files.read:read"],
    ["what is asked for, where it says nothing", undefined, "files.read:read", "files.read:read"],
  ])("gives %s", async (_what, allowed, scope, granted) => {
    expect((await issued({ scope: allowed }, { scope })).scope).toBe(granted)
  })

  test("bounds by its authorization_details: tools, arguments, calls", async () => {
    const details = [
      { type: "payment", amount: 5 },
      { type: "narrowgate_call", tools: ["files.*"], actions: ["read"], arguments: { file: { like: "a*" } }, calls: 2 },
    ]
    const own = {
      type: "narrowgate_call",
      tools: ["files.read"],
      actions: ["read"],
      arguments: { file: { max_length: 2 } },
    }
    const { access_token: token, scope } = await issued(
      { authorization_details: details },
      { authorization_details: JSON.stringify([own]) },
    )
    expect(scope).toBe("files.read:read")
    const codes = []
    for (const path of ["/files/b", "/files/abc", "/files/ab", "/files", "/files/a", "/files/a"]) {
      codes.push((await callWith(token, path)).code)
    }
    const short = "insufficient_scope"
    expect(codes).toEqual([short, short, "ok", short, "ok", "budget_exhausted"])
  })

  test("serves the purpose that it names, whether that is asked for or not, and no other", async () => {
    const tools = { type: "narrowgate_call", tools: ["files.*"], actions: ["read"] }
    const forErrand = { authorization_details: [{ ...tools, purpose: "errand" }] }
    for (const purpose of [undefined, "errand"]) {
      const { access_token: token } = await issued(forErrand, { purpose })
      expect(decodeJwt(token)["purpose"]).toBe("errand")
    }
    expect((await redeem(forErrand, { purpose: "brief" })).refused?.error).toBe("unauthorized_client")
    const forTwo = { authorization_details: [...forErrand.authorization_details, { ...tools, purpose: "brief" }] }
    expect((await redeem(forTwo)).refused?.error).toBe("invalid_grant")
  })

  test("opens a task that ends when its person's session is taken to have ended", async () => {
    const { task } = await issued({ iat: Math.floor(Date.now() / 1000) - 200 })
    const { json } = await manage("GET", `/v1/tasks/${task}`, await bearerOf("viewer"))
    const [view] = views.parse(json).tasks
    // The yard's issuer says ten minutes, as does the purpose: 200 seconds of them are over.
    expect((view?.expires_at ?? 0) - (view?.opened_at ?? 0)).toBeLessThanOrEqual(400_000)
    expect((view?.expires_at ?? 0) - (view?.opened_at ?? 0)).toBeGreaterThan(390_000)
  })

  test("about a stopped user, or issued before a user's stop, opens nothing", async () => {
    await stop({ kind: "user", user: `${IDP}|alice` }, Date.now() - 30_000)
    expect((await redeem({ iat: Math.floor(Date.now() / 1000) - 60 })).refused?.error).toBe("unauthorized_client")
    expect((await redeem()).status).toBe(200)
    await stop({ kind: "user", user: `${IDP}|alice` })
    expect((await redeem()).refused?.error).toBe("unauthorized_client")
  })

  test("that is fresher goes into a live task, one with a scope of its own does not", async () => {
    const now = Math.floor(Date.now() / 1000)
    const { task } = await issued({ auth_time: now - 100 })
    expect((await issued({ auth_time: now }, { task })).task).toBe(task)
    expect((await redeem({ auth_time: now + 10, scope: "files.*:read" }, { task })).refused?.error).toBe(
      "invalid_request",
    )
    expect((await redeem({ auth_time: now + 10, sub: "bob" }, { task })).refused?.error).toBe("invalid_request")
  })
})
