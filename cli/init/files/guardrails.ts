/** guardrails.yaml: what ends a runaway loop. */
import { field } from "../../import/catalog-text.ts"
import type { Plan } from "./plan.ts"

/** Calls, of cost 1, that an agent may make for a person in ten seconds. */
export const BURST = 20

export function guardrailsText({ found }: Plan): string {
  return `\
# Limits that need memory. A window admits at most \`limit\` calls of its tools in any span of that length. These count
# what an agent does for a person in all of its tasks. A call too many is a 429 with \`Retry-After\`. With
# \`count: cost\`, a call counts as the cost of its tool in the catalog, which is 1 if it says nothing${
    found.reached.by === "server"
      ? ":\n# what opens, keeps and ends a session of MCP costs nothing, however often a client does it"
      : ""
  }.

windows:
  # No person is that fast: an agent that reaches it is in a loop.
  - id: burst
    ${field("tools", [`${found.prefix}.*`])}
    per: [agent, user_or_agent]
    count: cost
    limit: ${BURST}
    within: 10s

  # Whatever tools it takes, and however many agents of a person share the work.
  - id: calls-per-hour
    tools: ["*"]
    per: user_or_agent
    count: cost
    limit: 600
    within: 1h
`
}
