import { describe, expect, test, vi } from "vitest"
import { exchangeForm, openChild, openTask, postForm, type Form, type OpenTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs, type GatewayAnswer } from "../harness/gateways.ts"
import { idToken } from "../harness/issuers.ts"
import { newProofKey, proofForToken, proofOf, type ProofKey } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"

const seconds = (): number => Math.floor(Date.now() / 1000)

/** A login some time ago. */
async function login(ago: number, more: Readonly<Record<string, unknown>> = {}, user = "alice"): Promise<string> {
  return idToken(user, { claims: { auth_time: seconds() - ago, ...more } })
}

const call = async ({ token }: OpenTask, path: string, method = "GET"): Promise<GatewayAnswer> =>
  askAs("envoy", { method, path, headers: { Authorization: `Bearer ${token}` } })
const challenge = ({ headers }: GatewayAnswer): string => headers.get("WWW-Authenticate") ?? ""

async function freshened(task: OpenTask, session: string, more: Form = {}): Promise<OpenTask> {
  const form = { ...(await exchangeForm("first")), subject_token: session, task: task.task, ...more }
  const { issued, refused } = await postForm(form)
  if (!issued) throw new Error(JSON.stringify(refused))
  return { token: issued.access_token, task: issued.task, scope: issued.scope }
}

// A ledger whose clock a test has moved ahead requires the nonce of proofs afterwards.
yardForEach()

describe("step-up (RFC 9470)", () => {
  test("a stronger login is asked for, and brought into the same task", async () => {
    const task = await openTask("first", { subject_token: await login(1000, { acr: "pwd" }) })
    const refused = await call(task, "/safe")
    expect(refused).toMatchObject({ status: 401, code: "step_up_required" })
    expect(challenge(refused)).toMatch(/^Bearer error="insufficient_user_authentication", acr_values="mfa", resource_/)
    expect(await recordOf(refused.decision)).toMatchObject({
      code: "step_up_required",
      denial: { reason: "step_up_required", acr_values: "mfa", max_age: null },
      rules: ["safe-needs-mfa"],
    })
    const again = await freshened(task, await login(0, { acr: "mfa" }))
    expect(again.task).toBe(task.task)
    expect(again.scope).toBe(task.scope)
    expect((await call(again, "/safe")).code).toBe("ok")
    // It is the task that has the fresher session, not the token.
    expect((await call(task, "/safe")).code).toBe("ok")
  })

  test("a fresher login is asked for by age, and grows old again", async () => {
    const task = await openTask("first", { subject_token: await login(301) })
    const refused = await call(task, "/safe/copper", "POST")
    expect(challenge(refused)).toContain('error="insufficient_user_authentication", max_age="300"')
    const again = await freshened(task, await login(290))
    expect((await call(again, "/safe/copper", "POST")).code).toBe("ok")
  })

  test("a login that takes longer than a token lives still serves its task, by the key that it has", async () => {
    const start = Date.now()
    const holder = await newProofKey()
    const [plain, bound] = [
      await openTask("first", { subject_token: await login(1000) }),
      await openTask("first", { subject_token: await login(1000) }, await proofForToken(holder)),
    ]
    vi.useFakeTimers({ now: start + 301_000, toFake: ["Date"] })
    expect((await call(plain, "/safe")).code).toBe("invalid_token")
    const again = await freshened(plain, await login(0, { acr: "mfa" }))
    expect((await call(again, "/safe")).code).toBe("ok")
    const session = { subject_token: await login(0, { acr: "mfa" }), task: bound.task }
    const form = { ...(await exchangeForm("first")), ...session }
    expect((await postForm(form)).refused?.error).toBe("invalid_request")
    expect((await postForm(form, { DPoP: await proofForToken(holder) })).status).toBe(200)
    vi.useRealTimers()
  })

  test("of two that forbid, the challenge lifts both", async () => {
    const task = await openTask("first", { subject_token: await login(1000) })
    expect(challenge(await call(task, "/safe/gold", "POST"))).toContain('acr_values="mfa", max_age="60"')
  })

  test("nothing is asked for where it would be in vain", async () => {
    const task = await openTask("first", { subject_token: await login(1000) })
    expect(await call(task, "/safe/lead", "POST")).toMatchObject({ status: 403, code: "policy_denied" })
    // A chain of which one agent is not permitted is not helped by its user.
    const child = await openChild(task.token, "second", {})
    expect((await call(child, "/safe")).code).not.toBe("step_up_required")
    // Nor is a junior, whom another rule forbids to write.
    const junior = await openTask("first", { subject_token: await login(1000, { groups: [] }, "carl") })
    expect((await call(junior, "/safe")).code).not.toBe("step_up_required")
  })

  test("an agent without a user is not asked", async () => {
    const form = { grant_type: "client_credentials", subject_token: undefined, subject_token_type: undefined }
    const alone = await openTask("alone", form)
    expect((await call(alone, "/safe")).code).toBe("insufficient_scope")
  })

  test("a bound token's challenge is a bound one's, and its task wants the key", async () => {
    const holder = await newProofKey()
    const session = { subject_token: await login(1000) }
    const task = await openTask("first", session, await proofForToken(holder))
    const asked = async ({ token }: OpenTask): Promise<GatewayAnswer> => {
      const DPoP = await proofOf(holder, "GET", "https://api.test/safe", token)
      return askAs("envoy", { path: "/safe", headers: { Authorization: `DPoP ${token}`, DPoP } })
    }
    expect(challenge(await asked(task))).toMatch(/^DPoP error="insufficient_user_authentication"/)
    const form = { ...(await exchangeForm("first")), subject_token: await login(0, { acr: "mfa" }), task: task.task }
    const { issued } = await postForm(form, { DPoP: await proofForToken(holder) })
    expect(issued).toMatchObject({ token_type: "DPoP", task: task.task })
    expect((await asked(task)).code).toBe("ok")
  })

  describe("where a rule wants a bound token (RFC 9449)", () => {
    const provenCall = async ({ token }: OpenTask, holder: ProofKey, path: string): Promise<GatewayAnswer> => {
      const DPoP = await proofOf(holder, "POST", `https://api.test${path}`, token)
      return askAs("envoy", { method: "POST", path, headers: { Authorization: `DPoP ${token}`, DPoP } })
    }

    test("the challenge asks for one, and the token can be traded for one of the same task", async () => {
      const task = await openTask("first", { subject_token: await login(0) })
      const refused = await call(task, "/safe/bronze", "POST")
      expect(refused).toMatchObject({ status: 401, code: "invalid_token" })
      expect(challenge(refused)).toMatch(/^DPoP error="invalid_token", algs="ES256[^"]*", resource_metadata="[^"]+"$/)
      expect(await recordOf(refused.decision)).toMatchObject({
        denial: { reason: "bound_key_required" },
        rules: ["safe-fill-bronze-by-key"],
      })
      const holder = await newProofKey()
      const traded = await openChild(task.token, "first", {}, await proofForToken(holder))
      expect(traded.task).toBe(task.task)
      expect((await provenCall(traded, holder, "/safe/bronze")).code).toBe("ok")
    })

    test("and a login as well, the challenge is for both", async () => {
      const task = await openTask("first", { subject_token: await login(1000) })
      const refused = await call(task, "/safe/bronze", "POST")
      expect(refused.code).toBe("step_up_required")
      expect(challenge(refused)).toMatch(/^DPoP error="insufficient_user_authentication", max_age="300"/)
      const holder = await newProofKey()
      const bound = await openTask("first", { subject_token: await login(1000) }, await proofForToken(holder))
      expect((await provenCall(bound, holder, "/safe/bronze")).code).toBe("step_up_required")
    })
  })

  test("what a login proved ends with its session, the task does not", async () => {
    const task = await openTask("first", { subject_token: await login(1000) })
    const again = await freshened(task, await login(0, { acr: "mfa", exp: seconds() + 100 }))
    expect((await call(again, "/safe")).code).toBe("ok")
    vi.useFakeTimers({ toFake: ["Date"] })
    vi.setSystemTime(Date.now() + 101_000)
    expect((await call(task, "/safe")).code).toBe("step_up_required")
    expect((await call(task, "/files/a")).code).toBe("ok")
    vi.useRealTimers()
  })

  test("the whole tree has the fresher session", async () => {
    const task = await openTask("first", { subject_token: await login(1000) })
    const bound = await newProofKey()
    const child = await openChild(task.token, "bound", {}, await proofForToken(bound))
    await freshened(task, await login(0, { acr: "mfa" }))
    const DPoP = await proofOf(bound, "GET", "https://api.test/files/a", child.token)
    const headers = { Authorization: `DPoP ${child.token}`, DPoP }
    const { decision, code } = await askAs("envoy", { path: "/files/a", headers })
    expect(code).toBe("ok")
    expect((await recordOf(decision)).user).toContain("alice")
  })
})
