import { env, exports } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { yardForEach } from "../harness/each-test.ts"
import { window } from "../harness/guardrails.ts"
import { KeyRing } from "../../src/signing/key-ring.ts"
import { Ledger } from "../../src/ledger/ledger.ts"
import { RecordNumbers } from "../../src/ledger/record-numbers.ts"
import { LedgerStorage } from "../../src/ledger/storage.ts"
import { RecordLog } from "../../src/audit/record-log.ts"
import { exchangeForm, openTask, postForm } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { callWith, carried, HTTP_DIALECTS } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { callsOf } from "../harness/ledgers.ts"
import { US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

const broken = (): never => {
  throw new Error("an inner failure, by a test")
}
async function expectRefused(token: string): Promise<void> {
  for (const gateway of HTTP_DIALECTS) {
    const answer = await callWith(token, "/files/a", {}, gateway)
    // Where no 503 can be carried, it must not become a 2xx.
    expect([gateway, answer.status]).toEqual([gateway, carried(gateway, 503)])
    expect(answer.code).toBe("unavailable")
    expect(answer.headers.get("Retry-After")).toBe("5")
  }
}

describe("fail closed", () => {
  test("the ledger throws", async () => {
    const { token } = await openTask()
    vi.spyOn(Ledger.prototype, "decide").mockImplementation(broken)
    await expectRefused(token)
  })

  test("the ledger does not answer in time", async () => {
    const { token, task } = await openTask()
    vi.spyOn(Ledger.prototype, "decide").mockImplementation(async () => new Promise<never>(() => undefined))
    const before = Date.now()
    const answers = await Promise.all(HTTP_DIALECTS.map(async (gateway) => callWith(token, "/files/a", {}, gateway)))
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set(["unavailable"]))
    expect(Date.now() - before).toBeLessThan(9_000)
    vi.restoreAllMocks()
    expect(await callsOf(task)).toBe(0)
  }, 15_000)

  test("the ledger speaks another version", async () => {
    const { token } = await openTask()
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { decide } = Ledger.prototype
    vi.spyOn(Ledger.prototype, "decide").mockImplementation(async function (
      this: Ledger,
      version,
      pointer,
      ask,
      until,
    ) {
      return decide.call(this, version + 1, pointer, ask, until)
    })
    await expectRefused(token)
  })

  test("an allow that cannot be written down is no allow, and is not counted", async () => {
    const { token, task } = await openTask()
    vi.spyOn(LedgerStorage.prototype, "saveChange").mockImplementation(broken)
    await expectRefused(token)
    vi.restoreAllMocks()
    expect(await callsOf(task)).toBe(0)
    for (let index = 0; index < 3; index++) expect((await callWith(token, "/thrice")).code).toBe("ok")
    expect((await callWith(token, "/thrice")).code).toBe("rate_limited")
  })

  test("a step that fails half-way leaves memory as storage is", async () => {
    const { token, task } = await openTask("first", { scope: "mail.send:write vault.*:read thrice.*:read" })
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { saveChange } = LedgerStorage.prototype
    vi.spyOn(LedgerStorage.prototype, "saveChange").mockImplementation(function (this: LedgerStorage, state, change) {
      saveChange.call(this, state, change)
      return broken()
    })
    expect((await callWith(token, "/vault/1")).code).toBe("unavailable")
    expect((await callWith(token, "/thrice")).code).toBe("unavailable")
    vi.restoreAllMocks()
    await killObjects()
    expect(await callsOf(task)).toBe(0)
    for (let index = 0; index < 3; index++) expect((await callWith(token, "/thrice")).code).toBe("ok")
  })

  test("credit of a step that failed is not used: after a crash nothing is admitted twice", async () => {
    const body = await yard()
    // From a limit of 200 on, two admissions are written down at once.
    const guardrails = [window({ id: "pairs", tools: ["files.*"], per: "tree", limit: 200, seconds: 3600 })]
    await publish({ ...body, guardrails }, 2)
    forgetCaches()
    const { token } = await openTask()
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { saveChange } = LedgerStorage.prototype
    vi.spyOn(LedgerStorage.prototype, "saveChange").mockImplementation(function (this: LedgerStorage, state, change) {
      saveChange.call(this, state, change)
      return broken()
    })
    expect((await callWith(token, "/files")).code).toBe("unavailable")
    vi.restoreAllMocks()
    expect((await callWith(token, "/files")).code).toBe("ok")
    await killObjects()
    let admitted = 1
    while ((await callWith(token, "/files")).code === "ok") admitted += 1
    expect(admitted).toBeLessThanOrEqual(200)
    expect(admitted).toBeGreaterThanOrEqual(198)
  })

  test("the record of a write cannot be kept: the write is not allowed", async () => {
    const { token } = await openTask("first", { scope: "files.*:write" })
    vi.spyOn(RecordNumbers.prototype, "next").mockImplementation(broken)
    const write = { method: "PUT", body: "{}", headers: { "Content-Type": "application/json" } }
    expect((await callWith(token, "/files/a", write)).code).toBe("unavailable")
  })

  test("the record log is out of reach: calls are decided, what must not be lost waits", async () => {
    const { token } = await openTask("first", { scope: "files.*:write" })
    vi.spyOn(RecordLog.prototype, "append").mockImplementation(broken)
    const write = { method: "PUT", body: "{}", headers: { "Content-Type": "application/json" } }
    const answer = await callWith(token, "/files/a", write)
    expect(answer.code).toBe("ok")
    await new Promise((resolve) => setTimeout(resolve, 400))
    vi.restoreAllMocks()
    expect((await callWith(token, "/files/b", write)).code).toBe("ok")
    expect(await recordOf(answer.decision)).toMatchObject({ code: "ok", action: "write" })
  })

  test("the key ring is out of reach: no token is taken, none is issued", async () => {
    const { token } = await openTask()
    forgetCaches()
    vi.spyOn(KeyRing.prototype, "publicKeys").mockImplementation(broken)
    vi.spyOn(KeyRing.prototype, "signingKey").mockImplementation(broken)
    await expectRefused(token)
    const body = new URLSearchParams(
      Object.entries(await exchangeForm("first")).map(([name, value]) => [name, String(value)]),
    )
    const response = await exports.default.fetch(new Request(`${US}/oauth/token`, { method: "POST", body }))
    expect(response.status).toBe(503)
    expect(await response.text()).not.toMatch(/access_token|an inner failure|\.[jt]s:/)
  })

  test("no bundle: nothing is decided, issued or shown, and readiness says so", async () => {
    const { token, task } = await openTask()
    const operator = await bearerOf("operator")
    for (const { name } of (await env.BUNDLES.list()).keys) await env.BUNDLES.delete(name)
    forgetCaches()
    const answer = await callWith(token, "/files/a")
    expect([answer.status, answer.code]).toEqual([403, "unavailable"])
    expect((await callWith(token, "/files/a", {}, "traefik")).status).toBe(503)
    expect((await postForm(await exchangeForm("first"))).refused?.error).toBe("temporarily_unavailable")
    expect((await manage("GET", `/v1/tasks/${task}`, operator)).status).toBe(503)
    expect((await manage("POST", `/v1/tasks/${task}/complete`, `Bearer ${token}`)).status).toBe(503)
    expect((await manage("GET", "/readyz", null)).status).toBe(503)
    expect((await manage("GET", "/healthz", null)).status).toBe(200)
  })

  test("a newer bundle takes effect for new tasks; what an open one was granted stays frozen", async () => {
    const body = await yard()
    const purposes = body.purposes.map((purpose) => ({ ...purpose, grant: { ...purpose.grant, tools: [] } }))
    const { token } = await openTask()
    await publish({ ...body, purposes }, 2)
    forgetCaches()
    expect((await postForm(await exchangeForm("first"))).refused?.error).toBe("invalid_scope")
    expect((await callWith(token, "/files/a")).code).toBe("ok")
  })
})
