/** An annotation whose name is nearly one that Narrowgate reads. Cedar accepts any, and it would do nothing. */
import { isNode } from "../../../src/core/policy/cedar/est.ts"
import { nearest } from "../../../src/core/encoding/nearest.ts"
import type { Problem } from "../source/problem.ts"
import type { Lint } from "./lint.ts"

const READ = ["remedy", "message"]

export const unknownAnnotation: Lint = {
  name: "unknown-annotation",
  find: ({ rules }) =>
    rules.all.flatMap((rule): Problem[] => {
      const { annotations } = rule.policy
      const names = isNode(annotations) ? Object.keys(annotations) : []
      return names.flatMap((name): Problem[] => {
        const meant = nearest(name, READ)
        if (meant === undefined || READ.includes(name)) return []
        return [rule.warning("rule", `nothing reads \`@${name}\``, `Did you mean \`@${meant}\`?`)]
      })
    }),
}
