/** A step of a plan that no call can ever be: in an ordered plan, nothing after it can be called either. */
import { patternCovers } from "../../../src/core/catalog/pattern.ts"
import type { Problem } from "../source/problem.ts"
import { toolsOf } from "./authority.ts"
import type { Lint } from "./lint.ts"

export const impossibleStep: Lint = {
  name: "impossible-step",
  find: ({ policies: { agents }, body: { tools }, rules }) =>
    agents.value.purposes.flatMap(({ grant, plan }, index) => {
      if (!plan) return []
      const granted = toolsOf(grant, tools)
      return plan.steps.flatMap((step, place): Problem[] => {
        const meant = tools.filter(({ name }) => step.tools.some((pattern) => patternCovers(pattern, name)))
        const covered = meant.filter(({ name }) => granted.has(name))
        if (covered.some((tool) => rules.mayPermit(tool.action, tool) && rules.mayPermit("delegate", tool))) return []
        const which = `step ${place + 1} of the plan`
        const forbid = covered.map((tool) => rules.alwaysForbids(tool.action, tool)).find((rule) => rule !== undefined)
        const message =
          covered.length === 0
            ? `the purpose's \`max_sensitivity\` is below all tools of ${which}`
            : forbid
              ? `rule "${forbid.id}" at ${forbid.place} forbids ${which}, for every caller`
              : `no rule permits any principal ${which}`
        const fix = "Remove the step, or let its tool be granted and permitted."
        return [agents.warning(["purposes", index, "plan", "steps", place], message, fix)]
      })
    }),
}
