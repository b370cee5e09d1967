/** What a purpose grants, but the ceiling of every agent with that purpose excludes. */
import { sensitivityRank } from "../../../src/core/catalog/tool.ts"
import type { Problem } from "../source/problem.ts"
import { intersects, toolsByScope, toolsOf } from "./authority.ts"
import type { Lint } from "./lint.ts"

export const beyondCeiling: Lint = {
  name: "beyond-ceiling",
  find: ({ policies: { agents }, body: { tools } }) => {
    const ceilings = new Map(agents.value.agents.map((agent) => [agent, toolsOf(agent.ceiling, tools)]))
    return agents.value.purposes.flatMap(({ name, grant }, index) => {
      const having = agents.value.agents.filter(({ purposes }) => purposes.includes(name))
      if (having.length === 0) return []
      const at = ["purposes", index, "grant"]
      const covered = toolsByScope(grant, tools)
      const problems = grant.tools.flatMap((scope, place): Problem[] => {
        const wanted = covered(scope)
        const isReached = having.some((agent) => intersects(wanted, ceilings.get(agent) ?? new Set()))
        // Tools that are too sensitive for the purpose itself are another lint's subject (too-sensitive.ts).
        if (wanted.size === 0 || isReached) return []
        const message = `no agent with the purpose \`${name}\` may have any of \`${scope}\``
        const fix = "Widen the `ceiling` of an agent, or remove the scope."
        return [agents.warning([...at, "tools", place], message, fix)]
      })
      const [first, ...more] = having.map(({ ceiling }) => ceiling.max_sensitivity)
      const most = more.reduce((a, b) => (sensitivityRank(b) > sensitivityRank(a) ? b : a), first ?? "restricted")
      if (sensitivityRank(grant.max_sensitivity) > sensitivityRank(most)) {
        const message = `no agent with the purpose \`${name}\` may go beyond \`${most}\``
        const fix = `Write \`${most}\`, or raise the \`ceiling\` of an agent.`
        problems.push(agents.warning([...at, "max_sensitivity"], message, fix))
      }
      const unreached = (grant.environments ?? []).flatMap((environment, place): Problem[] => {
        if (having.some(({ ceiling }) => ceiling.environments?.includes(environment) ?? true)) return []
        const message = `no agent with the purpose \`${name}\` may work in environment \`${environment}\``
        const fix = "Add it to the `ceiling` of an agent, or remove it."
        return [agents.warning([...at, "environments", place], message, fix)]
      })
      return [...problems, ...unreached]
    })
  },
}
