import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  advance,
  expected,
  isFinished,
  mayStillCome,
  newProgress,
  type Plan,
  type Progress,
} from "../../../src/core/guardrails/plan.ts"

const TOOLS = ["a", "b", "c", "d"]
const plan: fc.Arbitrary<Plan> = fc.record({
  ordered: fc.boolean(),
  steps: fc.array(
    fc.record({
      tools: fc.uniqueArray(fc.constantFrom(...TOOLS), { minLength: 1, maxLength: 2 }),
      times: fc.integer({ min: 1, max: 3 }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  deviation: fc.constant("deny"),
})
const calls = fc.array(fc.constantFrom(...TOOLS), { maxLength: 14 })

/** The steps that the admitted calls were of, read off the whole history anew with each call. */
function stepsOf({ ordered, steps }: Plan, tools: readonly string[]): readonly number[] {
  const taken: number[] = []
  for (const tool of tools) {
    const usedUp = (index: number): boolean =>
      taken.filter((step) => step === index).length >= (steps[index]?.times ?? 0)
    const last = taken.at(-1) ?? -1
    const mayBe = (index: number): boolean =>
      !usedUp(index) &&
      (!ordered || index === last || index === last + 1) &&
      (steps[index]?.tools.includes(tool) ?? false)
    const step = [...steps.keys()].find(mayBe)
    if (step === undefined) continue
    taken.push(step)
  }
  return taken
}

describe("a plan", () => {
  test("admits what its steps have a place for, so many times, in their order where it has one", () => {
    let left = 0
    let finished = 0
    fc.assert(
      fc.property(plan, calls, (planned, tools) => {
        let progress = newProgress(planned)
        const admitted: string[] = []
        for (const tool of tools) {
          expect(expected(planned, progress).includes(tool)).toBe(advance(planned, progress, tool) !== null)
          const next = advance(planned, progress, tool)
          if (!next) left += 1
          else {
            progress = next
            admitted.push(tool)
          }
        }
        const taken = stepsOf(planned, admitted)
        expect(taken).toHaveLength(admitted.length)
        expect(progress).toEqual(planned.steps.map((_, index) => taken.filter((step) => step === index).length))
        for (const tool of TOOLS) {
          const more = stepsOf(planned, [...admitted, tool]).length > admitted.length
          expect(advance(planned, progress, tool) !== null).toBe(more)
        }
        expect(isFinished(planned, progress)).toBe(expected(planned, progress).length === 0)
        if (isFinished(planned, progress)) finished += 1
      }),
      { seed: 20261125, numRuns: 2_000 },
    )
    expect(Math.min(left, finished)).toBeGreaterThan(100)
  })

  test("has a tool to come just where some calls lead to it", () => {
    const leadsTo = (planned: Plan, progress: Progress, tool: string): boolean => {
      const tried = new Set<string>()
      const open = [progress]
      for (let each = open.pop(); each; each = open.pop()) {
        const now = each
        if (advance(planned, now, tool)) return true
        if (tried.has(now.join())) continue
        tried.add(now.join())
        open.push(...TOOLS.map((other) => advance(planned, now, other)).filter((next) => next !== null))
      }
      return false
    }
    const said = { yes: 0, no: 0 }
    fc.assert(
      fc.property(plan, calls, (planned, tools) => {
        const progress = tools.reduce((before, tool) => advance(planned, before, tool) ?? before, newProgress(planned))
        for (const tool of TOOLS) {
          const may = mayStillCome(planned, progress, tool)
          expect(may).toBe(leadsTo(planned, progress, tool))
          said[may ? "yes" : "no"] += 1
        }
      }),
      { seed: 20261125, numRuns: 500 },
    )
    expect(Math.min(said.yes, said.no)).toBeGreaterThan(100)
  })

  test("in order, no step is skipped and none comes back", () => {
    const ordered: Plan = {
      ordered: true,
      steps: [
        { tools: ["crm.*"], times: 2 },
        { tools: ["mail.send"], times: 1 },
      ],
      deviation: "deny",
    }
    const start = newProgress(ordered)
    expect(advance(ordered, start, "mail.send")).toBeNull()
    const read = advance(ordered, start, "crm.read")
    expect(read).toEqual([1, 0])
    const sent = advance(ordered, read ?? [], "mail.send")
    expect(sent).toEqual([1, 1])
    expect(advance(ordered, sent ?? [], "crm.read")).toBeNull()
    expect(isFinished(ordered, sent ?? [])).toBe(true)
  })

  test("without an order a call is of the step that names its tool, and leaves a wider one to others", () => {
    const loose: Plan = {
      ordered: false,
      steps: [
        { tools: ["crm.*"], times: 1 },
        { tools: ["crm.read"], times: 1 },
      ],
      deviation: "deny",
    }
    const read = advance(loose, newProgress(loose), "crm.read")
    expect(read).toEqual([0, 1])
    expect(advance(loose, read ?? [], "crm.write")).toEqual([1, 1])
    expect(advance(loose, read ?? [], "crm.read")).toEqual([1, 1])
  })
})
