/** A permit without any restriction of principal, resource or condition, over tools that change something. */
import type { Lint } from "./lint.ts"

export const unboundedPermit: Lint = {
  name: "unbounded-permit",
  find: ({ rules, questions }) =>
    rules.all.flatMap((rule) => {
      const { effect, scope, conjuncts } = rule
      const isUnbounded = scope.principal.includes("any") && scope.resource.includes("any") && conjuncts.length === 0
      if (effect !== "permit" || !isUnbounded) return []
      const changing = questions.actions(scope).filter((action) => action === "write" || action === "execute")
      if (changing.length === 0) return []
      const message = `every principal may ${changing.join(" and ")} whatever there is, now and later`
      return [rule.warning("rule", message, "Name a principal, a resource or a condition.")]
    }),
}
