/** All trees of one person are in one ledger, which nobody finds by an id that was not given out. */
import { listDurableObjectIds } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { decodeJwt, SignJWT } from "jose"
import { describe, expect, test, vi } from "vitest"
import { readLocator } from "../../src/core/task/state.ts"
import { Ledger } from "../../src/ledger/ledger.ts"
import { signerOf } from "../../src/signing/signing-key.ts"
import { isOwnTaskId, ledgerOfTask, newTaskId } from "../../src/platform/task-id.ts"
import { childForm, exchangeForm, JWT_BEARER, openTask, openTaskFor, postForm } from "../harness/agents.ts"
import { redeem, refreshBy } from "../harness/browser.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { knock } from "../harness/door.ts"
import { callWith } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { agentId, IDP, svid, US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"

yardForEach()

/** At most twice a minute in each tree. */
async function twiceAMinute(): Promise<void> {
  const few = window({ id: "few", tools: ["files.list"], per: "tree", limit: 2, seconds: 60 })
  await publish({ ...(await yard()), guardrails: [few] })
  forgetCaches()
}

describe("a person's ledger", () => {
  test("has the trees of all their agents, and another person's has none of them", async () => {
    const [first, second, bob] = [await openTask("first"), await openTask("second"), await openTaskFor("bob")]
    expect(readLocator(second.task)).toBe(readLocator(first.task))
    expect(readLocator(bob.task)).not.toBe(readLocator(first.task))
    expect(readLocator(newTaskId(env, { issuer: IDP, subject: "alice" }, 0))).toBe(readLocator(first.task))
  })

  test("keeps its trees apart: the end of one is not the end of another, before and after it dies", async () => {
    const [one, two] = [await openTask("first"), await openTask("first")]
    const operator = await bearerOf("operator")
    expect((await manage("POST", "/v1/revocations", operator, {}, { task: one.task })).status).toBe(200)
    expect((await callWith(one.token, "/files")).code).toBe("invalid_token")
    expect((await callWith(two.token, "/files")).code).toBe("ok")
    await killObjects()
    expect((await callWith(one.token, "/files")).code).toBe("invalid_token")
    expect((await callWith(two.token, "/files")).code).toBe("ok")
  })

  test("counts what each tree has used by itself, before and after it dies", async () => {
    await twiceAMinute()
    const [one, two] = [await openTask("first"), await openTask("first")]
    const codes = async ({ token }: typeof one, times: number): Promise<readonly string[]> => {
      const found: string[] = []
      for (let index = 0; index < times; index++) found.push((await callWith(token, "/files")).code)
      return found
    }
    expect(await codes(one, 3)).toEqual(["ok", "ok", "rate_limited"])
    expect(await codes(two, 1)).toEqual(["ok"])
    await killObjects()
    expect(await codes(one, 1)).toEqual(["rate_limited"])
    expect(await codes(two, 2)).toEqual(["ok", "rate_limited"])
  })
})

/** A namespace of objects has a key of its own; that of another class stands for that of another deployment. */
const OTHER_KEY: Env["LEDGER"] = Object.create(env.LEDGER, {
  idFromName: { value: (name: string) => env.INBOX.idFromName(name) },
})
const idOf = (subject: string): string => newTaskId(env, { issuer: IDP, subject }, Date.now())

describe("an id that was not given out", () => {
  test.each<readonly [string, (own: string) => string]>([
    ["of another deployment", () => newTaskId({ LEDGER: OTHER_KEY }, { issuer: IDP, subject: "alice" }, Date.now())],
    ["with another person's locator", (own) => own.replace(readLocator(own), readLocator(idOf("bob")))],
    ["with another task's check", (own) => `${own.slice(0, -5)}${idOf("alice").slice(-5)}`],
    ["whose time differs", (own) => own.replace(/^tsk_0/, "tsk_1")],
    ["in lower case", (own) => own.replace(readLocator(own), readLocator(own).toLowerCase())],
    ["without its check", (own) => own.slice(0, -5)],
  ])("%s is nobody's, and touches no ledger", async (_what, changed) => {
    const { task, token } = await openTask("first")
    const foreign = changed(task)
    expect(isOwnTaskId(env, task)).toBe(true)
    expect([isOwnTaskId(env, foreign), ledgerOfTask(env, foreign)]).toEqual([false, null])
    const forged = await tokenFor(token, foreign)
    const objects = await listDurableObjectIds(env.LEDGER)
    const steps = stepsOfLedgers()
    const operator = await bearerOf("operator")
    const approval = "approvals/apr_01M8815EYFQTG02QXPPQ2N3ENA"
    const secret = "A".repeat(43)
    const proven = { client_assertion: await svid("first"), client_assertion_type: JWT_BEARER }
    const answers: Readonly<Record<string, Promise<{ readonly status: number }>>> = {
      show: manage("GET", `/v1/tasks/${foreign}`, operator),
      approvals: manage("GET", `/v1/tasks/${foreign}/approvals`, operator),
      approval: manage("GET", `/v1/tasks/${foreign}/${approval}`, operator),
      "own approval": manage("GET", `/v1/tasks/${foreign}/${approval}`, `Bearer ${token}`),
      "own task": manage("GET", `/v1/tasks/${foreign}`, `Bearer ${token}`),
      consent: manage("GET", `/v1/approvals/${foreign}`, operator),
      "answer to a consent": manage("POST", `/v1/approvals/${foreign}`, operator, {}, { approve: true }),
      "answer to an approval": manage("POST", `/v1/tasks/${foreign}/${approval}`, operator, {}, { approve: true }),
      quarantine: manage("POST", `/v1/tasks/${foreign}/quarantine`, operator),
      release: manage("POST", `/v1/tasks/${foreign}/release`, operator),
      complete: manage("POST", `/v1/tasks/${foreign}/complete`, operator),
      "own completion": manage("POST", `/v1/tasks/${foreign}/complete`, `Bearer ${token}`),
      labels: manage("POST", `/v1/tasks/${foreign}/labels/clear`, operator),
      revocation: manage("POST", "/v1/revocations", operator, {}, { task: foreign }),
      risk: manage("POST", "/v1/risks", operator, {}, { task: foreign, level: 50 }),
      code: redeem(`${foreign}.${secret}`),
      refresh: refreshBy(`${foreign}.${secret}.${secret}`),
      poll: postForm({
        grant_type: "urn:openid:params:grant-type:ciba",
        auth_req_id: `${foreign}.${secret}`,
        ...proven,
      }),
      "a fresher session": postForm({ ...(await exchangeForm("first")), task: foreign }),
      "a task below": postForm(await childForm(forged, "second")),
      "revocation of a refresh token": knock(formAt("/oauth/revoke", `${foreign}.${secret}.${secret}`, proven)),
      introspection: knock(formAt("/oauth/introspect", forged, proven)),
      call: callWith(forged, "/files"),
      "denied call": callWith(forged, "/nowhere"),
    }
    for (const [entry, answer] of Object.entries(answers)) {
      // These two say nothing of whether there is such a token (RFC 7009, section 2.2; RFC 7662, section 2.2).
      const isSilent = entry === "introspection" || entry === "revocation of a refresh token"
      const { status } = await answer
      expect([entry, status]).toEqual([entry, isSilent ? status : expect.toBeOneOf([400, 401, 403, 404])])
    }
    expect(steps().filter(([, asked]) => asked.includes(foreign))).toEqual([])
    expect(await listDurableObjectIds(env.LEDGER)).toEqual(objects)
    // The id that was given out is found in the same way.
    expect((await manage("GET", `/v1/tasks/${task}`, operator)).status).toBe(200)
    expect((await callWith(await tokenFor(token, task), "/files")).code).toBe("ok")
    expect(steps().filter(([, asked]) => asked.includes(task)).length).toBeGreaterThan(1)
  })
})

/** A token that our own key ring has signed, for another task. */
async function tokenFor(token: string, task: string): Promise<string> {
  const signer = await signerOf(env, "ES256", [], Date.now())
  if (!signer) throw new Error("there is no key")
  return new SignJWT({ ...decodeJwt(token), task })
    .setProtectedHeader({ alg: signer.alg, kid: signer.kid, typ: "at+jwt" })
    .sign(signer.key)
}

const formAt = (path: string, token: string, proven: Readonly<Record<string, string>>): Request =>
  new Request(`${US}${path}`, { method: "POST", body: new URLSearchParams({ ...proven, token }) })

/** Everything that any ledger is asked from now on: the method, and its arguments as text. */
function stepsOfLedgers(): () => readonly (readonly [method: string, asked: string])[] {
  const isMethod = (name: string): name is "decide" => name !== "constructor"
  const methods = Object.getOwnPropertyNames(Ledger.prototype).filter(isMethod)
  const spies = methods.map((name) => [name, vi.spyOn(Ledger.prototype, name)] as const)
  return () => spies.flatMap(([name, { mock }]) => mock.calls.map((asked) => [name, JSON.stringify(asked)] as const))
}

describe("an id that another task of the ledger has already", () => {
  test("opens nothing, and that task goes on as it was", async () => {
    const { task, token } = await openTask("first")
    expect((await callWith(token, "/files")).code).toBe("ok")
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { open } = Ledger.prototype
    const drawn = vi.spyOn(Ledger.prototype, "open").mockImplementation(async function (this: Ledger, ...asked) {
      const [version, pointer, , ...rest] = asked
      return open.call(this, version, pointer, task, ...rest)
    })
    for (const agent of ["first", "second"]) {
      const { status, refused } = await postForm(await exchangeForm(agent))
      expect([status, refused?.error]).toEqual([503, "temporarily_unavailable"])
    }
    expect(drawn).toHaveBeenCalledTimes(2)
    drawn.mockRestore()
    const { json } = await manage("GET", `/v1/tasks/${task}`, await bearerOf("viewer"))
    expect(json).toMatchObject({ tasks: [{ id: task, agent: agentId("first"), calls: { used: 1 } }] })
    expect((await callWith(token, "/files")).code).toBe("ok")
  })
})

test("a clock that was a day ahead is corrected: the person's next task is not refused until the day has come", async () => {
  await twiceAMinute()
  const real = Date.now()
  vi.useFakeTimers({ toFake: ["Date"], now: real + 86_400_000 })
  const { token } = await openTask("first")
  expect((await callWith(token, "/files")).code).toBe("ok")
  vi.setSystemTime(real + 1_000)
  const task = await openTask("first")
  const codes: string[] = []
  for (let index = 0; index < 3; index++) codes.push((await callWith(task.token, "/files")).code)
  expect(codes).toEqual(["ok", "ok", "rate_limited"])
  vi.setSystemTime(real + 62_000)
  expect((await callWith(task.token, "/files")).code).toBe("ok")
})
