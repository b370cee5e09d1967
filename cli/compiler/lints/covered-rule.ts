/** A rule that another of the same effect covers wholly: to remove it changes no decision. */
import type { Lint } from "./lint.ts"
import { shadowedIn } from "./shadowed.ts"

export const coveredRule: Lint = {
  name: "covered-rule",
  find: (subject) =>
    shadowedIn(subject).flatMap(({ rule, by, how }) => {
      if (how !== "wider") return []
      const message = `rule "${by.id}" at ${by.place} ${by.effect}s all that this one does`
      return [rule.warning("rule", message, "Remove it, or narrow the other.")]
    }),
}
