/**
 * What the grants in agents.yaml expand to over the catalog: the tools of a purpose, and those of them that an agent
 * may have.
 */
import type { GrantDefinition } from "../../../src/core/policy/definition/grant.ts"
import { anyCovers, coveredBy, parseScope, type Scope } from "../../../src/core/catalog/pattern.ts"
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
  const isCovered = anyCovers(scopesOf(grant))
  return new Set(within(grant, tools).flatMap((tool) => (isCovered(tool) ? [tool.name] : [])))
}

/** Names of the tools within each of its scopes, by the scope's text, and within its sensitivity. */
export function toolsByScope(grant: Granted, tools: readonly Tool[]): (scope: string) => ReadonlySet<string> {
  const covered = coveredBy(scopesOf(grant), within(grant, tools))
  return (scope) => new Set(covered.get(scope)?.map(({ name }) => name))
}

const scopesOf = (grant: Granted): readonly Scope[] => grant.tools.flatMap((text) => parseScope(text) ?? [])

function within({ max_sensitivity }: Granted, tools: readonly Tool[]): readonly Tool[] {
  const most = sensitivityRank(max_sensitivity)
  return tools.filter(({ sensitivity }) => sensitivityRank(sensitivity) <= most)
}

/** Whether there is an environment that all of them allow. */
export function shareEnvironments(grants: readonly Granted[]): boolean {
  const [first, ...others] = grants.flatMap(({ environments }) => (environments ? [environments] : []))
  return !first || first.some((name) => others.every((environments) => environments.includes(name)))
}

export function intersects(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return !one.isDisjointFrom(other)
}
