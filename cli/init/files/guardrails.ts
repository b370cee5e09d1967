/** guardrails.yaml: what ends a runaway loop. */
import { field } from "../../import/catalog-text.ts"
import type { Plan } from "./plan.ts"

/** Calls that a task may make in ten seconds. */
export const BURST = 20

export function guardrailsText({ found }: Plan): string {
  return `\
# Limits that need memory. A window admits at most \`limit\` calls of its tools in any span of that length; it counts
# per task, or over the whole tree of a task and its sub-agents' tasks. A call too many is a 429 with \`Retry-After\`.

windows:
  # No person is that fast: whoever meets it is a loop.
  - id: burst
    ${field("tools", [`${found.prefix}.*`])}
    per: task
    limit: ${BURST}
    within: 10s

  # Whatever tools it takes, and however many agents share the work.
  - id: whole-tree
    tools: ["*"]
    per: tree
    limit: 600
    within: 1h
`
}
