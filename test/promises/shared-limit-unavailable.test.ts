/**
 * Promises 4 and 7 where the object of a shared limit fails or hangs, or an answer comes too late: a clear 503, few
 * requests, and nothing admitted or counted that the gateway does not hear of.
 */
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import { LENDING_VERSION, type TakeAnswer } from "../../src/core/guardrails/lending/lending.ts"
import { Ledger } from "../../src/ledger/ledger.ts"
import { SharedLimit, sharedLimitOf } from "../../src/ledger/shared-limit.ts"
import { openTask, type OpenTask } from "../harness/agents.ts"
import { at } from "../harness/clock.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { askAs, callWith, ORIGIN, type GatewayAnswer } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { callsOf } from "../harness/ledgers.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"

freshIsolateForEach()
beforeEach(async () => {
  await publish(await yard())
})

const shared = (limit: number, more: Partial<Limit> = {}): Limit =>
  window({ id: "shared", tools: ["files.*"], per: "tree", limit, seconds: 60 }, { per: [], ...more })

async function guardedBy(...guardrails: readonly Limit[]): Promise<OpenTask> {
  const body = await yard()
  await publish({ ...body, guardrails: [...body.guardrails, ...guardrails] }, 2)
  return openTask("first", { purpose: "work" })
}

const list = async ({ token }: OpenTask): Promise<GatewayAnswer> => callWith(token, "/files")
const listTimes = async (task: OpenTask, count: number): Promise<readonly GatewayAnswer[]> =>
  Promise.all(Array.from({ length: count }, async () => list(task)))

async function expectUnavailable(answer: GatewayAnswer): Promise<void> {
  expect([answer.code, answer.headers.get("Retry-After")]).toEqual(["unavailable", "5"])
  const record = await recordOf(answer.decision)
  expect(record.denial).toEqual({ reason: "limit_unavailable", guardrail: "shared" })
}

async function usedOf(): Promise<number> {
  const take = {
    id: crypto.randomUUID(),
    holder: env.LEDGER.newUniqueId().toString(),
    amount: 1_000_000,
    want: 1_000_000,
    settled: [],
  }
  const limit = { ...shared(1), span: { kind: "sliding", seconds: 60 }, seq: 0 } as const
  return (await sharedLimitOf(env, "shared", "").take(LENDING_VERSION, { ...take, limit })).used
}

/** Below 100 each call asks for itself, from there on calls ask for one another. */
describe.each([50, 1000])("the object of a limit of %i", (limit) => {
  test("that fails is asked once, and again by one call after a while; then all goes on", async () => {
    const task = await guardedBy(shared(limit))
    const start = Date.now()
    at(start)
    const takes = vi.spyOn(SharedLimit.prototype, "take").mockRejectedValue(new Error("out of reach, by a test"))
    await expectUnavailable(await list(task))
    expect(takes).toHaveBeenCalledTimes(1)
    for (const answer of await listTimes(task, 20)) await expectUnavailable(answer)
    expect(takes).toHaveBeenCalledTimes(1)
    at(start + 5_500)
    for (const answer of await listTimes(task, 20)) expect(answer.code).toBe("unavailable")
    expect(takes).toHaveBeenCalledTimes(2)
    expect(await callsOf(task.task)).toBe(0)
    takes.mockRestore()
    at(start + 11_000)
    expect((await list(task)).code).toBe("ok")
    expect((await listTimes(task, 5)).map(({ code }) => code)).toEqual(["ok", "ok", "ok", "ok", "ok"])
  })

  test("that hangs costs one call its time, and the others neither time nor requests", async () => {
    const task = await guardedBy(shared(limit))
    const takes = vi.spyOn(SharedLimit.prototype, "take").mockImplementation(async () => new Promise(() => undefined))
    await expectUnavailable(await list(task))
    expect(takes).toHaveBeenCalledTimes(1)
    for (const answer of await listTimes(task, 20)) await expectUnavailable(answer)
    expect(takes).toHaveBeenCalledTimes(1)
    expect(await callsOf(task.task)).toBe(0)
  })

  test("that answers after the gateway has given up has lent nothing: it is given back, and no call is admitted", async () => {
    const task = await guardedBy(shared(limit))
    const start = Date.now()
    at(start)
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { take } = SharedLimit.prototype
    const granted: (number | null)[] = []
    const takes = vi.spyOn(SharedLimit.prototype, "take").mockImplementation(async function (
      this: SharedLimit,
      version,
      asked,
    ) {
      const answer: TakeAnswer = await take.call(this, version, asked)
      granted.push(answer.granted)
      at(start + 10_000)
      return answer
    })
    expect((await list(task)).code).toBe("unavailable")
    expect(granted).toEqual([1])
    takes.mockRestore()
    expect(await callsOf(task.task)).toBe(0)
    await vi.waitFor(async () => expect(await usedOf()).toBe(0), { timeout: 5_000, interval: 100 })
  })

  test("whose grant is lost on its way has lent nothing either, once it can be told", async () => {
    const task = await guardedBy(shared(limit))
    const start = Date.now()
    at(start)
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { take } = SharedLimit.prototype
    const takes = vi.spyOn(SharedLimit.prototype, "take").mockImplementation(async function (
      this: SharedLimit,
      version,
      asked,
    ) {
      await take.call(this, version, asked)
      throw new Error("the connection was lost, by a test")
    })
    expect((await list(task)).code).toBe("unavailable")
    takes.mockRestore()
    await vi.waitFor(async () => expect(await usedOf()).toBe(0), { timeout: 8_000, interval: 100 })
  })

  test("that does not hear of what was used is told again a few times, not with each call", async () => {
    // What is granted to a call that another limit denies is given back.
    const task = await guardedBy(shared(limit), shared(1, { id: "narrow" }))
    const start = Date.now()
    at(start)
    expect((await list(task)).code).toBe("ok")
    const settles = vi.spyOn(SharedLimit.prototype, "settle").mockRejectedValue(new Error("out of reach, by a test"))
    for (const answer of await listTimes(task, 20)) expect(answer.code).toBe("rate_limited")
    expect(settles.mock.calls.length).toBeLessThanOrEqual(2)
  })
})

test("a call that it denies has used up its proof: nobody can send it again once the object answers", async () => {
  await guardedBy(shared(50))
  const key = await newProofKey()
  const { token, task } = await openTask("first", { purpose: "work" }, await proofForToken(key))
  const start = Date.now()
  at(start)
  const call = async (proof: string): Promise<GatewayAnswer> =>
    askAs("envoy", { path: "/files", headers: { Authorization: `DPoP ${token}`, DPoP: proof } })
  const seen = await proofOf(key, "GET", `${ORIGIN}/files`, token)
  const takes = vi.spyOn(SharedLimit.prototype, "take").mockRejectedValue(new Error("out of reach, by a test"))
  await expectUnavailable(await call(seen))
  takes.mockRestore()
  at(start + 5_500)
  const again = await call(seen)
  expect(again.code).toBe("invalid_token")
  expect((await recordOf(again.decision)).denial).toMatchObject({ reason: "proof_replayed" })
  expect(await callsOf(task)).toBe(0)
  expect((await call(await proofOf(key, "GET", `${ORIGIN}/files`, token))).code).toBe("ok")
})

test("a call that comes to its ledger after the gateway has given up is neither admitted nor counted", async () => {
  const task = await guardedBy()
  const start = Date.now()
  at(start)
  // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
  const { decide } = Ledger.prototype
  const decides = vi.spyOn(Ledger.prototype, "decide").mockImplementation(async function (this: Ledger, ...asked) {
    at(start + 5_000)
    return decide.apply(this, asked)
  })
  expect((await list(task)).code).toBe("unavailable")
  expect(await callsOf(task.task)).toBe(0)
  decides.mockRestore()
  expect((await list(task)).code).toBe("ok")
  expect(await callsOf(task.task)).toBe(1)
})

test("a call whose gateway has stopped waiting before its ledger is asked is not admitted", async () => {
  const task = await guardedBy(shared(50))
  const start = Date.now()
  forgetCaches()
  at(start)
  const { BUNDLES } = env
  const read = BUNDLES.get.bind(BUNDLES)
  // The process stands still while it reads the bundle.
  const get = vi.spyOn(BUNDLES, "get").mockImplementation(async (...asked: Parameters<typeof read>) => {
    at(start + 6_000)
    return read(...asked)
  })
  expect((await list(task)).code).toBe("unavailable")
  expect(get).toHaveBeenCalled()
  get.mockRestore()
  expect(await callsOf(task.task)).toBe(0)
  expect((await list(task)).code).toBe("ok")
})
