/**
 * Guardrails against a model of what docs/guides/guardrails.md says of them: without storage, so that it is many runs.
 */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Guardrail } from "../../../src/core/guardrails/kinds.ts"
import { PureTree } from "../../harness/driven-trees.ts"
import {
  concurrency,
  cycle,
  limit,
  lives,
  repeats,
  sequence,
  several,
  storm,
  type Step,
} from "../../harness/guardrail-worlds.ts"
import { ModelledLife, openYard } from "../../harness/modelled-life.ts"
import { longerBy, runsOf } from "../../harness/runs.ts"
import { ALICE } from "../../harness/trees.ts"

const anything = several(limit({ large: false }), repeats, sequence, sequence, cycle, storm, concurrency)

function live(guardrails: readonly Guardrail[], steps: readonly Step[], hasUser: boolean): ModelledLife["seen"] {
  const bundle = openYard(guardrails)
  const user = hasUser ? ALICE : null
  const life = new ModelledLife(bundle, new PureTree(bundle, user), user, "exact")
  life.go(steps)
  return life.seen
}

const hasUser = fc.constantFrom(true, true, true, true, false)

describe("every verdict is the model's, and a denied call leaves nothing", () => {
  test.each([
    ["limits", several(limit({ large: false }), repeats), lives(), 0.3],
    ["sequences", several(sequence), lives(), 0.4],
    ["circles", several(cycle), lives({ alike: true }), 0.1],
    ["storms", several(storm, storm, limit({ large: false })), lives({ denied: 10 }), 0.1],
    ["calls in flight", several(concurrency), lives(), 0.1],
    ["all together", anything, lives(), 0.1],
  ] as const)("%s", { timeout: longerBy(60_000) }, (_what, guardrails, happenings, part) => {
    const seen = { admitted: 0, denied: 0 }
    const property = fc.property(guardrails, happenings, hasUser, (...world) => {
      const { admitted, denied } = live(...world)
      seen.admitted += admitted
      seen.denied += denied
    })
    const numRuns = runsOf(3_300 * part)
    fc.assert(property, { seed: 20261125, numRuns })
    // There has been something to see.
    expect(seen.admitted).toBeGreaterThan(numRuns)
    expect(seen.denied).toBeGreaterThan(numRuns / 2)
  })
})

test("a call whose tie cannot be read is not denied by what a `when` keeps of denied calls", () => {
  const previous = {
    kind: "previous",
    event: { tools: ["*"], where: [{ past: "arguments.x", present: "arguments.x" }] },
    seconds: 1,
    in: "task",
  } as const
  const event = { tools: ["*"], where: [], when: previous } as const
  const sum = { kind: "sum", event, field: "arguments.amount", seconds: 1, is: { atLeast: 5000 } } as const
  // For other purposes: the first call is no concern of the sequence, and only heard.
  const of = { tools: ["*"], purposes: ["errand"] } as const
  const call = { does: "call", times: 1, tool: "files.list", by: 0, complete: true, gateway: "envoy" } as const
  const from = { environment: "test", country: "DE", network: "10.0.0.0/24", risk: 0 } as const
  const steps: readonly Step[] = [
    { ...call, ...from, values: { x: 1, amount: 0.1, X: 1 } },
    { ...call, ...from, values: { x: 1, amount: 1 } },
  ]
  expect(live([{ kind: "sequence", of, require: sum, consequence: "deny", id: "g" }], steps, true)).toMatchObject({
    admitted: 2,
    denied: 0,
  })
})
