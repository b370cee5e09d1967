/** Two rules that say the same: whoever changes the one will believe that it has changed. */
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
