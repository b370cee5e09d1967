/** guardrails.yaml: what ends a runaway loop. */
import { field } from "../../import/catalog-text.ts"
import type { Plan } from "./plan.ts"

/** Calls that an agent may make for a person in ten seconds. */
export const BURST = 20

export function guardrailsText({ found }: Plan): string {
  return `\
# Limits that need memory. A window admits at most \`limit\` calls of its tools in any span of that length. These count
# what an agent does for a person in all of its tasks. A call too many is a 429 with \`Retry-After\`.

windows:
  # No person is that fast: an agent that reaches it is in a loop.
  - id: burst
    ${field("tools", [`${found.prefix}.*`])}
    per: [agent, user_or_agent]
    limit: ${BURST}
    within: 10s

  # Whatever tools it takes, and however many agents of a person share the work.
  - id: calls-per-hour
    tools: ["*"]
    per: user_or_agent
    limit: 600
    within: 1h
`
}
