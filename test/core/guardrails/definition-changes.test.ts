/** A newer bundle may have a guardrail of the same id that is about something else: what was kept is not for it. */
import { describe, expect, inject, test } from "vitest"
import type { Guardrail } from "../../../src/core/guardrails/kinds.ts"
import type { Sequence } from "../../../src/core/guardrails/sequence.ts"
import { window } from "../../harness/guardrails.ts"
import { ALICE, assembled, callOf, newState, open, opened, reasonOf, scopes } from "../../harness/trees.ts"

const body = inject("yard")
const guardedBy = (guardrail: Guardrail) => assembled({ ...body, guardrails: [guardrail] })
const after = (tool: string, seconds = 60): Sequence => ({
  kind: "sequence",
  id: "order",
  of: { tools: ["files.read"] },
  consequence: "deny",
  require: { kind: "formerly", event: { tools: [tool], where: [] }, seconds },
})

function begun(guardrail: Guardrail) {
  const state = newState(ALICE)
  const bundle = guardedBy(guardrail)
  const held = opened(open(bundle, state, "first", null, { purpose: "work", asked: scopes("*:read") }))
  const reason = (by: Guardrail, tool: string): string =>
    reasonOf(guardedBy(by), state, callOf(held, tool, { file: "a" }))
  return { reason }
}

describe("another definition under the same id", () => {
  test("of a sequence: a call that the old one asked for does not satisfy the new one", () => {
    const { reason } = begun(after("files.list"))
    expect(reason(after("files.list"), "files.list")).toBe("allowed")
    expect(reason(after("burst.go"), "files.read")).toBe("sequence_broken")
    expect(reason(after("files.list"), "files.read")).toBe("allowed")
  })

  test("of a sequence: that looks farther back knows what the old one knew", () => {
    const { reason } = begun(after("files.list"))
    reason(after("files.list"), "files.list")
    expect(reason(after("files.list", 600), "files.read")).toBe("allowed")
  })

  test("of a window: another limit finds the same count, another key a new one", () => {
    const limited = (limit: number, per: "task" | "tree") =>
      window({ id: "w", tools: ["files.list"], per, limit, seconds: 60 })
    const { reason } = begun(limited(5, "task"))
    for (let index = 0; index < 3; index++) reason(limited(5, "task"), "files.list")
    expect(reason(limited(3, "task"), "files.list")).toBe("window_full")
    expect(reason(limited(3, "tree"), "files.list")).toBe("allowed")
  })
})
