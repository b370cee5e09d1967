/** A message to an MCP server leads to one entry: resources and prompts of a server may not clash. */
import { LIFECYCLE_SEGMENT } from "../../../src/core/catalog/lifecycle.ts"
import type { Policies } from "../model/policies.ts"
import { Overlaps, reachedByPattern } from "../model/route-overlaps.ts"
import { serverOf } from "../model/tools.ts"
import type { ListedTool } from "../schema/catalog.ts"
import type { Problem } from "../source/problem.ts"

export function checkResources({ catalog }: Policies): Problem[] {
  const patterns = new Overlaps<string>()
  const prompts = new Map<string, string>()
  return catalog.value.tools.flatMap((tool, index): Problem[] => {
    const { name, resource, prompt } = tool
    const key = resource === undefined ? "prompt" : "resource"
    if (resource === undefined && prompt === undefined) return []
    const wrong = misplaced(tool)
    if (wrong) return [catalog.keyError(["tools", index, key], ...wrong)]
    const other =
      resource === undefined ? promptAlready(prompts, name, prompt ?? "") : patternAlready(patterns, name, resource)
    if (other === undefined) return []
    const message = `the same ${key} could be \`${other}\` and \`${name}\``
    return [catalog.error(["tools", index, key], message, "Change one of them, or make one entry of both.")]
  })
}

function misplaced({
  name,
  route,
  resource,
  prompt,
  pinned,
}: ListedTool): readonly [message: string, fix: string] | null {
  if (route) return [`\`${name}\` has a route, and is no resource or prompt of an MCP server`, "Remove one of them."]
  if (resource !== undefined && prompt !== undefined) {
    return [`\`${name}\` is a resource and a prompt`, "Make two entries of it."]
  }
  if (name.startsWith(`${serverOf(name)}.${LIFECYCLE_SEGMENT}.`)) {
    return [`\`${name}\` has the name of a lifecycle tool`, "Give it another second segment, such as `resources`."]
  }
  if (resource === undefined || pinned === undefined) return null
  return [`\`${name}\` is pinned, but its contents change by nature`, "Remove `pinned`: tools and prompts have pins."]
}

/** @returns the entry that has the prompt already */
function promptAlready(prompts: Map<string, string>, name: string, prompt: string): string | undefined {
  const key = `${serverOf(name)} ${prompt}`
  const other = prompts.get(key)
  if (other === undefined) prompts.set(key, name)
  return other
}

/** @returns an entry that some URI matches as well, neither being more specific */
function patternAlready(patterns: Overlaps<string>, name: string, resource: string): string | undefined {
  const reached = reachedByPattern(serverOf(name), resource)
  if (!reached) return undefined
  const [other] = patterns.clashing(reached)
  patterns.add(reached, name)
  return other
}
