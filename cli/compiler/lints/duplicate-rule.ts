/** Two equal rules: an author who changes one of them will believe that the policy has changed. */
import type { Lint } from "./lint.ts"
import { shadowedIn } from "./shadowed.ts"

export const duplicateRule: Lint = {
  name: "duplicate-rule",
  find: (subject) =>
    shadowedIn(subject).flatMap(({ rule, by, how }) =>
      how === "same"
        ? [rule.warning("rule", `rule "${by.id}" at ${by.place} says the same`, "Remove one of them.")]
        : [],
    ),
}
