/**
 * What may be late is listed, member by member; everything else that a step stores is durable before its answer. A
 * member without a sample does not compile, and one that writes a row that its entry does not expect fails.
 */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, inject, test, vi } from "vitest"
import { NO_EVIDENCE } from "../../src/core/decision/call.ts"
import type { MemoryUpdate } from "../../src/core/guardrails/memory-update.ts"
import type { Span } from "../../src/core/guardrails/limit-definition.ts"
import { openRequest, openStep } from "../../src/core/explanation/simulated-tree.ts"
import { isOAuthFailure } from "../../src/core/denials/oauth-error.ts"
import { requestApproval, type Approval } from "../../src/core/task/approval.ts"
import type { TaskChange } from "../../src/core/task/change.ts"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"
import type { TreeState } from "../../src/core/task/state.ts"
import { applyChange } from "../../src/core/task/transition.ts"
import { dueOfChange } from "../../src/ledger/change-storage.ts"
import { DUE, type Due } from "../../src/ledger/due.ts"
import { LedgerStorage } from "../../src/ledger/storage.ts"
import { urgencyOf, type CallStep } from "../../src/ledger/urgency.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { agentId } from "../harness/issuers.ts"
import { assembled, newState, ROOT, START } from "../harness/trees.ts"

const BUNDLE = { ...assembled(inject("yard")), readsCalls: false }
const AT = START + 10_000
const LATER = AT + 10_000
const AGENT = historyKeyOf(agentId("first"))

type When = keyof typeof DUE
const whenOf = (due: Due): string | undefined => Object.keys(DUE)[Object.values(DUE).indexOf(due)]

freshIsolateForEach()

interface Kept {
  readonly storage: LedgerStorage
  readonly state: TreeState
  /** How many rows are written meanwhile. */
  readonly rowsOf: (work: () => void) => number
}

/** A tree with its root task, on the SQLite of an object. */
async function keep(use: (kept: Kept) => void, calls: number | null = null): Promise<void> {
  await runInDurableObject(env.LEDGER.getByName(crypto.randomUUID()), (_ledger, { storage: { sql } }) => {
    const storage = new LedgerStorage(sql)
    const state = newState()
    storage.saveTree(state)
    const grant = { parts: null, inDetails: false, calls }
    const opened = openStep(BUNDLE, state, openRequest(agentId("first"), state, "token", { asked: grant }), START)
    if (isOAuthFailure(opened)) throw new Error(JSON.stringify(opened))
    storage.saveOpening(state, opened.opening, [], START)
    storage.journal.commit(START)
    const exec = vi.spyOn(sql, "exec")
    use({
      storage,
      state,
      rowsOf(work) {
        exec.mockClear()
        work()
        storage.journal.commit(AT)
        return exec.mock.results.reduce((sum, { value }) => sum + value.rowsWritten, 0)
      },
    })
    exec.mockRestore()
  })
}

const NOTHING: TaskChange = {
  at: AT,
  counted: [],
  busy: [],
  plans: [],
  approvals: [],
  memoryUpdates: [],
  labels: [],
  carried: [],
  remember: null,
}
const COUNTED: TaskChange = { ...NOTHING, counted: [ROOT] }

const APPROVAL: Approval = requestApproval(
  {
    id: "apr_1",
    task: ROOT,
    tool: "files.read",
    call: "call",
    request: "request",
    environment: "test",
    guardrail: null,
    name: null,
    rules: [],
    figures: null,
    shown: {
      agent: agentId("first"),
      purpose: "work",
      chain: [],
      user: null,
      method: "GET",
      arguments: "{}",
      redacted: [],
    },
    inboxes: [],
    decision: "dec_1",
    bundle: 1,
    expiresAt: AT + 60_000,
    limitedBy: "approval_life",
    terms: { need: 1, mostUses: 1 },
  },
  AT,
)

const owned = { owner: "o", key: "k" }
const WINDOW = {
  ...owned,
  kind: "spend",
  amount: 1,
  limit: 100,
  span: { kind: "sliding", seconds: 600 },
  repeats: null,
  isWindow: true,
} as const

const of = (...updates: readonly MemoryUpdate[]): TaskChange => ({
  ...NOTHING,
  memoryUpdates: [{ scope: ROOT, updates }],
})

/** Each member of a change, with nothing but it; and when it is to be durable. */
const CHANGES: { readonly [Member in keyof TaskChange]-?: readonly [value: TaskChange[Member], when: When] } = {
  at: [LATER, "never"],
  counted: [[ROOT], "late"],
  busy: [[ROOT], "never"],
  plans: [[{ task: ROOT, progress: [1] }], "before"],
  approvals: [[APPROVAL], "before"],
  memoryUpdates: [of(WINDOW).memoryUpdates, "reserving"],
  labels: [["secret"], "before"],
  carried: [[{ agent: AGENT, label: "secret", into: "all", at: AT, carry: 60_000, decision: "dec_1" }], "before"],
  remember: [{ key: "k", task: ROOT, finished: null, call: "call", decisionId: "dec_1", until: AT + 60_000 }, "never"],
}

/** Each update of a guardrail's memory, as it comes alone. */
const UPDATES: {
  readonly [Kind in MemoryUpdate["kind"]]: readonly [Extract<MemoryUpdate, { readonly kind: Kind }>, When]
} = {
  spend: [WINDOW, "reserving"],
  // credits.ts writes it, before its answer: see `isLent` of a step.
  credit: [{ ...owned, kind: "credit", amount: 1 }, "never"],
  mark: [{ ...owned, kind: "mark", values: ["v"], spanMs: 60_000, slackMs: 1_000, late: true, most: 10 }, "before"],
  tally: [{ ...owned, kind: "tally", amount: 1, spanMs: 60_000 }, "before"],
  last: [{ ...owned, kind: "last", value: "v", spanMs: 60_000, slackMs: 1_000, late: true }, "before"],
  denied: [{ ...owned, kind: "denied", value: "v", spanMs: 60_000 }, "before"],
  trail: [{ ...owned, kind: "trail", call: "c", lazy: true, pauseMs: 60_000 }, "before"],
  flight: [
    { ...owned, kind: "flight", id: "dec_1", inFlight: { until: AT + 60_000, gateway: "envoy", task: ROOT } },
    "before",
  ],
}

describe("a change", () => {
  test.each(Object.entries(CHANGES))("of nothing but `%s`", async (member, [value, when]) => {
    await keep(({ storage, state, rowsOf }) => {
      const change: TaskChange = { ...NOTHING, [member]: value }
      expect(whenOf(dueOfChange(change, storage, state, false))).toBe(when)
      const rows = rowsOf(() => storage.saveChange(state, change))
      expect(rows > 0, "is a row written").toBe(when !== "never")
    })
  })

  test("of calls waits if a rule reads them, or a grant limits them", async () => {
    await keep(({ storage, state }) => expect(whenOf(dueOfChange(COUNTED, storage, state, true))).toBe("before"))
    await keep(({ storage, state }) => expect(whenOf(dueOfChange(COUNTED, storage, state, false))).toBe("before"), 9)
  })

  test.each(Object.entries(UPDATES))("of nothing but a guardrail's `%s`", async (_kind, [update, when]) => {
    await keep(({ storage, state, rowsOf }) => {
      expect(whenOf(dueOfChange(of(update), storage, state, false))).toBe(when)
      const rows = rowsOf(() => storage.saveChange(state, of(update)))
      expect(rows > 0, "is a row written").toBe(when !== "never")
    })
  })

  test("is as urgent as the most urgent of its members", async () => {
    const rest = Object.entries(UPDATES).flatMap(([, [update, when]]) => (when === "before" ? [update] : []))
    await keep(({ storage, state }) => {
      for (const update of rest)
        expect([update.kind, whenOf(dueOfChange(of(WINDOW, update), storage, state, false))]).toEqual([
          update.kind,
          "before",
        ])
    })
  })
})

describe("of what a window counts, the second lone call may be late", () => {
  const spans: readonly (readonly [
    string,
    number,
    Span,
    Partial<typeof WINDOW> | { readonly isWindow: false },
    When,
  ])[] = [
    ["a window of a hundred in ten minutes", 100, { kind: "sliding", seconds: 600 }, {}, "late"],
    ["a period of ten minutes", 100, { kind: "fixed", seconds: 600 }, {}, "late"],
    ["a bucket that fills in ten minutes", 100, { kind: "bucket", seconds: 600, burst: 100 }, {}, "late"],
    ["a window below a hundred", 99, { kind: "sliding", seconds: 600 }, {}, "before"],
    ["a window of more than ten minutes", 100, { kind: "sliding", seconds: 601 }, {}, "before"],
    ["the whole life", 1_000, { kind: "life" }, {}, "before"],
    ["what is no window", 1_000, { kind: "sliding", seconds: 60 }, { isWindow: false }, "before"],
  ]
  test.each(spans)("%s: of %d", async (_what, limit, span, more, second) => {
    await keep(({ storage, state }) => {
      const first = of({ ...WINDOW, limit, span, ...more })
      const whenFirst = whenOf(dueOfChange(first, storage, state, false))
      expect(whenFirst).toBe(second === "late" ? "reserving" : "before")
      storage.saveChange(state, first, whenFirst === "reserving")
      storage.journal.commit(AT)
      applyChange(state, first)
      const next = { ...of({ ...WINDOW, limit, span, ...more }), at: LATER }
      expect(whenOf(dueOfChange(next, storage, state, false))).toBe(second)
    })
  })
})

const STEP: CallStep = {
  change: null,
  verdict: { denial: null, evidence: NO_EVIDENCE, retryOf: null },
  proof: null,
  end: null,
  requestedApproval: null,
  storm: null,
  denialUpdates: [],
  needs: [],
  wants: [],
  isNewer: false,
  isKept: false,
  isLent: false,
}

/** Each member of a step: a value with something in it, and whether an answer waits for what is stored besides. */
const STEPS: { readonly [Member in keyof CallStep]-?: readonly [value: CallStep[Member], besides: "waits" | "late"] } =
  {
    change: [COUNTED, "late"],
    verdict: [{ denial: { reason: "ledger_overloaded" }, evidence: NO_EVIDENCE, retryOf: null }, "late"],
    proof: ["jti", "waits"],
    end: [{ task: ROOT, status: "completed", by: "plan" }, "waits"],
    requestedApproval: [APPROVAL, "waits"],
    // Only together with an end.
    storm: [{ reason: "ledger_overloaded" }, "late"],
    denialUpdates: [[{ scope: ROOT, updates: [UPDATES.denied[0]] }], "waits"],
    // What has needs is not stored: it is decided again.
    needs: [[], "late"],
    wants: [[], "late"],
    isNewer: [true, "waits"],
    isKept: [true, "waits"],
    isLent: [true, "waits"],
  }

describe("a step that counts a call which may be late", () => {
  test.each(Object.entries(STEPS))("and has `%s`", async (member, [value, besides]) => {
    await keep(({ storage, state }) => {
      const step: CallStep = { ...STEP, change: COUNTED, [member]: value }
      expect(urgencyOf(step, storage, state, BUNDLE, AT)).toEqual({
        writes: true,
        waits: besides === "waits",
        reserves: besides === "late",
      })
    })
  })
})

test("a step writes what it has alone, and nothing for a proof or for credit", async () => {
  await keep(({ storage, state }) => {
    const writing = Object.entries(STEPS).flatMap(([member, [value]]) =>
      urgencyOf({ ...STEP, [member]: value }, storage, state, BUNDLE, AT).writes ? [member] : [],
    )
    expect(writing).toEqual(["change", "end", "requestedApproval", "denialUpdates", "isNewer", "isKept"])
  })
})
