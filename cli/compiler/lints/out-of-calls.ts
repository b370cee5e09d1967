/** What a purpose provides for but cannot get in its lifetime: calls that a window denies, steps beyond its calls. */
import { patternCovers } from "../../../src/core/catalog/pattern.ts"
import type { Problem } from "../source/problem.ts"
import { toolsOf } from "./authority.ts"
import type { Lint } from "./lint.ts"
import { limitedBy, mostWithin, sharesCount, shownSpan, windowsIn, type Window } from "./windows.ts"

export const outOfCalls: Lint = {
  name: "out-of-calls",
  find: ({ policies: { agents }, body: { guardrails, tools } }) => {
    const all = windowsIn(guardrails).map((window) => ({ window, of: limitedBy(window, tools) }))
    const handing = new Set(agents.value.agents.flatMap(({ depth, purposes }) => (depth > 0 ? purposes : [])))
    const costly = new Set(tools.filter(({ cost }) => cost > 0).map(({ name }) => name))
    return agents.value.purposes.flatMap(({ name, grant, plan, life }, index) => {
      const problems: Problem[] = []
      // Calls of sub-agents' tasks count in this task, and those tasks may have a window of their own.
      const limited = all.filter(({ window }) => sharesCount(window, handing.has(name) ? ["tree"] : ["task"]))
      const inWords = (window: Window) =>
        `window \`${window.id}\` admits ${mostWithin(window, life)} in the life of a task (${shownSpan(life)})`
      const { calls } = grant
      if (calls !== undefined) {
        const counted = toolsOf(grant, tools).intersection(costly)
        const tight = limited.find(({ window, of }) => counted.isSubsetOf(of) && mostWithin(window, life) < calls)
        if (tight) {
          const message = `no task of purpose \`${name}\` makes ${calls} calls: ${inWords(tight.window)}`
          const fix = "Lower `calls`, or raise the window's `limit`."
          problems.push(agents.warning(["purposes", index, "grant", "calls"], message, fix))
        }
      }
      if (!plan) return problems
      const at = ["purposes", index, "plan", "steps"]
      // Each step is at least one call, or the plan never ends.
      const steps = plan.steps.map((step) =>
        tools.filter((tool) => step.tools.some((pattern) => patternCovers(pattern, tool.name))),
      )
      const counting = steps.filter((step) => step.every(({ cost }) => cost > 0)).length
      if (calls !== undefined && counting > calls) {
        const message = `the plan has ${counting} steps, and the purpose grants ${calls} calls`
        problems.push(agents.warning(at, message, "Raise `calls`, or remove steps."))
      }
      for (const { window, of } of limited) {
        const needed = steps.filter((step) => step.every((tool) => of.has(tool.name))).length
        if (needed <= mostWithin(window, life)) continue
        const message = `the plan needs ${needed} calls: ${inWords(window)}`
        problems.push(agents.warning(at, message, "Raise the window's `limit`, or give the purpose a longer `life`."))
      }
      return problems
    })
  },
}
