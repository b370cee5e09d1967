/**
 * Purposes and approvals whose `life` exceeds every session of an issuer: their tasks end with the session, and what
 * people are asked with the task.
 */
import type { Policies } from "../model/policies.ts"
import { isRefreshed } from "../../../src/core/task/extension.ts"
import { isOfflinePurpose } from "../../../src/core/task/offline.ts"
import type { AgentsFile } from "../schema/agents.ts"
import type { Lint } from "./lint.ts"

export const shortSession: Lint = {
  name: "short-session",
  find: ({ policies }) => {
    const shortest = shortestSession(policies)
    if (!shortest) return []
    const { agents, approvers } = policies
    const { issuer, seconds, member } = shortest
    const sessions = `sessions of \`${issuer}\` last ${seconds} seconds at most (\`${member}\`)`
    const purposes = agents.value.purposes.flatMap((purpose, index) => {
      const { life } = purpose
      if (life <= seconds || !endsWithSession(purpose)) return []
      const { name } = purpose
      const message = `a task of \`${name}\` may live for ${life} seconds, and ${sessions}: it ends with the session`
      return [
        agents.warning(
          ["purposes", index, "life"],
          message,
          `Write \`life: ${seconds}\`, or less, or \`session: { refresh: true }\`, or \`offline: true\`.`,
        ),
      ]
    })
    const isAlwaysCut = agents.value.purposes.every(endsWithSession)
    const approvals = approvers.value.approvals.flatMap(({ name, life }, index) => {
      if (life <= seconds || !isAlwaysCut) return []
      const message = `the approval \`${name}\` may count for ${life} seconds, and ${sessions}: it ends with its task`
      return [approvers.warning(["approvals", index, "life"], message, `Write \`life: ${seconds}s\`, or less.`)]
    })
    return [...purposes, ...approvals]
  },
}

const endsWithSession = (purpose: AgentsFile["purposes"][number]): boolean =>
  !isRefreshed(purpose) && !isOfflinePurpose(purpose)

/** Of the issuers whose sessions have a known limit, the one with the shortest sessions. Undefined if there is none. */
function shortestSession({ issuers }: Policies) {
  return issuers.value.issuers
    .flatMap(({ id: issuer, users, assertions, max_life }) => {
      if (assertions) return [{ issuer, seconds: assertions.life, member: "assertions.life" }]
      return users && max_life !== undefined ? [{ issuer, seconds: max_life, member: "max_life" }] : []
    })
    .toSorted((one, other) => one.seconds - other.seconds)[0]
}
