/** Promise 4 for counts that several task trees share: kept in an object of their own, lent to ledgers in blocks. */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit, Span } from "../../src/core/guardrails/limit-definition.ts"
import { Cells } from "../../src/core/guardrails/memory.ts"
import { LENDING_VERSION } from "../../src/core/guardrails/lending/lending.ts"
import { SharedLimit, sharedLimitOf } from "../../src/ledger/shared-limit.ts"
import { openTask, type OpenTask } from "../harness/agents.ts"
import { at } from "../harness/clock.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith, countOf, type GatewayAnswer } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { callsOf } from "../harness/ledgers.ts"
import { times } from "../harness/runs.ts"
import { recordOf } from "../harness/records.ts"

freshIsolateForEach()

const shared = (limit: number, more: Partial<Limit> = {}): Limit =>
  window({ id: "shared", tools: ["files.*", "mail.*"], per: "tree", limit, seconds: 60 }, { per: [], ...more })

async function guardedBy(...guardrails: readonly Guardrail[]): Promise<void> {
  const body = await yard()
  await publish({ ...body, guardrails: [...body.guardrails, ...guardrails] }, 2)
}

const DAY: Span = { kind: "fixed", seconds: 31 * 86_400 }
const BUCKET: Span = { kind: "bucket", seconds: 86_400, burst: 100 }
const ones = (count: number): readonly number[] => Array.from({ length: count }, () => 1)

const trees = async (count: number): Promise<readonly OpenTask[]> =>
  Promise.all(Array.from({ length: count }, async () => openTask("first", { purpose: "work" })))

/** Rules deny it, and only the ledger can tell. */
const MAIL = { method: "POST", body: '{"to":"a@b.c"}', headers: { "Content-Type": "application/json" } }

const list = async (task: OpenTask): Promise<GatewayAnswer> => callWith(task.token, "/files")
function taskAt(tasks: readonly OpenTask[], index: number): OpenTask {
  const task = tasks[index % tasks.length]
  if (!task) throw new Error("no tree was opened")
  return task
}

/** As its object has it. */
async function usedOf(key = "", guardrail = "shared"): Promise<number> {
  const stub = sharedLimitOf(env, guardrail, key)
  const take = {
    id: crypto.randomUUID(),
    holder: env.LEDGER.newUniqueId().toString(),
    amount: 1_000_000_000,
    want: 1_000_000_000,
    settled: [],
  }
  const limit = { ...shared(1), span: { kind: "sliding", seconds: 60 }, seq: 0 } as const
  return (await stub.take(LENDING_VERSION, { ...take, limit })).used
}

beforeEach(async () => {
  await publish(await yard())
})

describe("no over-admission by trees that share a limit", () => {
  test.each(times(1))("256 calls at once from 16 trees on a window of 50 admit 50 (%i)", async () => {
    await guardedBy(shared(50))
    const tasks = await trees(16)
    // All at one moment: on a busy machine what is lent would come too late to be used, and fewer would be admitted.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() })
    const answers = await Promise.all(Array.from({ length: 256 }, async (_, index) => list(taskAt(tasks, index))))
    expect(countOf(answers, "ok")).toBe(50)
    expect(countOf(answers, "rate_limited")).toBe(206)
    const counted = await Promise.all(tasks.map(async ({ task }) => callsOf(task)))
    // A denied call consumes nothing of its tree's either.
    expect(counted.reduce<number>((sum, calls) => sum + (calls ?? 0), 0)).toBe(50)
    expect(await usedOf()).toBe(50)
  })

  test("each value of the key has a count of its own", async () => {
    await guardedBy(shared(2, { per: ["tool"] }))
    const task = taskAt(await trees(1), 0)
    const answers = await Promise.all([1, 2, 3].flatMap(() => [list(task), callWith(task.token, "/files/a")]))
    expect(countOf(answers, "ok")).toBe(4)
    expect(countOf(answers, "rate_limited")).toBe(2)
  })

  test("a window that is refused takes nothing of another that had room", async () => {
    await guardedBy(shared(1), shared(50, { id: "wide" }))
    const tasks = await trees(4)
    const answers = await Promise.all(tasks.map(list))
    expect(countOf(answers, "ok")).toBe(1)
    await vi.waitFor(async () => expect(await usedOf("", "wide")).toBe(1))
  })

  test("a call that rules deny takes nothing", async () => {
    await guardedBy(shared(50))
    const task = taskAt(await trees(1), 0)
    await callWith(task.token, "/vault/x")
    expect((await callWith(task.token, "/mail", MAIL)).code).toBe("policy_denied")
    expect(await usedOf()).toBe(0)
  })

  test("of a window of which nothing was asked, nothing is said", async () => {
    await guardedBy(shared(50))
    const tasks = await trees(2)
    const [first, other] = [taskAt(tasks, 0), taskAt(tasks, 1)]
    for (let index = 0; index < 3; index++) await list(first)
    const denied = await callWith(other.token, "/mail", MAIL)
    expect(denied.code).toBe("policy_denied")
    for (const name of ["RateLimit", "RateLimit-Policy"]) {
      expect(denied.headers.get(name) ?? "").not.toContain('"shared"')
    }
    const { windows } = await recordOf(denied.headers.get("X-Narrowgate-Decision") ?? "")
    expect(windows.map(({ window }) => window)).not.toContain("shared")
    expect((await list(other)).headers.get("RateLimit")).toContain('"shared";r=46;')
  })

  test("a hot window asks its object once for many calls, and never admits more than there may be", async () => {
    await guardedBy(shared(100_000))
    const takes = vi.spyOn(SharedLimit.prototype, "take")
    const settles = vi.spyOn(SharedLimit.prototype, "settle")
    const tasks = await trees(4)
    let admitted = 0
    for (let round = 0; round < 20; round++) {
      const answers = await Promise.all(tasks.flatMap((task) => Array.from({ length: 25 }, async () => list(task))))
      admitted += countOf(answers, "ok")
    }
    expect(admitted).toBe(2_000)
    expect(admitted / (takes.mock.calls.length + settles.mock.calls.length)).toBeGreaterThanOrEqual(10)
    expect(await usedOf()).toBeGreaterThanOrEqual(2_000)
  })

  test("what is lent and not used comes back when the tree is quiet", async () => {
    await guardedBy(shared(1_000))
    const tasks = await trees(2)
    for (let index = 0; index < 9; index++) await Promise.all(tasks.map(list))
    await vi.waitFor(async () => expect(await usedOf()).toBe(18), { timeout: 8_000, interval: 200 })
  })

  test("… or busy with nothing but what is denied, or asked about", async () => {
    await guardedBy(shared(1_000))
    const [now, task] = [Date.now(), taskAt(await trees(1), 0)]
    at(now)
    for (let index = 0; index < 3; index++) await list(task)
    expect(await usedOf()).toBe(5)
    at(now + 2_100)
    expect((await callWith(task.token, "/mail", MAIL)).code).toBe("policy_denied")
    await vi.waitFor(async () => expect(await usedOf()).toBe(3), { timeout: 1_000, interval: 50 })
  })

  test("a crash with credit in hand costs it, for the span and no longer; it never admits more", async () => {
    await guardedBy(shared(200))
    at(Date.now())
    const tasks = await trees(2)
    let admitted = 0
    for (let index = 0; index < 40; index++) {
      const answers = await Promise.all(tasks.map(list))
      admitted += countOf(answers, "ok")
      if (index % 10 === 9) await killObjects()
    }
    expect(admitted).toBeLessThanOrEqual(200)
    for (let index = 0; index < 250; index++) admitted += countOf([await list(taskAt(tasks, index))], "ok")
    expect(admitted).toBeLessThanOrEqual(200)
    expect(admitted).toBeGreaterThan(150)
    at(Date.now() + 61_000)
    const later = await Promise.all(tasks.map(list))
    expect(countOf(later, "ok")).toBe(2)
  })

  test("an object out of reach: 503, nothing admitted, and its record says which limit it was", async () => {
    await guardedBy(shared(50))
    const task = taskAt(await trees(1), 0)
    vi.spyOn(SharedLimit.prototype, "take").mockRejectedValue(new Error("out of reach, by a test"))
    const answer = await list(task)
    expect(answer.code).toBe("unavailable")
    const record = await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")
    expect(record.denial).toEqual({ reason: "limit_unavailable", guardrail: "shared" })
    expect(await callsOf(task.task)).toBe(0)
  })

  test("what was granted long before it could be used is not used any more", async () => {
    const tight = shared(2, { id: "tight", of: { tools: ["files.*"] }, span: { kind: "sliding", seconds: 1 } })
    await guardedBy(tight, shared(50, { id: "slow", of: { tools: ["files.read"] } }))
    const tasks = await trees(2)
    const [early, late] = [taskAt(tasks, 0), taskAt(tasks, 1)]
    const slow = runInDurableObject(sharedLimitOf(env, "slow", ""), async (_object, context) =>
      context.blockConcurrencyWhile(async () => new Promise((resolve) => setTimeout(resolve, 1_200))),
    )
    const waiting = [1, 2].map(async () => callWith(early.token, "/files/a"))
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    // By now the two that were granted first count no more.
    const answers = [...(await Promise.all([list(late), list(late)])), ...(await Promise.all(waiting))]
    expect(countOf(answers, "ok")).toBeLessThanOrEqual(2)
    await slow
  }, 30_000)

  test("distinct values a day of one user, whichever of their trees names them", async () => {
    const recipients: Limit = {
      ...shared(2, { id: "recipients", topic: "budget", per: ["user"] }),
      of: { tools: ["mail.send"] },
      measure: { kind: "distinct", field: "arguments.to" },
      span: { kind: "fixed", seconds: 86_400 },
    }
    await guardedBy(recipients)
    const tasks = await trees(3)
    const mail = async (index: number, to: unknown): Promise<string | null> => {
      const body = JSON.stringify({ to })
      const asked = { method: "POST", body, headers: { "Content-Type": "application/json" } }
      return (await callWith(tasks[index]?.token ?? "", "/mail", asked)).code
    }
    expect(await mail(0, "a@example.org")).toBe("ok")
    expect(await mail(1, "b@example.org")).toBe("ok")
    expect(await mail(2, "c@example.org")).toBe("budget_exhausted")
    // One that counts already counts no more.
    expect(await mail(2, "a@example.org")).toBe("ok")
    expect(await mail(0, "c@example.org")).toBe("budget_exhausted")
  })

  const sum: Limit = shared(1_000_000, {
    id: "sum",
    topic: "budget",
    of: { tools: ["files.write"] },
    measure: { field: "arguments.amount", kind: "sum" },
  })
  const amountOf = (amount: number) => ({
    method: "PUT",
    body: JSON.stringify({ amount }),
    headers: { "Content-Type": "application/json" },
  })

  test.each<[string, Limit, readonly number[], number, number]>([
    ["a sum", sum, [90], 10, 10.0001],
    ["a sum, after many quick calls", sum, Array.from({ length: 30 }, () => 3), 10, 10.0001],
    ["calls", { ...sum, measure: { kind: "calls" }, limit: 100 }, ones(99), 1, 1],
    ["calls of a day", { ...sum, measure: { kind: "calls" }, limit: 3, span: DAY }, [1, 1], 1, 1],
    ["calls of a bucket", { ...sum, measure: { kind: "calls" }, limit: 100, span: BUCKET }, ones(99), 1, 1],
  ])("an exact fit is admitted, and not the least more: %s", async (_, limit, before, fits, exceeds) => {
    await guardedBy(limit)
    const tasks = await trees(2)
    const [first, other] = [taskAt(tasks, 0), taskAt(tasks, 1)]
    for (const amount of before) expect((await callWith(first.token, "/files/a", amountOf(amount))).code).toBe("ok")
    if (exceeds > fits) {
      for (const task of [first, other])
        expect((await callWith(task.token, "/files/a", amountOf(exceeds))).code).toBe("budget_exhausted")
    }
    expect((await callWith(first.token, "/files/a", amountOf(fits))).code).toBe("ok")
    for (const task of [first, other]) {
      expect((await callWith(task.token, "/files/a", amountOf(exceeds))).code).toBe("budget_exhausted")
    }
  })

  test.each([
    ["never fit", 3],
    ["do not fit any more", 150],
  ])("a denied call leaves nothing behind in its ledger: many values that %s", async (_, most) => {
    const values = shared(most, { of: { tools: ["files.write"] }, topic: "budget" })
    await guardedBy({ ...values, measure: { field: "arguments.to", kind: "distinct" } })
    const task = taskAt(await trees(1), 0)
    const credits = vi.spyOn(Cells.prototype, "set")
    const headers = { "Content-Type": "application/json" }
    for (let index = 0; index < 8; index++) {
      const to = Array.from({ length: 100 }, (_, place) => `${index} ${place}`)
      const answer = await callWith(task.token, "/files/a", { method: "PUT", body: JSON.stringify({ to }), headers })
      expect(answer.code).toBe(most > 100 && index === 0 ? "ok" : "budget_exhausted")
    }
    const memories = new Set(credits.mock.instances.filter((cells) => cells instanceof Cells))
    const left = [...memories].flatMap((cells) => [...cells]).filter(([owner]) => owner.startsWith("shared:"))
    expect(memories.size).toBeGreaterThan(0)
    expect(left).toEqual([])
  })

  test.each<[string, Partial<Limit>, number]>([
    ["a higher limit", { limit: 12 }, 12],
    ["a lower limit", { limit: 9 }, 9],
    ["a longer span", { span: { kind: "sliding", seconds: 3600 } }, 10],
    ["another kind of span", { span: DAY }, 10],
    ["a bucket", { span: { kind: "bucket", seconds: 86_400, burst: 11 } }, 11],
    ["other tools", { of: { tools: ["*"] } }, 10],
  ])("a bundle with other figures goes on from what counts: %s", async (_, more, most) => {
    await guardedBy(shared(10))
    const tasks = await trees(2)
    for (let index = 0; index < 8; index++) expect((await list(taskAt(tasks, index))).code).toBe("ok")
    const body = await yard()
    await publish({ ...body, guardrails: [...body.guardrails, shared(10, more)] }, 3)
    forgetCaches()
    let admitted = 8
    for (let index = 0; index < 8; index++) admitted += countOf([await list(taskAt(tasks, index))], "ok")
    expect(admitted).toBe(most)
  })

  test.each<[string, Partial<Limit>]>([
    ["another measure", { measure: { kind: "cost" } }],
    ["another key", { per: ["user"] }],
  ])("a bundle that counts something else begins anew: %s", async (_, more) => {
    await guardedBy(shared(3))
    const task = taskAt(await trees(1), 0)
    for (let index = 0; index < 3; index++) expect((await list(task)).code).toBe("ok")
    const body = await yard()
    await publish({ ...body, guardrails: [...body.guardrails, shared(3, more)] }, 3)
    forgetCaches()
    for (let index = 0; index < 3; index++) expect((await list(task)).code).toBe("ok")
    expect((await list(task)).code).toBe("rate_limited")
  })

  test("the object's own memory is durable before anybody is let through", async () => {
    await guardedBy(shared(50))
    const task = taskAt(await trees(1), 0)
    expect((await list(task)).code).toBe("ok")
    await killObjects()
    expect(await usedOf()).toBe(1)
    await runInDurableObject(sharedLimitOf(env, "shared", ""), (_object, { storage }) => {
      expect(storage.sql.exec("SELECT COUNT(*) AS n FROM blocks").one()["n"]).toBe(1)
    })
  })
})
