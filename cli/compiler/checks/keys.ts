/**
 * What is counted over several trees has to end some time; calls in flight are counted in one ledger; and calls that
 * agree on a field have one value of it.
 */
import { isOfTree, isShared } from "../../../src/core/guardrails/limit-definition.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"

export function checkKeys({ guardrails }: Policies): Problem[] {
  const { budgets, concurrency, deviations } = guardrails.value
  return [
    ...budgets.flatMap(({ per, every, within }, index) => {
      if (isOfTree(per) || every !== undefined || within !== undefined) return []
      const message = "several trees share this budget, so it has to begin anew some time"
      const fix = "Write `every: 1d` or `within: 24h`, or add `task` or `tree` to `per`."
      return [guardrails.error(["budgets", index, "per"], message, fix)]
    }),
    ...concurrency.flatMap(({ per }, index) => {
      if (!isShared({ per })) return []
      const message = "calls in flight are counted within one tree, or for one user"
      return [
        guardrails.error(["concurrency", index, "per"], message, "Add `tree`, `task` or `user_or_agent` to `per`."),
      ]
    }),
    ...budgets.flatMap(({ per, distinct }, index) =>
      distinct && per.includes(distinct) ? [onlyOne("budgets", index, distinct)] : [],
    ),
    ...deviations.flatMap(({ per, changes }, index) =>
      per.includes(changes) ? [onlyOne("deviations", index, changes)] : [],
    ),
  ]

  function onlyOne(section: "budgets" | "deviations", index: number, field: string): Problem {
    const message = `calls that share this count agree on their \`${field}\`, so there is never more than one`
    return guardrails.error([section, index, "per"], message, `Take \`${field}\` out of \`per\`.`)
  }
}
