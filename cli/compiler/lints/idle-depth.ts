/** Levels of sub-agents for an agent that may delegate to none. */
import type { Lint } from "./lint.ts"

export const idleDepth: Lint = {
  name: "idle-depth",
  find: ({ policies: { agents } }) =>
    agents.value.agents.flatMap(({ depth, delegates_to: heirs }, index) => {
      if (depth === 0 || heirs.length > 0) return []
      const message = "`depth` has no effect without `delegates_to`"
      return [agents.warning(["agents", index, "depth"], message, "Name agents in `delegates_to`, or remove it.")]
    }),
}
