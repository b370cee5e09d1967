/**
 * A clock that is a day wrong, ahead or behind, as a ledger or an isolate may have it. What was acknowledged before the
 * jump holds during it, and after the clock has come back.
 */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { describe, expect, test, vi } from "vitest"
import type { Ledger } from "../../src/ledger/ledger.ts"
import { Outbox } from "../../src/ledger/record-outbox.ts"
import { exchangeForm, openChild, openTask, postForm, type OpenTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { agentId } from "../harness/issuers.ts"
import { ledgerOf } from "../harness/ledgers.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

const DAY_MS = 24 * 3_600_000

yardForEach()

const allowed = async ({ token }: OpenTask, path = "/files"): Promise<boolean> =>
  (await callWith(token, path)).code === "ok"

/** Does the same while the clock is wrong, and once it is right again, each with the objects' memory and without it. */
async function throughJump(by: number, act: (what: string) => Promise<void>): Promise<void> {
  const start = Date.now()
  vi.useFakeTimers({ toFake: ["Date"], now: start + by })
  await act("while it is wrong")
  await killObjects()
  forgetCaches()
  await act("while it is wrong, from storage")
  vi.setSystemTime(start + 1_000)
  await act("right again")
  await killObjects()
  forgetCaches()
  await act("right again, from storage")
}

describe.each([
  ["ahead", DAY_MS],
  ["behind", -DAY_MS],
] as const)("a clock that is a day %s", (_where, by) => {
  test("ended is ended: a task that was ended, or is below one, stays so", async () => {
    const [root, other] = [await openTask(), await openTask()]
    const child = await openChild(root.token, "second")
    await complete(root.task, `Bearer ${root.token}`)
    await throughJump(by, async (what) => {
      for (const task of [root, child]) expect(await allowed(task), what).toBe(false)
    })
    // Where the platform's clock was behind, the ledger's was ahead of it, and what it had given was cut short.
    expect(await allowed(by > 0 ? other : await openTask())).toBe(true)
  })

  test("ended is ended: a switch holds until an operator lifts it", async () => {
    const task = await openTask()
    const stopped = await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, { agent: agentId("first") })
    expect(stopped.status).toBe(200)
    await throughJump(by, async (what) => {
      expect(await allowed(task), what).toBe(false)
    })
  })

  test("fail closed: an identity that is not valid at that time opens no task", async () => {
    const form = await exchangeForm("first")
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + by })
    const { status, refused } = await postForm(form)
    expect([status, refused?.error]).toEqual([401, "invalid_client"])
  })

  test("the record tells: records of a tree keep the order of their numbers, and of their times unless the clock is set back", async () => {
    const task = await openTask("first", { scope: "files.*:write" })
    const write = { method: "PUT", body: "{}", headers: { "Content-Type": "application/json" } }
    const answers = []
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: start })
    for (const jump of [0, by, 1_000]) {
      vi.setSystemTime(start + jump)
      answers.push(await callWith(task.token, "/files/a", write))
    }
    const allowedOnes = answers.filter(({ code }) => code === "ok")
    expect(allowedOnes.length).toBeGreaterThanOrEqual(2)
    const records = await Promise.all(allowedOnes.map(async ({ decision }) => recordOf(decision)))
    // A clock that is corrected begins a new life of the tree's records.
    const places = records.map(({ life, number }) => [life ?? 0, number ?? 0] as const)
    expect(places).toEqual(places.toSorted(([one, first], [other, second]) => one - other || first - second))
    expect(new Set(places.map(String)).size).toBe(places.length)
    if (by < 0) return
    const times = records.map(({ at }) => at)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })
})

test("no over-admission: a clock that was a day behind gives back nothing that was used", async () => {
  const task = await openTask("first", { purpose: "work" })
  for (let index = 0; index < 3; index++) expect(await allowed(task, "/thrice")).toBe(true)
  await throughJump(-DAY_MS, async (what) => {
    if (what.startsWith("while")) expect(await allowed(task, "/thrice"), what).toBe(false)
  })
})

test("the record tells: a record that waits by a clock that was a day ahead is sent once it is right", async () => {
  const start = Date.now()
  vi.useFakeTimers({ toFake: ["Date"], now: start + DAY_MS })
  const task = await openTask("first")
  vi.spyOn(Outbox.prototype, "maySendLate", "get").mockReturnValue(true)
  vi.setSystemTime(start + DAY_MS + 2_000)
  const { decision } = await callWith(task.token, "/files")
  vi.setSystemTime(start + 4_000)
  // Nothing is recorded by this: no other record takes that one along.
  const alarm = await runInDurableObject(ledgerOf(task.task), async (ledger: Ledger, { storage }) => {
    await ledger.approvalsOf(task.task)
    return storage.getAlarm()
  })
  expect(alarm).toBeLessThanOrEqual(start + 4_000)
  await runDurableObjectAlarm(ledgerOf(task.task))
  expect((await recordOf(decision)).id).toBe(decision)
})

test("a tree that was opened by a clock that was 26 hours ahead leaves no alarm that is due at once, again and again", async () => {
  const start = Date.now()
  vi.useFakeTimers({ toFake: ["Date"], now: start + 26 * 3_600_000 })
  const task = await openTask("first")
  await complete(task.task, `Bearer ${task.token}`)
  vi.setSystemTime(start)
  await runDurableObjectAlarm(ledgerOf(task.task))
  for (const hours of [1.1, 2.2, 5]) {
    vi.setSystemTime(start + hours * 3_600_000)
    const next = await runInDurableObject(ledgerOf(task.task), async (ledger: Ledger, { storage }) => {
      await ledger.alarm()
      return storage.getAlarm()
    })
    expect(next).toBeGreaterThan(Date.now() + 60_000)
  }
})
