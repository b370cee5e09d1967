/** A delegation of which nothing is left: no task of the one agent covers a tool that any task of the other may have. */
import { isLifecycle } from "../../../src/core/catalog/lifecycle.ts"
import type { Problem } from "../source/problem.ts"
import { intersects, shareEnvironments, toolsOf, type Granted } from "./authority.ts"
import type { Lint } from "./lint.ts"

/** The most that a task of an agent may do, for one of its purposes. */
interface Reach {
  readonly tools: ReadonlySet<string>
  readonly caps: readonly Granted[]
}

export const emptyDelegation: Lint = {
  name: "empty-delegation",
  find: ({ policies: { agents }, body: { tools: all } }) => {
    // Those that come with a server are no reason to have a task.
    const tools = all.filter((tool) => !isLifecycle(tool))
    const reaches = new Map(
      agents.value.agents.map(({ id, ceiling, purposes }): [string, readonly Reach[]] => {
        const own = toolsOf(ceiling, tools)
        const ofAgent = agents.value.purposes
          .filter(({ name }) => purposes.includes(name))
          .map(({ grant }) => ({ tools: toolsOf(grant, tools).intersection(own), caps: [ceiling, grant] }))
        // A purpose of which nothing is left is another lint's subject (out-of-reach.ts).
        return [id, ofAgent.filter((reach) => reach.tools.size > 0 && shareEnvironments(reach.caps))]
      }),
    )
    return agents.value.agents.flatMap(({ id, delegates_to: heirs }, index) =>
      heirs.flatMap((heir, place): Problem[] => {
        const [above, below] = [reaches.get(id) ?? [], reaches.get(heir) ?? []]
        if (above.length === 0 || below.length === 0) return []
        if (above.some((one) => below.some((other) => isCommon(one, other)))) return []
        const message = "no task of this agent leaves that agent a tool that its ceiling and purposes cover"
        const fix = "Widen the `ceiling` or the purposes of one of them, or remove the agent here."
        return [agents.warning(["agents", index, "delegates_to", place], message, fix)]
      }),
    )
  },
}

function isCommon(one: Reach, other: Reach): boolean {
  return intersects(one.tools, other.tools) && shareEnvironments([...one.caps, ...other.caps])
}
