/** How much of its windows, budgets and calls in flight a tree has used, to whoever may look at a task of it. */
import { beforeEach, describe, expect, test, vi } from "vitest"
import { z } from "zod"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit, Span } from "../../src/core/guardrails/limit-definition.ts"
import { openChild, openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { evict } from "../harness/ledgers.ts"
import { bearerOf, manage } from "../harness/management.ts"

const SELECTED = { consequence: "deny", of: { tools: ["files.write"] } } as const
const GUARDRAILS: readonly Guardrail[] = [
  window({ id: "a-task", tools: ["files.read"], per: "task", limit: 10, seconds: 60 }),
  window({ id: "a-tree", tools: ["files.*"], per: "tree", limit: 100, seconds: 60 }),
  window(
    { id: "a-bucket", tools: ["files.list"], per: "tree", limit: 6, seconds: 60 },
    { span: { kind: "bucket", seconds: 60, burst: 3 } },
  ),
  window({ id: "a-person", tools: ["files.*"], per: "tree", limit: 50, seconds: 60 }, { per: ["user"] }),
  window({ id: "an-agent", tools: ["files.*"], per: "tree", limit: 70, seconds: 60 }, { per: ["agent"] }),
  window(
    { id: "elsewhere", tools: ["vault.*"], per: "tree", limit: 5, seconds: 60 },
    { of: { tools: ["vault.*"], purposes: ["errand"] } },
  ),
  window({ id: "at-risk", tools: ["files.*"], per: "tree", limit: 5, seconds: 60 }, { fromRisk: 50 }),
  {
    ...window({ id: "amounts", tools: ["till.pay"], per: "tree", limit: 1_000_000, seconds: 0 }),
    topic: "budget",
    measure: { kind: "sum", field: "arguments.amount" },
    span: { kind: "life" },
    per: ["tree", "arguments.to"],
  },
  {
    ...window({ id: "files", tools: ["files.read"], per: "tree", limit: 5, seconds: 0 }),
    topic: "budget",
    measure: { kind: "distinct", field: "arguments.file" },
    span: { kind: "life" },
  },
  {
    ...window({ id: "secrets", tools: ["files.write"], per: "tree", limit: 5, seconds: 0 }),
    topic: "budget",
    measure: { kind: "distinct", field: "arguments.secret" },
    span: { kind: "life" },
  },
  window({ id: "tools", tools: ["*"], per: "tree", limit: 99, seconds: 60 }, { per: ["tree", "tool"] }),
  { ...SELECTED, kind: "concurrency", id: "at-once", limit: 2, per: ["task"] },
  { ...SELECTED, kind: "storm", id: "storm", limit: 3, seconds: 60, per: "task" },
]

beforeEach(async () => {
  const body = await yard()
  await publish({ ...body, guardrails: GUARDRAILS })
})
freshIsolateForEach()

const gauge = z.object({
  guardrail: z.string(),
  kind: z.string(),
  measure: z.string(),
  used: z.number().nullable(),
  limit: z.number(),
  seconds: z.number().nullable(),
  shared: z.boolean(),
  from_risk: z.number().nullable(),
  key: z.record(z.string(), z.string().nullable()).nullable(),
})
const viewed = z.object({ tasks: z.array(z.looseObject({ id: z.string() })), limits: z.array(gauge) })

async function gaugesOf(task: string, who: string) {
  const { limits } = viewed.parse((await manage("GET", `/v1/tasks/${task}`, who)).json)
  return limits
}
const named = (gauges: readonly z.infer<typeof gauge>[], id: string) =>
  gauges.filter(({ guardrail }) => guardrail === id)

const JSON_BODY = { "Content-Type": "application/json" }
async function worked() {
  const root = await openTask("first")
  const child = await openChild(root.token, "second")
  for (const file of ["a", "b", "a"]) expect((await callWith(root.token, `/files/${file}`)).code).toBe("ok")
  expect((await callWith(child.token, "/files/c")).code).toBe("ok")
  expect((await callWith(root.token, "/files")).code).toBe("ok")
  for (const [to, amount] of [
    ["shop", 10],
    ["shop", 2],
    ["pub", 5],
  ] as const) {
    const body = JSON.stringify({ amount })
    expect((await callWith(root.token, `/till/${to}`, { method: "POST", body, headers: JSON_BODY })).code).toBe("ok")
  }
  const body = JSON.stringify({ text: "x", secret: "s3cret" })
  expect((await callWith(root.token, "/files/a", { method: "PUT", body, headers: JSON_BODY })).code).toBe("ok")
  return { root, child }
}

describe("limits of a task", () => {
  test("are told with what is used of them, each key by itself, also by a ledger that has woken", async () => {
    const { root, child } = await worked()
    const expected = async (): Promise<void> => {
      const limits = await gaugesOf(root.task, await bearerOf("viewer"))
      expect(named(limits, "a-task")).toMatchObject([
        { kind: "window", measure: "calls", used: 3, limit: 10, seconds: 60, key: { task: root.task } },
        { used: 1, key: { task: child.task } },
      ])
      expect(named(limits, "a-tree")).toMatchObject([
        { used: 6, limit: 100, key: null, shared: false, from_risk: null },
      ])
      // Of a bucket, what it holds; all of it is there again when it has filled up.
      expect(named(limits, "a-bucket")).toMatchObject([{ used: 1, limit: 3, seconds: 30 }])
      expect(named(limits, "amounts")).toMatchObject([
        { kind: "budget", measure: "sum", used: 12, limit: 100, seconds: null, key: { "arguments.to": '"shop"' } },
        { used: 5, key: { "arguments.to": '"pub"' } },
      ])
      expect(named(limits, "files")).toMatchObject([{ measure: "distinct", used: 3, limit: 5 }])
      expect(named(limits, "at-once")).toMatchObject([
        { kind: "concurrency", used: 1, limit: 2, seconds: null, key: { task: root.task } },
      ])
      expect(named(limits, "at-risk")).toMatchObject([{ from_risk: 50 }])
    }
    await expected()
    await evict(root.task)
    await expected()
  })

  test("that all ledgers share are told as such, and not asked for", async () => {
    const { root } = await worked()
    const limits = await gaugesOf(root.task, await bearerOf("viewer"))
    expect(named(limits, "an-agent")).toMatchObject([{ shared: true, used: null, limit: 70, key: null }])
  })

  test("of a user are what all of the user's tasks have used together", async () => {
    const { root } = await worked()
    const limits = await gaugesOf(root.task, await bearerOf("viewer"))
    expect(named(limits, "a-person")).toMatchObject([{ shared: false, used: 6, limit: 50 }])
  })

  test("that are of no task shown are left out; what has no count so far is at nothing", async () => {
    const { task } = await openTask("first", { scope: "files.read:read" })
    const limits = await gaugesOf(task, await bearerOf("viewer"))
    expect(named(limits, "elsewhere")).toEqual([])
    expect(named(limits, "storm")).toEqual([])
    expect(named(limits, "amounts")).toEqual([])
    expect(named(limits, "a-task")).toMatchObject([{ used: 0, key: null }])
  })

  test("tell no figure of what the catalog redacts", async () => {
    const { root } = await worked()
    const { json } = await manage("GET", `/v1/tasks/${root.task}`, await bearerOf("viewer"))
    expect(named(viewed.parse(json).limits, "secrets")).toMatchObject([{ used: null, shared: false, limit: 5 }])
    expect(JSON.stringify(json)).not.toContain("s3cret")
  })

  test("tell an agent nothing of what others have called with, or of other tasks", async () => {
    const { child, root } = await worked()
    const own = await gaugesOf(child.task, `Bearer ${child.token}`)
    expect(named(own, "a-task")).toMatchObject([{ used: 1, key: { task: child.task } }])
    const whole = await gaugesOf(root.task, `Bearer ${root.token}`)
    expect(named(whole, "amounts").map(({ key }) => key)).toEqual([{ "arguments.to": null }, { "arguments.to": null }])
    const tools = named(own, "tools")
    expect(tools.map(({ key }) => key?.["tool"])).toEqual(tools.map(() => null))
    expect(tools.length).toBeGreaterThan(1)
    const [fullest] = named(await gaugesOf(root.task, await bearerOf("viewer")), "tools")
    expect(fullest).toMatchObject({ used: 4, key: { tool: "files.read" } })
  })

  test("are few, whatever has been counted: the fullest keys", async () => {
    const { token, task } = await openTask("first")
    for (let index = 1; index <= 8; index++) {
      const body = JSON.stringify({ amount: index })
      await callWith(token, `/till/shop${index}`, { method: "POST", body, headers: JSON_BODY })
    }
    const amounts = named(await gaugesOf(task, await bearerOf("viewer")), "amounts")
    expect(amounts.map(({ used }) => used)).toEqual([8, 7, 6, 5, 4])
  })

  test("are over with it", async () => {
    const { root } = await worked()
    await manage("POST", `/v1/tasks/${root.task}/complete`, await bearerOf("operator"))
    expect(await gaugesOf(root.task, await bearerOf("viewer"))).toEqual([])
  })
})

describe("a call that a budget denies says when there is room for it", () => {
  const sum = { kind: "sum", field: "arguments.amount" } as const
  const budget = (span: Span, per: Limit["per"]): Limit => ({
    ...window({ id: "spent", tools: ["till.pay"], per: "tree", limit: 100_000, seconds: 0 }),
    topic: "budget",
    measure: sum,
    span,
    per,
  })
  const DAY = 86_400
  /** An hour into a day, not long ago. */
  const NOW = Math.floor(Date.now() / (DAY * 1000)) * DAY * 1000 + 3_600_000

  test.each<readonly [string, Span, Limit["per"], string | null]>([
    ["of a day, when the next one begins", { kind: "fixed", seconds: DAY }, ["tree"], String(DAY - 3_600)],
    ["of a day that trees share", { kind: "fixed", seconds: DAY }, [], String(DAY - 3_600)],
    ["within an hour, when what is in the way has left", { kind: "sliding", seconds: 3_600 }, ["tree"], "3600"],
    ["as long as the tree lives: never", { kind: "life" }, ["tree"], null],
  ])("%s", async (_what, span, per, expected) => {
    await publish({ ...(await yard()), guardrails: [budget(span, per)] }, 2)
    vi.useFakeTimers({ toFake: ["Date"], now: NOW })
    const fresh = await openTask("first")
    const pay = async (amount: number) =>
      callWith(fresh.token, "/till/shop", {
        method: "POST",
        body: JSON.stringify({ amount }),
        headers: { "Content-Type": "application/json" },
      })
    expect((await pay(8)).code).toBe("ok")
    const denied = await pay(3)
    expect([denied.code, denied.headers.get("Retry-After")]).toEqual(["budget_exhausted", expected])
    // More than all of it never fits.
    const never = await pay(11)
    expect([never.code, never.headers.get("Retry-After")]).toEqual(["budget_exhausted", null])
  })
})
