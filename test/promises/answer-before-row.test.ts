/**
 * A lone read is answered before its row is written where what it counts was reserved by an earlier row: at most a
 * hundredth of a window of a hundred or more, of ten minutes or less. Everything else waits for its row, and whenever the
 * objects die, no window admits more than its limit.
 */
import { runInDurableObject } from "cloudflare:test"
import { beforeEach, describe, expect, inject, test, vi } from "vitest"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { Ledger } from "../../src/ledger/ledger.ts"
import { Outbox } from "../../src/ledger/record-outbox.ts"
import { openChild, openTask, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { at } from "../harness/clock.ts"
import { bury, dyingAt, watchSteps } from "../harness/deaths.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith, ORIGIN, type ClientRequest } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { callsOf, evict, ledgerOf } from "../harness/ledgers.ts"
import { filter, withServers } from "../harness/listings.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"

const MINUTE = { seconds: 60 }
const TEN_MINUTES = { seconds: 600 }
const READ = { path: "/files/a" }
const of = (limit: number, { seconds }: { readonly seconds: number }, more: Partial<Limit> = {}): Limit =>
  window({ id: "w", tools: ["*"], per: "tree", limit, seconds }, more)

freshIsolateForEach()

let now = Date.now()
beforeEach(() => at((now = Date.now())))

async function call(token: string, request: ClientRequest = READ): Promise<string> {
  at((now += 2_000))
  const { code } = await callWith(token, request.path, request)
  return code
}

/** Timers of the objects get their turn. */
const turn = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

/**
 * What the ledger of a task does first when it answers a call, writes rows and sees to its alarm, and what it does next.
 * Behind the first, the alarm may be an earlier call's.
 */
async function orderOf(
  { token, task }: OpenTask,
  request: ClientRequest = READ,
  code = "ok",
  ask = async () => (await callWith(token, request.path, request)).code,
): Promise<readonly string[]> {
  const order: string[] = []
  const note = (what: string): void => void (order.at(-1) === what || order.push(what))
  await runInDurableObject(ledgerOf(task), (_ledger, { storage }) => {
    // oxlint-disable-next-line typescript/unbound-method -- bound below, as is the other one
    const exec = storage.sql.exec.bind(storage.sql)
    vi.spyOn(storage.sql, "exec").mockImplementation((...given: Parameters<SqlStorage["exec"]>) => {
      const cursor = exec(...given)
      if (cursor.rowsWritten > 0) note("row")
      return cursor
    })
    const getAlarm = storage.getAlarm.bind(storage)
    vi.spyOn(storage, "getAlarm").mockImplementation(async () => {
      note("alarm")
      return getAlarm()
    })
  })
  // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
  const { decide, visibleTools } = Ledger.prototype
  const answers = <Answer extends string | Promise<string>>(answer: Answer): Answer => {
    if (answer instanceof Promise) void answer.then(() => note("answer"))
    else note("answer")
    return answer
  }
  vi.spyOn(Ledger.prototype, "decide").mockImplementation(function (this: Ledger, ...given) {
    return answers(decide.apply(this, given))
  })
  vi.spyOn(Ledger.prototype, "visibleTools").mockImplementation(function (this: Ledger, ...given) {
    return answers(visibleTools.apply(this, given))
  })
  at((now += 2_000))
  expect(await ask()).toBe(code)
  const found = (): readonly string[] => order.filter((what, index) => index === 0 || what !== "alarm").slice(0, 2)
  // On a busy machine their turn comes late.
  for (let turns = 0; turns < 50 && found().length < 2; turns++) await turn()
  vi.restoreAllMocks()
  at(now)
  return found()
}

const FIRST = ["answer", "row"]
const WAITS = ["row", "answer"]

/** As a Worker with `RECORD_DELAY_SECONDS` above 0. */
function sendLate(): void {
  vi.spyOn(Outbox.prototype, "maySendLate", "get").mockReturnValue(true)
}

async function openUnder(guardrails: readonly Guardrail[], change: Partial<BundleBody> = {}): Promise<OpenTask> {
  await publish({ ...(await yard()), guardrails, ...change })
  const opened = await openTask("first", { purpose: "work" })
  // The first of a life, and the one that reserves what the next one uses.
  expect(await call(opened.token)).toBe("ok")
  expect(await call(opened.token)).toBe("ok")
  await turn()
  return opened
}

describe("a lone read", () => {
  test.each<[string, readonly Guardrail[]]>([
    ["under no limit", []],
    ["under a window of a hundred in ten minutes", [of(100, TEN_MINUTES)]],
    ["under a bucket", [of(200, MINUTE, { span: { kind: "bucket", seconds: 60, burst: 100 } })]],
    ["under a fixed period", [of(600, MINUTE, { span: { kind: "fixed", seconds: 600 } })]],
    ["under two windows", [of(100, MINUTE), { ...of(5_000, TEN_MINUTES, { per: ["user"] }), id: "v" }]],
  ])("%s is answered before its row", async (_what, guardrails) => {
    const opened = await openUnder(guardrails)
    for (let nth = 0; nth < 3; nth++) expect(await orderOf(opened)).toEqual(FIRST)
    sendLate()
    expect(await call(opened.token)).toBe("ok")
    expect(await callsOf(opened.task)).toBe(6)
    await evict(opened.task)
    expect(await callsOf(opened.task)).toBe(6)
  })

  test("is answered before the row that has its record, also if it is denied, or only lists tools", async () => {
    const body = withServers(await yard())
    const opened = await openUnder([of(100, MINUTE)], body)
    const list = async () => (await filter(opened.token, "files", ["files.read"])).code
    for (const [code, ...more] of [["ok"], ["policy_denied", { path: "/double/2" }], ["ok", READ, list]] as const) {
      sendLate()
      const [request, ask] = more
      expect(await orderOf(opened, request, code, ask)).toEqual(FIRST)
    }
  })

  test.each<[string, readonly Guardrail[]]>([
    ["a window below a hundred", [of(99, MINUTE)]],
    ["a window of more than ten minutes", [of(1_000, { seconds: 601 })]],
    [
      "a bucket that holds fewer than a hundred",
      [of(200, MINUTE, { span: { kind: "bucket", seconds: 60, burst: 99 } })],
    ],
    ["a bucket that fills in hours", [of(100, TEN_MINUTES, { span: { kind: "bucket", seconds: 600, burst: 10_000 } })]],
    ["a window of the whole life", [of(1_000, MINUTE, { span: { kind: "life" } })]],
    ["a budget", [of(1_000, MINUTE, { topic: "budget" })]],
    ["a limit on repeated calls", [of(100, MINUTE, { topic: "loop", per: ["task", "call"] })]],
    ["a count of values", [of(100, MINUTE, { measure: { kind: "distinct", field: "arguments.file" } })]],
    ["a limit that all ledgers share", [of(1_000, MINUTE, { per: ["agent"] })]],
    [
      "what came before",
      [
        {
          kind: "sequence",
          id: "s",
          of: { tools: ["mail.send"] },
          require: { kind: "not", of: { kind: "formerly", event: { tools: ["files.read"], where: [] }, seconds: 60 } },
          consequence: "deny",
        },
      ],
    ],
    [
      "how many calls are in flight",
      [
        {
          kind: "concurrency",
          id: "c",
          of: { tools: ["*"] },
          per: ["tree"],
          limit: 500,
          consequence: "deny",
        },
      ],
    ],
  ])("that counts for %s waits, whatever window there is besides", async (_what, guardrails) => {
    const opened = await openUnder([...guardrails, { ...of(1_000, MINUTE), id: "beside" }])
    for (let nth = 0; nth < 2; nth++) expect(await orderOf(opened)).toEqual(WAITS)
  })

  test.each(["*", "task", "task.calls", "task.tree_calls"])("waits if a rule reads %s of the context", async (fact) => {
    const { rules } = await yard()
    const [first, ...others] = rules
    if (!first) throw new Error("the yard has no rules")
    const opened = await openUnder([], { rules: [{ ...first, facts: [fact] }, ...others] })
    expect(await orderOf(opened)).toEqual(WAITS)
  })

  test("waits if a grant limits its calls, be it its own or one above", async () => {
    const details = [{ type: "narrowgate_call", tools: ["files.*"], actions: ["read"], calls: 5_000 }]
    await publish({ ...(await yard()), guardrails: [] })
    const opened = await openTask("first", { authorization_details: JSON.stringify(details) })
    const child = await openChild(opened.token, "second", { scope: "files.*:read" })
    for (const each of [opened, child]) {
      for (let nth = 0; nth < 2; nth++) expect(await call(each.token)).toBe("ok")
      expect(await orderOf(each)).toEqual(WAITS)
    }
  })

  test("waits if it uses up a proof", async () => {
    await publish({ ...(await yard()), guardrails: [of(100, MINUTE)] })
    const holder = await newProofKey()
    const opened = await openTask("first", { purpose: "work" }, await proofForToken(holder))
    for (let nth = 0; nth < 4; nth++) {
      const DPoP = await proofOf(holder, "GET", `${ORIGIN}/files/a`, opened.token)
      const headers = { DPoP, Authorization: `DPoP ${opened.token}` }
      expect(await orderOf(opened, { ...READ, headers })).toEqual(WAITS)
    }
  })

  test("waits if it is decided by a newer bundle than those before it", async () => {
    const opened = await openUnder([of(100, MINUTE)])
    await publish({ ...(await yard()), guardrails: [of(200, MINUTE)] }, 2)
    at((now += 61_000))
    expect(await orderOf(opened)).toEqual(WAITS)
  })

  test("waits if it picks up a label", async () => {
    const opened = await openUnder([of(100, MINUTE)])
    for (let nth = 0; nth < 2; nth++) expect(await orderOf(opened, { path: "/vault/x" })).toEqual(WAITS)
    expect(await orderOf(opened)).toEqual(FIRST)
  })

  test("waits if it takes a step of a plan", async () => {
    const { purposes } = await yard()
    const plan = { ordered: false, steps: [{ tools: ["files.*"], times: 50 }], deviation: "deny" } as const
    const opened = await openUnder([], { purposes: purposes.map((purpose) => ({ ...purpose, plan })) })
    for (let nth = 0; nth < 2; nth++) expect(await orderOf(opened)).toEqual(WAITS)
  })

  test("waits if it is the first of a life, or the second, which reserves what the third uses", async () => {
    const opened = await openUnder([of(100, MINUTE)])
    await evict(opened.task)
    for (let nth = 0; nth < 2; nth++) expect(await orderOf(opened)).toEqual(WAITS)
    expect(await orderOf(opened)).toEqual(FIRST)
  })

  test("waits if another one's row has still to be written: at most one is not", async () => {
    const opened = await openUnder([of(100, MINUTE)])
    const answers = await Promise.all([1, 2, 3].map(async () => callWith(opened.token, READ.path)))
    expect(answers.map(({ code }) => code)).toEqual(["ok", "ok", "ok"])
    await evict(opened.task)
    expect(await callsOf(opened.task)).toBe(5)
  })

  test("a write waits", async () => {
    const opened = await openUnder([of(100, MINUTE)])
    const headers = { "Content-Type": "application/json" }
    expect(await orderOf(opened, { method: "PUT", path: "/files/a", body: "{}", headers })).toEqual(WAITS)
  })
})

test("each waking costs a window a hundredth at most, until its span is over", async () => {
  const { token, task } = await openUnder([of(200, TEN_MINUTES, { per: ["user"] })])
  let admitted = 2
  for (let waking = 1; waking <= 10; waking++) {
    for (let nth = 0; nth < 4; nth++) expect(await call(token)).toBe("ok")
    admitted += 4
    await evict(task)
  }
  const rest = async (of: string): Promise<number> => {
    let count = 0
    while (count <= 200 && (await callWith(of, READ.path)).code === "ok") count += 1
    return count
  }
  admitted += await rest(token)
  expect((await callWith(token, READ.path)).code).toBe("rate_limited")
  // Each had reserved one call that it did not make.
  expect(admitted).toBe(200 - 10)
  at((now += 601_000))
  expect(await rest((await openTask("first", { purpose: "work" })).token)).toBe(200)
})

describe("whatever step the objects die at", () => {
  const LIMIT = 100
  const LEFT = 6
  const SPANS: readonly [string, Limit["span"]][] = [
    ["a sliding window", { kind: "sliding", seconds: 600 }],
    ["a fixed period", { kind: "fixed", seconds: 600 }],
    ["a bucket", { kind: "bucket", seconds: 600, burst: LIMIT }],
  ]

  /** Of the calls that are left, how many are admitted, tried again wherever there is no answer. */
  async function admitted(span: Limit["span"], die: number | null) {
    await freshIsolate()
    const body = await yard()
    const tools = body.tools.map((tool) => (tool.name === "files.list" ? { ...tool, cost: LIMIT - LEFT } : tool))
    const limit = of(LIMIT, MINUTE, { measure: { kind: "cost" }, span })
    // A period is not over meanwhile.
    at((now = Math.ceil(now / 600_000) * 600_000))
    await publish({ ...body, tools, guardrails: [limit] })
    const { token } = await openTask("first", { purpose: "work" })
    expect(await callWith(token, "/files")).toMatchObject({ code: "ok" })
    let count = 0
    const steps = await dyingAt(die, async () => {
      for (const many of [1, 1, 2, 2, 2, 2]) {
        at((now += 400))
        const codes = await Promise.all(
          Array.from({ length: many }, async () =>
            callWith(token, READ.path).then(
              ({ code }) => code,
              () => "none",
            ),
          ),
        )
        count += codes.filter((code) => code === "ok").length
        await turn()
        await bury()
      }
    })
    return { count, steps }
  }

  test.each(SPANS)(
    "no more is admitted than %s has left",
    async (_what, span) => {
      const restore = watchSteps()
      try {
        const { count, steps } = await admitted(span, null)
        expect(count).toBe(LEFT)
        expect(steps).toContain("Journal.postpone begins")
        for (const [index, step] of steps.entries()) {
          if (inject("runs") === 1 && !/commit|postpone/u.test(step)) continue
          const died = await admitted(span, index)
          expect([step, died.count <= LEFT]).toEqual([step, true])
        }
      } finally {
        restore()
      }
    },
    600_000,
  )
})
