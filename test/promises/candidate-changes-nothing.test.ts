/** A candidate bundle is judged on the live state, in the live step: neither may be any different for it. */
import fc from "fast-check"
import { describe, expect, inject, test } from "vitest"
import { limitsIn, window } from "../harness/guardrails.ts"
import { Shadow } from "../../src/ledger/shadow.ts"
import { decide } from "../../src/core/decision/decide.ts"
import { applyChange, applyEnd, endedBy } from "../../src/core/task/transition.ts"
import { assemble } from "../../src/core/policy/assemble.ts"
import { encode } from "../../src/core/policy/encode.ts"
import { ALICE, assembled, callOf, newState, open, opened, scopes, snapshot, START } from "../harness/trees.ts"

const body = inject("yard")
const live = assembled()
const limits = limitsIn(body.guardrails)

const candidate = fc
  .record({
    rules: fc.subarray(body.rules.map(({ id }) => id)),
    windows: fc.array(fc.record({ limit: fc.integer({ min: 1, max: 3 }), seconds: fc.constantFrom(1, 10, 60, 3600) }), {
      minLength: limits.length,
      maxLength: limits.length,
    }),
    tools: fc.subarray([...body.tools], { minLength: 5 }),
    extra: fc.boolean(),
  })
  .map(({ rules, windows, tools, extra }) => {
    const changed = limits.map((limit, index) => {
      const { limit: most = limit.limit, seconds = 1 } = windows[index] ?? {}
      return { ...limit, limit: most, span: { kind: "sliding", seconds } as const }
    })
    const own = window({ id: "own", tools: ["*"], per: "tree", limit: 2, seconds: 5 })
    const parts = {
      rules: body.rules.filter(({ id }) => rules.includes(id)),
      guardrails: extra ? [...changed, own] : changed,
      tools,
      routes: body.routes.filter(({ tool }) => tools.some(({ name }) => name === tool)),
    }
    return assemble(encode({ ...body, ...parts }), { seq: 9, digest: "c".repeat(64) })
  })
const TOOLS = [
  "files.list",
  "files.read",
  "burst.go",
  "thrice.go",
  "thrice.go",
  "vault.read",
  "mail.send",
  "files.forbidden",
]
const calls = fc.array(
  fc.record({
    tool: fc.constantFrom(...TOOLS),
    after: fc.constantFrom(0, 0, 500, 1000, 9_999, 10_001),
  }),
  { minLength: 1, maxLength: 40 },
)

/** @param look what is done before each decision is applied */
function lived(
  purpose: string,
  steps: typeof calls extends fc.Arbitrary<infer Value> ? Value : never,
  tried: typeof live | null,
) {
  const state = newState(ALICE)
  const held = opened(open(live, state, "first", null, { purpose, asked: scopes("*:read", "*:write") }))
  const shadow = new Shadow()
  const verdicts = []
  let differing = 0
  let now = START
  for (const { tool, after } of steps) {
    now += after
    const call = { ...callOf(held, tool, { to: "a", file: "a" }), decisionId: "dec" }
    const outcome = decide(live, state, call, now)
    if (tried && shadow.call(tried, live, state, call, outcome, now).differs) differing += 1
    if (outcome.change) applyChange(state, outcome.change)
    if (outcome.end) applyEnd(state, endedBy(state, outcome.end), outcome.end)
    verdicts.push(outcome.verdict)
  }
  return { verdicts, state: snapshot(live, state, now), differing }
}

describe("a candidate that is tried", () => {
  test("changes no decision and no state, whatever it would have said", () => {
    let differing = 0
    fc.assert(
      fc.property(fc.constantFrom("work", "in-order"), calls, candidate, (purpose, steps, tried) => {
        const plain = lived(purpose, steps, null)
        const beside = lived(purpose, steps, tried)
        // Made anew for each life.
        const anonymous = (life: unknown): unknown =>
          JSON.parse(JSON.stringify(life).replaceAll(/token-\d+/gu, "token"))
        expect(anonymous([beside.verdicts, beside.state])).toEqual(anonymous([plain.verdicts, plain.state]))
        differing += beside.differing
      }),
      { seed: 20261125, numRuns: 300 },
    )
    expect(differing).toBeGreaterThan(300)
  })

  test("fills windows of its own by what it would have admitted, no further than to their limit", () => {
    const own = window({ id: "own", tools: ["files.list"], per: "tree", limit: 2, seconds: 5 })
    const tried = assemble(encode({ ...body, guardrails: [own] }), { seq: 9, digest: "c".repeat(64) })
    const state = newState(ALICE)
    const held = opened(open(live, state, "first", null, { purpose: "work", asked: scopes("*:read") }))
    const shadow = new Shadow()
    const wouldBe = [0, 1_000, 2_000, 3_000, 5_001].map((after) => {
      const now = START + after
      const call = callOf(held, "files.list", {})
      const outcome = decide(live, state, call, now)
      return shadow.call(tried, live, state, call, outcome, now).differs?.code ?? "same"
    })
    expect(wouldBe).toEqual(["same", "same", "rate_limited", "rate_limited", "same"])
  })
})
