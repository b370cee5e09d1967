/** What people approve beyond a limit that trees share counts in it, once, whatever crashes or is asked again in between. */
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import type { Limit, Measure, Span } from "../../src/core/guardrails/limit-definition.ts"
import { LENDING_VERSION, type LentSpan, type Take } from "../../src/core/guardrails/lending/lending.ts"
import { LedgerStorage } from "../../src/ledger/storage.ts"
import { SharedLimit, sharedLimitOf } from "../../src/ledger/shared-limit.ts"
import { openTask, type OpenTask } from "../harness/agents.ts"
import { questionIn, say } from "../harness/approvals.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith, type GatewayAnswer } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { killObjects } from "../harness/isolate.ts"
import { callsOf } from "../harness/ledgers.ts"
import { bearerOf } from "../harness/management.ts"

freshIsolateForEach()
beforeEach(async () => {
  await publish(await yard())
})

const HOUR = 3600
/** Members in the order in which a bundle has them. */
const SUM: Measure = { field: "arguments.amount", kind: "sum" }
const SLIDING = { kind: "sliding", seconds: HOUR } as const

function limitOf(limit: number, measure: Measure, span: Span, more: Partial<Limit> = {}): Limit {
  const base = { id: "approved", tools: ["files.write"], per: "tree", limit, seconds: HOUR } as const
  return window(base, { topic: "budget", per: [], consequence: "approve", measure, span, ...more })
}

/** A call of files.write costs 40. */
async function guardedBy(...limits: readonly Limit[]): Promise<void> {
  const body = await yard()
  const tools = body.tools.map((tool) => (tool.name === "files.write" ? { ...tool, cost: 40 } : tool))
  await publish({ ...body, tools, guardrails: [...body.guardrails, ...limits] }, 2)
}

async function write(task: OpenTask, body: object, requestId?: string): Promise<GatewayAnswer> {
  const more = requestId === undefined ? {} : { "X-Request-Id": requestId }
  const headers = { "Content-Type": "application/json", ...more }
  return callWith(task.token, "/files/a", { method: "PUT", body: JSON.stringify(body), headers })
}

async function approve(task: OpenTask, answer: GatewayAnswer, uses = 1): Promise<void> {
  const question = { task: task.task, id: await questionIn(answer) }
  expect((await say(question, await bearerOf("operator"), { approve: true, uses })).status).toBe(200)
}

/** As its object has it. */
async function usedOf({ id, limit, measure, span }: Limit): Promise<number> {
  if (span.kind === "life") throw new Error("it is not shared")
  const lent: { readonly span: LentSpan } = { span }
  const take = {
    id: crypto.randomUUID(),
    holder: env.LEDGER.newUniqueId().toString(),
    settled: [],
    limit: { measure, limit, ...lent, seq: 0 },
  }
  const values = Array.from({ length: 100 }, (_, index) => `other ${index}`)
  const much = { amount: 1_000_000_000, want: 1_000_000_000 }
  const asked: Take = measure.kind === "distinct" ? { ...take, amount: 0, want: 0, values } : { ...take, ...much }
  return (await sharedLimitOf(env, id, "").take(LENDING_VERSION, asked)).used
}

const KINDS: readonly Exclude<Span, { readonly kind: "life" }>[] = [
  SLIDING,
  { kind: "fixed", seconds: 31 * 24 * HOUR },
  { kind: "bucket", seconds: 24 * HOUR, burst: 100 },
]
const amounts = (...amounts: readonly number[]): readonly object[] => amounts.map((amount) => ({ amount }))
const names = (...names: readonly (readonly string[])[]): readonly object[] => names.map((to) => ({ to }))
const texts = (count: number): readonly object[] => Array.from({ length: count }, (_, index) => ({ text: `${index}` }))

/** What is admitted, what is approved beyond the limit, what would still fit without that; and what counts then. */
const CASES: readonly (readonly [Measure, number, readonly object[], object, object, number])[] = [
  [SUM, 1_000_000, amounts(90), { amount: 50 }, { amount: 9 }, 1_400_000],
  [{ kind: "calls" }, 2, texts(2), { text: "over" }, { text: "next" }, 3],
  [{ kind: "calls" }, 100, texts(100), { text: "over" }, { text: "next" }, 101],
  [{ kind: "cost" }, 100, texts(2), { text: "over" }, { text: "next" }, 120],
  [{ field: "arguments.to", kind: "distinct" }, 2, names(["a"]), { to: ["b", "c"] }, { to: ["d"] }, 3],
]
const ALL = KINDS.flatMap((span) =>
  CASES.flatMap(([measure, most, ...rest]) => {
    const isNone = span.kind === "bucket" && (measure.kind === "distinct" || measure.kind === "sum")
    const limit = limitOf(most, measure, span.kind === "bucket" ? { ...span, burst: most } : span)
    return isNone ? [] : [[`${measure.kind}, ${most}`, span.kind, limit, ...rest] as const]
  }),
)

describe("what is approved beyond a limit that trees share counts in it", () => {
  test.each(ALL)("%s, %s", async (_measure, _kind, limit, before, over, next, used) => {
    await guardedBy(limit)
    const task = await openTask("first", { purpose: "work" })
    const other = await openTask("first", { purpose: "work" })
    for (const body of before) expect((await write(task, body)).code).toBe("ok")
    const asked = await write(task, over)
    await approve(task, asked)
    expect((await write(task, over)).code).toBe("ok")
    await vi.waitFor(async () => expect(await usedOf(limit)).toBe(used), { timeout: 5_000, interval: 100 })
    // Whoever calls, there is no room until what counts has left.
    for (const each of [task, other]) expect((await write(each, next)).code).toBe("approval_required")
    expect((await write(task, over)).code).toBe("approval_required")
    expect(await usedOf(limit)).toBe(used)
  })

  const limit = limitOf(1_000_000, SUM, SLIDING)

  /** 90 of 100 are used, and 50 more are approved. */
  async function approved(uses = 1): Promise<OpenTask> {
    await guardedBy(limit)
    const task = await openTask("first", { purpose: "work" })
    expect((await write(task, { amount: 90 })).code).toBe("ok")
    await approve(task, await write(task, { amount: 50 }), uses)
    return task
  }

  test("more than the whole limit too, and once room is there again nothing has to be approved", async () => {
    await guardedBy(limit)
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: start })
    const task = await openTask("first", { purpose: "work" })
    await approve(task, await write(task, { amount: 250 }))
    expect((await write(task, { amount: 250 })).code).toBe("ok")
    expect(await usedOf(limit)).toBe(2_500_000)
    expect((await write(task, { amount: 1 })).code).toBe("approval_required")
    vi.setSystemTime(start + HOUR * 1000 + 60_000)
    const later = await openTask("first", { purpose: "work" })
    expect([await usedOf(limit), (await write(later, { amount: 100 })).code]).toEqual([0, "ok"])
  })

  test("as often as it was approved, however many calls race for it", async () => {
    const task = await approved(2)
    const answers = await Promise.all(Array.from({ length: 8 }, async () => write(task, { amount: 50 })))
    expect(answers.filter(({ code }) => code === "ok")).toHaveLength(2)
    expect(answers.filter(({ code }) => code === "approval_required")).toHaveLength(6)
    await vi.waitFor(async () => expect(await usedOf(limit)).toBe(1_900_000), { timeout: 5_000, interval: 100 })
  })

  test("once, if the gateway asks again", async () => {
    const task = await approved()
    const first = await write(task, { amount: 50 }, "again")
    const second = await write(task, { amount: 50 }, "again")
    expect([first.code, second.code]).toEqual(["ok", "ok"])
    expect(second.decision).toBe(first.decision)
    expect(await usedOf(limit)).toBe(1_400_000)
  })

  test("once, if the admission cannot be written down, and the call is made again", async () => {
    const task = await approved()
    vi.spyOn(LedgerStorage.prototype, "saveChange").mockImplementationOnce(() => {
      throw new Error("disk full, by a test")
    })
    expect((await write(task, { amount: 50 })).code).toBe("unavailable")
    await vi.waitFor(async () => expect(await usedOf(limit)).toBe(900_000), { timeout: 5_000, interval: 100 })
    expect((await write(task, { amount: 50 })).code).toBe("ok")
    expect(await usedOf(limit)).toBe(1_400_000)
  })

  test("once, if the ledger crashes after it was counted and before it was admitted", async () => {
    const task = await approved()
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { take } = SharedLimit.prototype
    const takes = vi.spyOn(SharedLimit.prototype, "take").mockImplementation(async function (
      this: SharedLimit,
      version,
      asked,
    ) {
      const answer = await take.call(this, version, asked)
      // It counts; the answer never arrives.
      return asked.over === true ? new Promise(() => undefined) : answer
    })
    const lost = write(task, { amount: 50 })
    await vi.waitFor(() => expect(takes.mock.calls.some(([, { over }]) => over)).toBe(true))
    takes.mockRestore()
    await vi.waitFor(async () => expect(await usedOf(limit)).toBe(1_400_000))
    await killObjects()
    expect((await lost).code).toBe("unavailable")
    // Awake, it gives back what no admission has used.
    expect(await callsOf(task.task)).toBe(1)
    await vi.waitFor(async () => expect(await usedOf(limit)).toBe(900_000), { timeout: 5_000, interval: 100 })
    expect((await write(task, { amount: 50 })).code).toBe("ok")
    await killObjects()
    expect(await callsOf(task.task)).toBe(2)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await usedOf(limit)).toBe(1_400_000)
  })

  test("and in no other limit twice, where the call needs several", async () => {
    const other = limitOf(200, { kind: "calls" }, SLIDING, { id: "other", consequence: "deny" })
    const few = limitOf(20, { kind: "calls" }, SLIDING, { id: "few", consequence: "deny" })
    await guardedBy(other, limit, few)
    const task = await openTask("first", { purpose: "work" })
    expect((await write(task, { amount: 90 })).code).toBe("ok")
    await approve(task, await write(task, { amount: 50 }))
    expect((await write(task, { amount: 50 })).code).toBe("ok")
    expect(await usedOf(limit)).toBe(1_400_000)
    for (const each of [other, few]) {
      await vi.waitFor(async () => expect(await usedOf(each)).toBe(2), { timeout: 5_000, interval: 100 })
    }
  })

  test("a limit that denies is not exceeded, whatever is approved of another", async () => {
    const hard = limitOf(1_200_000, SUM, SLIDING, { id: "hard", consequence: "deny" })
    await guardedBy(hard, limit)
    const task = await openTask("first", { purpose: "work" })
    expect((await write(task, { amount: 90 })).code).toBe("ok")
    expect((await write(task, { amount: 50 })).code).toBe("budget_exhausted")
    await approve(task, await write(task, { amount: 30 }))
    expect((await write(task, { amount: 30 })).code).toBe("ok")
    expect([await usedOf(hard), await usedOf(limit)]).toEqual([1_200_000, 1_200_000])
  })
})
