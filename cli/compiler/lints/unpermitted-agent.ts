/** An agent that no rule permits any tool that its ceiling and purposes cover: its tasks open, and every call is denied. */
import type { Tool } from "../../../src/core/catalog/tool.ts"
import { serverOf } from "../model/tools.ts"
import type { Problem } from "../source/problem.ts"
import { toolsOf, type Granted } from "./authority.ts"
import type { Lint } from "./lint.ts"
import { anyClientOf } from "./subject.ts"

interface Holder {
  readonly groups: readonly string[]
  readonly ceiling: Granted
  readonly purposes: readonly string[]
}

export const unpermittedAgent: Lint = {
  name: "unpermitted-agent",
  find: ({ policies: { agents }, body, rules }) => {
    const working = body.tools.filter((tool) => !isLifecycle(tool))
    const granted = new Map(agents.value.purposes.map(({ name, grant }) => [name, toolsOf(grant, working)]))
    const isPermitted = (id: string, { ceiling, purposes }: Holder): boolean => {
      const held = toolsOf(ceiling, working)
      const covered = working.filter(
        ({ name }) => held.has(name) && purposes.some((purpose) => granted.get(purpose)?.has(name)),
      )
      // Without any tool it is no rule that is missing (out-of-reach.ts).
      return covered.length === 0 || covered.some((tool) => rules.mayPermit(tool.action, tool, id))
    }
    const warn = (path: readonly (string | number)[], who: string, { groups: [group] }: Holder): Problem => {
      const message = `no rule permits ${who} any tool that it may have, so all of its calls are denied`
      const fix =
        group === undefined
          ? "Put it into one of `groups` that a `permit` is about."
          : `Add a \`permit\` for \`principal in AgentGroup::"${group}"\`, with the tools that it is for.`
      return agents.warning(path, message, fix)
    }
    const { registration } = agents.value
    return [
      ...agents.value.agents.flatMap((agent, index) =>
        isPermitted(agent.id, agent) ? [] : [warn(["agents", index, "id"], "the agent", agent)],
      ),
      ...(registration && !isPermitted(anyClientOf(registration), registration)
        ? [warn(["registration", "class"], "a client of the class", registration)]
        : []),
    ]
  },
}

function isLifecycle({ name }: Tool): boolean {
  return name.startsWith(`${serverOf(name)}.mcp.`)
}
