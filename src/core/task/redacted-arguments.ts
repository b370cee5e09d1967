import { redactedOfAny } from "../catalog/redaction.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Lookup } from "../encoding/lookup.ts"
import type { Task } from "./task.ts"

/** The arguments that the catalog redacts of the tools that one of the tasks' grants covers. */
export function redactedOf(ancestry: readonly Task[], tools: Lookup<Tool>): readonly string[] {
  return redactedOfAny(
    ancestry.flatMap(({ grant }) => Object.keys(grant.tools)),
    tools,
  )
}
