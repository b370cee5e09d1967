/**
 * What a tree keeps for its guardrails is bounded as docs/guides/guardrails.md says: driven to ten times the bound
 * within one span, it has no more rows, and denies only where the documentation says that it does.
 */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { expect, inject, test } from "vitest"
import type { Condition, Pattern } from "../../src/core/guardrails/condition.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit, Span } from "../../src/core/guardrails/limit-definition.ts"
import { heldOf, KeptTree, openingsOf } from "../harness/driven-trees.ts"
import { openYard } from "../harness/modelled-life.ts"
import { ALICE, callOf, START } from "../harness/trees.ts"
import type { Asked } from "./model.ts"

interface Bound {
  readonly name: string
  readonly guardrail: Guardrail
  /** By the documentation. */
  readonly bound: number
  /** Rows that one of what is bounded takes. */
  readonly rowsEach: number
  readonly call: (turn: number) => Pick<Asked, "tool" | "values">
  /** What a call beyond the bound is denied by; null: none is. */
  readonly beyond: string | null
  /** Calls that reach the bound, where one call is not one of what is bounded. */
  readonly callsEach?: number
}

const DAY: Span = { kind: "sliding", seconds: 86_400 }
const ALL = { tools: ["*"] } as const
const KEYED = ["tree", "arguments.x"] as const
const limit = (more: Partial<Limit>): Limit => ({
  kind: "limit",
  topic: "budget",
  id: "g",
  of: ALL,
  consequence: "deny",
  per: KEYED,
  measure: { kind: "calls" },
  limit: 3,
  span: DAY,
  ...more,
})
const sequence = (require: Condition): Guardrail => ({
  kind: "sequence",
  id: "g",
  of: { tools: ["desk.pay"] },
  consequence: "deny",
  require,
})
const not = (of: Condition): Condition => ({ kind: "not", of })
const SAME: Pattern = { tools: ["desk.pay"], where: [{ past: "arguments.x", present: "arguments.x" }] }
const READ: Pattern = { ...SAME, tools: ["files.read"] }
const seconds = 86_400

const pay = (x: number) => ({ tool: "desk.pay", values: { x, y: "a", amount: 1 } })
const read = (x: number) => ({ tool: "files.read", values: { x, y: "a", amount: 1 } })
const KEYS = { bound: 10_000, rowsEach: 1, call: pay } as const

const BOUNDS: readonly Bound[] = [
  { name: "keys of a sliding budget", guardrail: limit({}), ...KEYS, beyond: "history_full" },
  {
    name: "keys of a fixed budget",
    guardrail: limit({ span: { kind: "fixed", seconds } }),
    ...KEYS,
    beyond: "history_full",
  },
  {
    name: "keys of a bucket",
    guardrail: limit({ topic: "window", span: { kind: "bucket", seconds, burst: 3 } }),
    ...KEYS,
    beyond: "history_full",
  },
  { name: "keys for life", guardrail: limit({ span: { kind: "life" } }), ...KEYS, beyond: "history_full" },
  {
    name: "calls of one sliding budget",
    guardrail: limit({ per: ["tree"], limit: 10_000_000 }),
    bound: 10_000,
    rowsEach: 0.15,
    call: () => pay(0),
    beyond: null,
  },
  {
    name: "calls of one budget that looks back 31 days",
    guardrail: limit({ per: ["tree"], limit: 10_000_000, span: { kind: "sliding", seconds: 31 * 86_400 } }),
    bound: 10_000,
    rowsEach: 0.15,
    call: () => pay(0),
    beyond: null,
  },
  {
    name: "values of one distinct",
    guardrail: limit({ per: ["tree"], measure: { kind: "distinct", field: "arguments.x" }, limit: 10_000 }),
    ...KEYS,
    beyond: "history_full",
  },
  {
    name: "values of all distincts",
    guardrail: limit({
      per: ["tree", "arguments.y"],
      measure: { kind: "distinct", field: "arguments.x" },
      limit: 10_000,
    }),
    bound: 50_000,
    rowsEach: 1,
    call: (turn) => ({ tool: "desk.pay", values: { x: turn, y: turn % 20 } }),
    beyond: "history_full",
  },
  {
    name: "values that formerly forbids",
    guardrail: sequence(not({ kind: "formerly", event: SAME, seconds })),
    ...KEYS,
    beyond: "history_full",
  },
  {
    name: "values that formerly requires",
    guardrail: sequence({ kind: "formerly", event: READ, seconds }),
    ...KEYS,
    call: read,
    beyond: null,
  },
  {
    name: "values that since requires",
    guardrail: sequence({ kind: "since", event: READ, undoneBy: { ...READ, tools: ["desk.search"] }, seconds }),
    ...KEYS,
    call: read,
    beyond: null,
  },
  {
    name: "keys of a count at most",
    guardrail: sequence({ kind: "count", event: SAME, seconds, is: { atMost: 3 } }),
    ...KEYS,
    beyond: "history_full",
  },
  {
    name: "calls of a count at most",
    guardrail: sequence({
      kind: "count",
      event: { tools: ["desk.pay"], where: [] },
      seconds,
      is: { atMost: 1_000_000 },
    }),
    // Beyond it one for each hundredth of the span, and as many of those that are being put together.
    bound: 256,
    rowsEach: 2,
    call: () => pay(0),
    beyond: null,
  },
  {
    name: "calls of a sum at least",
    guardrail: sequence({
      kind: "any",
      of: [
        { kind: "sum", event: READ, field: "arguments.amount", seconds, is: { atLeast: 10_000 } },
        { kind: "formerly", event: READ, seconds },
      ],
    }),
    bound: 256,
    rowsEach: 2,
    call: () => read(0),
    beyond: null,
  },
  {
    name: "values of a distinct at most",
    guardrail: sequence({
      kind: "distinct",
      event: { tools: ["desk.pay"], where: [{ past: "arguments.y", present: "arguments.y" }] },
      field: "arguments.x",
      seconds,
      is: { atMost: 10_000 },
    }),
    bound: 50_000,
    rowsEach: 1,
    call: (turn) => ({ tool: "desk.pay", values: { x: turn, y: turn % 20 } }),
    beyond: "history_full",
  },
  {
    name: "calls that were repeated",
    guardrail: limit({ topic: "loop", per: ["task", "call"], limit: 5 }),
    bound: 10_000,
    // The first two are two rows at once.
    rowsEach: 2.1,
    callsEach: 2,
    call: (turn) => pay(Math.floor(turn / 2)),
    beyond: "history_full",
  },
  {
    name: "circles",
    guardrail: { kind: "cycle", id: "g", of: ALL, consequence: "deny", longest: 8, times: 100, per: "task" },
    bound: 800,
    rowsEach: 0.1,
    call: (turn) => pay(turn % 8),
    beyond: "calls_circle",
  },
  {
    name: "denials",
    guardrail: { kind: "storm", id: "g", of: ALL, consequence: "deny", limit: 500, seconds, per: "task" },
    bound: 501,
    rowsEach: 1,
    call: () => ({ tool: "files.forbidden", values: {} }),
    beyond: "denial_storm",
  },
  {
    name: "keys of calls at once",
    guardrail: { kind: "concurrency", id: "g", of: ALL, consequence: "deny", limit: 1, per: KEYED },
    ...KEYS,
    beyond: "history_full",
  },
]

/** A short run goes just beyond the smaller bounds, the long run ten times as far. */
const FACTOR = inject("soak").calls >= 100_000 ? 10 : 1.2

test.for(BOUNDS.filter(({ bound }) => FACTOR === 10 || bound <= 10_000))(
  "$name: bounded as the documentation says",
  { timeout: 600_000 },
  async ({ guardrail, bound, rowsEach, callsEach = 1, call, beyond }) => {
    await runInDurableObject(env.LEDGER.getByName(crypto.randomUUID()), (_ledger, { storage }) => {
      const bundle = openYard([guardrail])
      const tree = new KeptTree(storage, bundle, ALICE)
      const openings = openingsOf(bundle, ALICE)
      for (const each of openings) tree.open(each)
      const [root] = openings.map(heldOf)
      if (!root) throw new Error("no task was opened")
      const rows = (): number => rowsIn(storage.sql)
      const before = rows()
      const reasons = new Map<string, number>()
      let now = START
      for (let turn = 0; turn < bound * FACTOR * callsEach; turn++) {
        // So slowly that some are put together, and so fast that all are in one span; what is in flight is so for a second.
        if (guardrail.kind !== "concurrency") now += 50
        const { tool, values } = call(turn)
        const reason = tree.call(callOf(root, tool, values), now)?.reason ?? "allowed"
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      }
      const busy = rows() - before
      expect(busy, "rows while it is busy").toBeLessThanOrEqual(bound * rowsEach * 1.1 + 150)
      const known = new Set(["allowed", "policy_permits_nothing", ...(beyond === null ? [] : [beyond])])
      expect([...reasons.keys()].filter((reason) => !known.has(reason))).toEqual([])
      if (beyond !== null) expect(reasons.get(beyond)).toBeGreaterThan(0)
      if (beyond !== "history_full" || callsEach > 1) return
      // Awake again it has no more room than before.
      tree.crash(now)
      const { tool, values } = call(Math.ceil(bound * FACTOR) - 1)
      expect(tree.call(callOf(root, tool, values), now)?.reason).toBe("history_full")
    })
  },
)

function rowsIn(sql: SqlStorage): number {
  const names = sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").toArray()
  return names
    .filter(({ name }) => !name.startsWith("_cf_") && !name.startsWith("sqlite_"))
    .reduce((sum, { name }) => sum + sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM "${name}"`).one().n, 0)
}
