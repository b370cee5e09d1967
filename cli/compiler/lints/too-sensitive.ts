/** A scope of a grant all of whose tools are above the grant's own `max_sensitivity`: it grants nothing. */
import type { Problem } from "../source/problem.ts"
import { grantsOf } from "../checks/grants.ts"
import { toolsByScope } from "./authority.ts"
import type { Lint } from "./lint.ts"

export const tooSensitive: Lint = {
  name: "too-sensitive",
  find: ({ policies: { agents }, body: { tools } }) =>
    grantsOf(agents.value).flatMap(({ path, grant }) => {
      const covered = toolsByScope(grant, tools)
      return grant.tools.flatMap((scope, place): Problem[] => {
        if (covered(scope).size > 0) return []
        const message = `\`${scope}\` covers only tools that are above \`${grant.max_sensitivity}\``
        return [agents.warning([...path, "tools", place], message, "Raise `max_sensitivity`, or remove the scope.")]
      })
    }),
}
