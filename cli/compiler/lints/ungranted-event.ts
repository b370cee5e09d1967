/**
 * Past calls of tools that no grant covers: a call that is required has never happened, one that is forbidden never
 * will.
 */
import { eventsOf, toolsMeant } from "../checks/guardrails.ts"
import { toolsOf } from "./authority.ts"
import type { Lint } from "./lint.ts"

export const ungrantedEvent: Lint = {
  name: "ungranted-event",
  find: ({ policies: { agents, guardrails }, body: { tools } }) => {
    const granted = new Map(agents.value.purposes.map(({ name, grant }) => [name, toolsOf(grant, tools)]))
    const reached = new Set(
      agents.value.agents.flatMap(({ ceiling, purposes }) => {
        const within = toolsOf(ceiling, tools)
        return purposes.flatMap((name) => [...(granted.get(name) ?? [])].filter((tool) => within.has(tool)))
      }),
    )
    return eventsOf(guardrails.value).flatMap(({ path, event }) => {
      if (toolsMeant(event, tools).some(({ name }) => reached.has(name))) return []
      const message = "no grant covers any of these tools, so no such call ever precedes"
      return [guardrails.warning([...path, "tools"], message, "Name tools that some agent may call for a purpose.")]
    })
  },
}
