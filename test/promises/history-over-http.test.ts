/** Promise 8 over HTTP: what guardrails count of an agent or a user goes on in every task, and outlives them. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { describe, expect, test, vi } from "vitest"
import type { Cycle } from "../../src/core/guardrails/cycle.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import { openChild, openTask, openTaskFor, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { ledgerOf } from "../harness/ledgers.ts"
import { complete } from "../harness/management.ts"

yardForEach()

const guard = async (...guardrails: readonly Guardrail[]): Promise<void> => {
  await publish({ ...(await yard()), guardrails })
  forgetCaches()
}

const base = { id: "g", of: { tools: ["files.*"] }, consequence: "deny" } as const
const listing = { tools: ["files.list"], where: [] } as const
/** Nothing is read after a list, for an hour. */
const AFTER_LISTING: Guardrail = {
  ...base,
  of: { tools: ["files.read"] },
  kind: "sequence",
  history: "agent",
  require: { kind: "not", of: { kind: "formerly", event: listing, seconds: 3_600 } },
}

const list = async ({ token }: OpenTask): Promise<string> => (await callWith(token, "/files")).code
const read = async ({ token }: OpenTask): Promise<string> => (await callWith(token, "/files/a")).code
const unknown = async ({ token }: OpenTask): Promise<string> => (await callWith(token, "/nowhere")).code

describe("a condition that forbids looks at all that the agent does for the user", () => {
  test("in the task that comes next, and after its ledger has died", async () => {
    await guard(AFTER_LISTING)
    const first = await openTask()
    const before = await openTask()
    expect(await read(before)).toBe("ok")
    expect(await list(first)).toBe("ok")
    expect(await read(before)).toBe("sequence_denied")
    await complete(first.task, `Bearer ${first.token}`)
    await killObjects()
    expect(await read(await openTask())).toBe("sequence_denied")
  })

  test("what its sub-agents do, and what it does as a sub-agent", async () => {
    await guard(AFTER_LISTING)
    const root = await openTask("first")
    expect(await list(await openChild(root.token, "second"))).toBe("ok")
    expect(await read(await openTask("first"))).toBe("sequence_denied")
    expect(await read(await openTask("second"))).toBe("sequence_denied")
    expect(await read(await openTask("third"))).toBe("ok")
  })

  test("and not at what it does for somebody else", async () => {
    await guard(AFTER_LISTING)
    expect(await list(await openTask())).toBe("ok")
    expect(await read(await openTaskFor("bob"))).toBe("ok")
  })

  test("for as long as it looks back, however soon the task has ended; and then nothing is stored any more", async () => {
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: start })
    await guard({
      ...AFTER_LISTING,
      require: { kind: "not", of: { kind: "formerly", event: listing, seconds: 86_400 } },
    })
    const task = await openTask()
    expect(await list(task)).toBe("ok")
    const tables = async () =>
      runInDurableObject(ledgerOf(task.task), (_, { storage }) =>
        storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'marks'").toArray(),
      )
    for (const hours of [1, 3, 12, 23]) {
      vi.setSystemTime(start + hours * 3_600_000)
      await runDurableObjectAlarm(ledgerOf(task.task))
      expect(await tables()).toHaveLength(1)
    }
    const next = await openTask()
    expect(await read(next)).toBe("sequence_denied")
    await complete(next.task, `Bearer ${next.token}`)
    for (const hours of [25, 27, 50, 52]) {
      vi.setSystemTime(start + hours * 3_600_000)
      await runDurableObjectAlarm(ledgerOf(task.task))
    }
    expect(await tables()).toEqual([])
  })
})

describe("an agent cannot begin anew", () => {
  test("what it repeats", async () => {
    const span = { kind: "sliding", seconds: 600 } as const
    const loop = { topic: "loop", per: ["call"], history: "agent", measure: { kind: "calls" }, limit: 2, span } as const
    await guard({ ...base, kind: "limit", ...loop })
    expect(await list(await openTask())).toBe("ok")
    expect(await list(await openTask())).toBe("ok")
    expect(await list(await openTask())).toBe("loop_detected")
    await killObjects()
    expect(await list(await openTask())).toBe("loop_detected")
  })

  test("a cycle of calls", async () => {
    await guard({ ...base, kind: "cycle", per: "agent", longest: 2, times: 2, pause: 3_600 })
    const codes: string[] = []
    for (const call of [list, read, list, read]) codes.push(await call(await openTask()))
    expect(codes).toEqual(["ok", "ok", "ok", "loop_detected"])
  })

  test("a storm of denials", async () => {
    await guard({ ...base, of: { tools: ["*"] }, kind: "storm", per: "agent", limit: 2, seconds: 600 })
    for (let index = 0; index < 3; index++) await unknown(await openTask())
    await vi.waitFor(async () => expect(await list(await openTask())).toBe("loop_detected"))
  })
})

describe("a limit of a user is exact in the user's ledger", () => {
  test("256 calls at once over 16 tasks of two agents admit exactly 50, without a request to a shared count", async () => {
    const perUser = window({ id: "few", tools: ["files.*"], per: "tree", limit: 50, seconds: 60 }, { per: ["user"] })
    await guard(perUser)
    const tasks: OpenTask[] = []
    for (let index = 0; index < 16; index++) tasks.push(await openTask(index % 2 === 0 ? "first" : "second"))
    // Their tokens are verified before, by calls that the window does not count: all is then a matter of the ledger.
    for (const { token } of tasks) expect((await callWith(token, "/burst")).code).toBe("ok")
    const all = Array.from({ length: 256 }, async (_, index) => callWith(tasks[index % 16]?.token ?? "", "/files"))
    const answers = await Promise.all(all)
    const codes = Object.entries(Object.groupBy(answers, ({ code }) => code)).map(([code, all]) => [code, all?.length])
    expect(Object.fromEntries(codes)).toEqual({ ok: 50, rate_limited: 206 })
    expect(await list(await openTaskFor("bob"))).toBe("ok")
    await killObjects()
    expect(await list(await openTask("third"))).toBe("rate_limited")
  })

  test("calls at once per user land where they are counted", async () => {
    const atOnce = { ...base, kind: "concurrency", limit: 1, per: ["user"] } as const
    await guard(atOnce)
    expect(await list(await openTask("first"))).toBe("ok")
    expect(await list(await openTask("second"))).toBe("rate_limited")
  })
})

test.each<readonly [string, Partial<Cycle>]>([
  ["a task that is opened", { per: "task" }],
  ["an agent that comes", { per: "agent", pause: 3_600 }],
])("%s after its ledger has died has done nothing yet, and no loop assumes that it has", async (_what, cycle) => {
  await guard({ ...base, kind: "cycle", per: "task", longest: 2, times: 3, ...cycle })
  await list(await openTask("second"))
  await killObjects()
  const task = await openTask("first")
  const codes: string[] = []
  for (const call of [list, read, list, read, list, read]) codes.push(await call(task))
  expect(codes).toEqual(["ok", "ok", "ok", "ok", "ok", "loop_detected"])
})
