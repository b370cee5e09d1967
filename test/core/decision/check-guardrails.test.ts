/** A guardrail that holds from a risk on is not there below it: it neither refuses nor counts, storms of denials too. */
import { expect, inject, test } from "vitest"
import type { Guardrail } from "../../../src/core/guardrails/kinds.ts"
import type { Storm } from "../../../src/core/guardrails/storm.ts"
import { HALF_LIFE } from "../../../src/core/guardrails/risk.ts"
import { agentId } from "../../harness/issuers.ts"
import { window } from "../../harness/guardrails.ts"
import { assembled, callOf, newState, open, opened, START, step } from "../../harness/trees.ts"

const STORM: Storm = {
  kind: "storm",
  id: "storm",
  of: { tools: ["*"] },
  consequence: "quarantine",
  fromRisk: 50,
  limit: 1,
  seconds: 60,
  per: "task",
}

const RATE = window({ id: "rate", tools: ["files.read"], per: "task", limit: 1, seconds: 60 }, { fromRisk: 50 })

function walk(guardrail: Guardrail, tool: string, ...levels: readonly number[]) {
  const bundle = assembled({ ...inject("yard"), guardrails: [guardrail] })
  const state = newState()
  const held = opened(open(bundle, state, "first"))
  return levels.map((level) => {
    const signal = { level, at: START, halfLife: HALF_LIFE.default }
    const risks = [{ kind: "agent" as const, name: agentId("first"), signal }]
    return step(bundle, state, callOf(held, tool, { file: "a" }, { risks })).denial?.reason ?? "allowed"
  })
}

test("a window", () => {
  expect(walk(RATE, "files.read", 49, 49, 50, 50)).toEqual(["allowed", "allowed", "allowed", "window_full"])
})

test("a storm: denials at a lower risk are no part of it, and end nothing", () => {
  const denied = "policy_permits_nothing"
  expect(walk(STORM, "files.forbidden", 49, 49, 49, 49)).toEqual([denied, denied, denied, denied])
  expect(walk(STORM, "files.forbidden", 49, 49, 50, 49, 50, 50)).toEqual([
    denied,
    denied,
    denied,
    denied,
    denied,
    "task_ended",
  ])
})
