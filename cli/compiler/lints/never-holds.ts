/** Rules whose conditions can never all be true, whatever the call. */
import type { Contradiction } from "../reasoning/refute.ts"
import type { ReadRule } from "../reasoning/written.ts"
import { nearest } from "../../../src/core/encoding/nearest.ts"
import type { Problem } from "../source/problem.ts"
import type { Lint } from "./lint.ts"

export const neverHolds: Lint = {
  name: "never-holds",
  find: ({ rules }) =>
    rules.all.flatMap((rule): Problem[] => {
      const verdict = rules.verdict(rule)
      if (rule.isWarned) return []
      if (verdict.kind === "contradiction") return contradictory(rule, verdict.contradiction)
      if (verdict.kind !== "no such resource") return []
      const message = "this is true of nothing that the rule is about, so it never holds"
      return [rule.warning(verdict.conjunct, message, "Correct it, widen the rule's scope, or remove the rule.")]
    }),
}

function contradictory(rule: ReadRule, contradiction: Contradiction): Problem[] {
  const conjunct = rule.conjuncts[contradiction.index]
  if (!conjunct) return []
  if (contradiction.kind === "unknown") {
    const { value, known } = contradiction
    const near = nearest(value.replace(/^"(.*)"$/u, "$1"), known.names)
    const fix =
      near === undefined ? "Correct the name, or remove the rule." : `Did you mean \`${JSON.stringify(near)}\`?`
    return [rule.warning(conjunct, `${value} is no ${known.what}, so the rule never holds`, fix)]
  }
  const other = rule.conjuncts[contradiction.with]
  if (!other || other === conjunct) {
    return [rule.warning(conjunct, "this can never be so, so the rule never holds", "Correct it, or remove the rule.")]
  }
  const [first, second] = [other, conjunct].map((each) => `${each.expected ? "" : "unless "}\`${rule.textOf(each)}\``)
  const message = `${first} and ${second} are never so at once, so the rule never holds`
  return [rule.warning(conjunct, message, "Correct one of them, or join them by `||`.")]
}
