/**
 * Agents of which some purposes require a user and others do not. What such an agent does for a user and what it does
 * for nobody stand in two ledgers, and no guardrail and no carried label of the one applies in the other.
 */
import type { Lint } from "./lint.ts"

export const twoHistories: Lint = {
  name: "two-histories",
  find: ({ policies: { agents } }) => {
    const userOf = new Map(agents.value.purposes.map(({ name, user }) => [name, user]))
    return agents.value.agents.flatMap(({ purposes }, index) => {
      const withUser = purposes.find((name) => userOf.get(name) === "required")
      const without = purposes.find((name) => userOf.get(name) === "optional")
      if (withUser === undefined || without === undefined) return []
      const message = `purpose \`${withUser}\` has a user and \`${without}\` may have none: what is done for one does not count for the other`
      const fix = `Register another agent for \`${without}\`, or write \`user: required\` for it.`
      return [agents.warning(["agents", index, "purposes"], message, fix)]
    })
  },
}
