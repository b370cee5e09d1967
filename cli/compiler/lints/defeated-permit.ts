/** A permit of which forbids leave nothing. */
import type { Problem } from "../source/problem.ts"
import type { ReadRule } from "../reasoning/written.ts"
import type { Lint, Subject } from "./lint.ts"
import { shadowedIn } from "./shadowed.ts"

export const defeatedPermit: Lint = {
  name: "defeated-permit",
  find: (subject) => {
    const covered = new Map(
      shadowedIn(subject).flatMap(({ rule, by, how }) => (how === "forbidden" ? [[rule, by]] : [])),
    )
    return subject.rules.all.flatMap((rule): Problem[] => {
      if (rule.effect === "forbid" || subject.rules.verdict(rule).kind !== "may apply") return []
      const by = covered.get(rule) ?? forbiddenOneByOne(rule, subject)
      if (!by) return []
      const message = `rule "${by.id}" at ${by.place} forbids all that this one permits`
      return [rule.warning("rule", message, "Remove this rule, or narrow the forbid.")]
    })
  },
}

/** Rules without conditions, not always the same one, forbid each of its tools. */
function forbiddenOneByOne(rule: ReadRule, { questions, rules }: Subject): ReadRule | undefined {
  let by: ReadRule | undefined
  for (const action of questions.actions(rule.scope)) {
    for (const { tool } of questions.resources(rule.scope, action)) {
      const forbid = tool === null ? undefined : rules.alwaysForbids(action, tool)
      if (!forbid) return undefined
      by ??= forbid
    }
  }
  return by
}
