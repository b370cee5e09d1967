/** Windows that hold for every call of their tools, in any span of their length: what can be counted out beforehand. */
import type { WindowDefinition } from "../../src/guardrails/window.ts"
import type { GuardrailsFile } from "./schema/guardrails.ts"

type Window = GuardrailsFile["windows"][number]

export function plainWindows({ windows }: GuardrailsFile): readonly WindowDefinition[] {
  return windows.flatMap((window) => {
    const { id, tools, limit, within: seconds } = window
    const [per, ...more] = window.per
    if ((per !== "task" && per !== "tree") || more.length > 0 || !isPlain(window)) return []
    return [{ id, tools, per, limit, seconds }]
  })
}

function isPlain({ kind, count, from_risk, then, ...window }: Window): boolean {
  const { actions, labels, sensitivity, agents, purposes, environments, arguments: bounds } = window
  const narrowed = [actions, labels, sensitivity, agents, purposes, environments, bounds, from_risk]
  return kind === "sliding" && count === "calls" && then === "deny" && narrowed.every((each) => each === undefined)
}
