/**
 * What the grants in agents.yaml expand to over the catalog: the tools of a purpose, and those of them that an agent
 * may have.
 */
import type { GrantDefinition } from "../../../src/core/policy/definition/grant.ts"
import { parseScope, scopeCovers } from "../../../src/core/catalog/pattern.ts"
import { sensitivityRank, type Tool } from "../../../src/core/catalog/tool.ts"

export type Granted = Pick<GrantDefinition, "tools" | "max_sensitivity" | "environments">

/** By the tools, and by scopes and sensitivity: a dozen lints ask the same of thousands of tools. */
const known = new WeakMap<readonly Tool[], Map<string, ReadonlySet<string>>>()

/** Names of the tools within its scopes and its sensitivity. */
export function toolsOf(grant: Granted, tools: readonly Tool[]): ReadonlySet<string> {
  const ofTools = known.get(tools) ?? new Map<string, ReadonlySet<string>>()
  known.set(tools, ofTools)
  const key = [grant.max_sensitivity, ...grant.tools].join(" ")
  const found = ofTools.get(key) ?? findTools(grant, tools)
  ofTools.set(key, found)
  return found
}

function findTools(grant: Granted, tools: readonly Tool[]): ReadonlySet<string> {
  const scopes = grant.tools.flatMap((text) => parseScope(text) ?? [])
  const most = sensitivityRank(grant.max_sensitivity)
  return new Set(
    tools
      .filter((tool) => sensitivityRank(tool.sensitivity) <= most && scopes.some((scope) => scopeCovers(scope, tool)))
      .map(({ name }) => name),
  )
}

/** Whether there is an environment that all of them allow. */
export function shareEnvironments(grants: readonly Granted[]): boolean {
  const [first, ...others] = grants.flatMap(({ environments }) => (environments ? [environments] : []))
  return !first || first.some((name) => others.every((environments) => environments.includes(name)))
}

export function intersects(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return !one.isDisjointFrom(other)
}
