/** A purpose that no agent has: no task can ever be opened for it. */
import type { Lint } from "./lint.ts"

export const unusedPurpose: Lint = {
  name: "unused-purpose",
  find: ({ policies: { agents } }) => {
    const { registration } = agents.value
    const used = new Set(
      [...agents.value.agents, ...(registration ? [registration] : [])].flatMap(({ purposes }) => purposes),
    )
    return agents.value.purposes.flatMap(({ name }, index) => {
      if (used.has(name)) return []
      const message = `no agent has the purpose \`${name}\``
      return [agents.warning(["purposes", index, "name"], message, "Give it to an agent, or remove it.")]
    })
  },
}
