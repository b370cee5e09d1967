/** A scope of a grant all of whose tools are above the grant's own `max_sensitivity`: it grants nothing. */
import type { Problem } from "../source/problem.ts"
import { grantsOf } from "../checks/grants.ts"
import { toolsOf } from "./authority.ts"
import type { Lint } from "./lint.ts"

export const tooSensitive: Lint = {
  name: "too-sensitive",
  find: ({ policies: { agents }, body: { tools } }) =>
    grantsOf(agents.value).flatMap(({ path, grant }) =>
      grant.tools.flatMap((scope, place): Problem[] => {
        if (toolsOf({ ...grant, tools: [scope] }, tools).size > 0) return []
        const message = `\`${scope}\` covers only tools that are above \`${grant.max_sensitivity}\``
        return [agents.warning([...path, "tools", place], message, "Raise `max_sensitivity`, or remove the scope.")]
      }),
    ),
}
