/** A purpose of an agent for which its ceiling leaves nothing, although it covers tools of these names. */
import type { Problem } from "../source/problem.ts"
import { intersects, shareEnvironments, toolsOf } from "./authority.ts"
import type { Lint } from "./lint.ts"

export const outOfReach: Lint = {
  name: "out-of-reach",
  find: ({ policies: { agents }, body: { tools } }) => {
    const purposes = new Map(
      agents.value.purposes.map(({ name, grant }) => [name, { grant, covered: toolsOf(grant, tools) }]),
    )
    return agents.value.agents.flatMap(({ ceiling, purposes: names }, index) => {
      const covered = toolsOf(ceiling, tools)
      return names.flatMap((name, place): Problem[] => {
        const purpose = purposes.get(name)
        const isTaken = purpose && intersects(purpose.covered, covered)
        if (!purpose || (isTaken && shareEnvironments([purpose.grant, ceiling]))) return []
        const why = isTaken ? "none of its environments" : "no tool of it that is within `max_sensitivity`"
        const message = `the agent's ceiling leaves ${why} for purpose \`${name}\``
        return [
          agents.warning(["agents", index, "purposes", place], message, "Widen the `ceiling`, or remove the purpose."),
        ]
      })
    })
  },
}
