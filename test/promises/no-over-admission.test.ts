import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { at } from "../harness/clock.ts"
import { yardForEach } from "../harness/each-test.ts"
import { window } from "../harness/guardrails.ts"
import { openTask, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { callWith, countOf } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { callsOf, evict } from "../harness/ledgers.ts"
import { recordsOf } from "../harness/records.ts"
import { times } from "../harness/runs.ts"
import { busiestSpan } from "../harness/reference.ts"

yardForEach()

describe("no over-admission", () => {
  test.each(times(1))("256 calls at once on a window of 50 admit exactly 50 (%i)", async () => {
    const task = await openTask("first", { purpose: "work" })
    const answers = await Promise.all(Array.from({ length: 256 }, async () => callWith(task.token, "/burst")))
    expect(countOf(answers, "ok")).toBe(50)
    expect(countOf(answers, "rate_limited")).toBe(206)
    // A denied call consumes nothing: neither the budget nor another window.
    expect(await callsOf(task.task)).toBe(50)
    expect((await callWith(task.token, "/thrice")).headers.get("RateLimit")).toBe('"thrice";r=2;t=2')
  })

  test("a task's budget, by as many gateways as there are", async () => {
    const details = [{ type: "narrowgate_call", tools: ["files.*"], actions: ["read"], calls: 7 }]
    const task = await openTask("first", { authorization_details: JSON.stringify(details) })
    const gateways = ["envoy", "nginx", "traefik", "caddy"]
    const ask = async (index: number) => callWith(task.token, "/files/a", {}, gateways[index % 4])
    const answers = await Promise.all(Array.from({ length: 40 }, async (_, index) => ask(index)))
    expect(countOf(answers, "ok")).toBe(7)
    expect(countOf(answers, "budget_exhausted")).toBe(33)
  })

  /** Tries both windows, more often than they allow, within one span of theirs. */
  async function tryBoth(task: OpenTask, admitted: { thrice: number; burst: number }): Promise<void> {
    const bursts = Array.from({ length: 12 }, async () => callWith(task.token, "/burst"))
    const [thrice, ...others] = await Promise.all([callWith(task.token, "/thrice"), ...bursts])
    admitted.thrice += thrice.code === "ok" ? 1 : 0
    admitted.burst += countOf(others, "ok")
  }

  test("a crash at random points, also under way, never admits more than the limit", async () => {
    const life = fc.array(fc.constantFrom("calls", "calls", "crash", "crash-amid"), { minLength: 8, maxLength: 16 })
    const property = fc.asyncProperty(life, async (events) => {
      const task = await openTask("first", { purpose: "work" })
      const admitted = { thrice: 0, burst: 0 }
      at(Date.now())
      for (const event of events) {
        if (event === "calls") await tryBoth(task, admitted)
        if (event === "crash") await killObjects()
        if (event === "crash-amid") await Promise.all([tryBoth(task, admitted), killObjects()])
      }
      expect(admitted.thrice).toBeLessThanOrEqual(3)
      expect(admitted.burst).toBeLessThanOrEqual(50)
    })
    await fc.assert(property, { seed: 20261125, numRuns: 12 })
  })

  test("an eviction at random points admits exactly the limit", async () => {
    const lives = [1, 2, 3, 4, 5].map(async (callsBefore) => {
      const task = await openTask("first", { purpose: "work" })
      const admitted = { thrice: 0, burst: 0 }
      for (let index = 0; index < callsBefore; index++) await tryBoth(task, admitted)
      await evict(task.task)
      for (let index = callsBefore; index < 6; index++) await tryBoth(task, admitted)
      expect(admitted.burst).toBe(50)
      // Without a limit of its own the task's count goes on in blocks of at most a tenth: too high by few, never too
      // low.
      const counted = (await callsOf(task.task)) ?? 0
      expect(counted).toBeGreaterThanOrEqual(50 + admitted.thrice)
      expect(counted).toBeLessThanOrEqual(56 + admitted.thrice)
    })
    await Promise.all(lives)
  })

  test("counted in blocks of up to three, a crash after ten calls costs credit and never gives any", async () => {
    const task = await openTask("first", { purpose: "work" })
    at(Date.now())
    let admitted = 0
    for (let life = 0; life < 30; life++) {
      for (let index = 0; index < 10; index++) if ((await callWith(task.token, "/blocks")).code === "ok") admitted += 1
      await killObjects()
    }
    // Each life wrote down eleven, in blocks of 1, 1, 1, 2, 3 and 3, and used ten: 297 of 300, and then the last three.
    expect(admitted).toBe(273)
  })

  test("a clock that runs backwards reopens no window", async () => {
    const task = await openTask("first", { purpose: "work" })
    const start = Date.now()
    at(start)
    for (let index = 0; index < 3; index++) expect((await callWith(task.token, "/thrice")).code).toBe("ok")
    expect((await callWith(task.token, "/thrice")).code).toBe("rate_limited")
    at(start + 1999)
    expect((await callWith(task.token, "/thrice")).code).toBe("rate_limited")
    at(start + 2000)
    expect((await callWith(task.token, "/thrice")).code).toBe("ok")
    at(start + 100)
    // By this clock all four were made within two seconds.
    expect((await callWith(task.token, "/thrice")).code).toBe("rate_limited")
  })

  test("a denied call at a later time does not let the window forget, should the clock then run back", async () => {
    const body = await yard()
    // `mail.send` shares the window: it is looked at, and then policy denies.
    const guardrails = [window({ id: "w", tools: ["thrice.go", "mail.send"], per: "task", limit: 3, seconds: 2 })]
    await publish({ ...body, guardrails }, 2)
    const task = await openTask("first", { purpose: "work" })
    const start = Date.now()
    at(start)
    for (let index = 0; index < 3; index++) expect((await callWith(task.token, "/thrice")).code).toBe("ok")
    at(start + 2500)
    const mail = { method: "POST", body: "{}", headers: { "Content-Type": "application/json" } }
    expect((await callWith(task.token, "/mail", mail)).code).toBe("policy_denied")
    at(start + 500)
    await Promise.all([1, 2, 3].map(async () => callWith(task.token, "/thrice")))
    const records = await recordsOf(task.task, 8)
    const admitted = records.filter(({ tool, decision }) => tool === "thrice.go" && decision === "allow")
    expect(
      busiestSpan(
        admitted.map((record) => record.at),
        2000,
      ),
    ).toBeLessThanOrEqual(3)
  })
})
