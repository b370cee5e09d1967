/** The fewest scopes that cover what was used and nothing else of the catalog. */
import { isLifecycle } from "../../src/core/catalog/lifecycle.ts"
import { formatScope, parseScope, scopeCovers } from "../../src/core/catalog/pattern.ts"
import type { Tool } from "../../src/core/catalog/tool.ts"

/**
 * A written scope stays if everything that it covers was used: a pattern that is no wider than the use need not become
 * a list. What it leaves is named tool by tool.
 */
export function leastScopes(
  written: readonly string[],
  used: ReadonlySet<string>,
  tools: readonly Tool[],
): readonly string[] {
  const all = tools.filter((tool) => !isLifecycle(tool))
  const coveredBy = (text: string): readonly Tool[] => {
    const scope = parseScope(text)
    return scope ? all.filter((tool) => scopeCovers(scope, tool)) : []
  }
  const kept = written.filter((text) => {
    const covered = coveredBy(text)
    return covered.length > 0 && covered.every(({ name }) => used.has(name))
  })
  const least = kept.reduce((left, text) => {
    const others = left.filter((each) => each !== text)
    const rest = new Set(others.flatMap((each) => coveredBy(each)).map(({ name }) => name))
    return coveredBy(text).every(({ name }) => rest.has(name)) ? others : left
  }, kept)
  const names = new Set(least.flatMap((text) => coveredBy(text)).map(({ name }) => name))
  const single = all.filter(({ name }) => used.has(name) && !names.has(name))
  const added = single.map(({ name, action }) => formatScope({ pattern: name, action })).toSorted()
  return [...least, ...added]
}

/** Tools that the scopes cover, without the lifecycle tools that come with them. */
export function toolsIn(scopes: readonly string[], tools: readonly Tool[]): readonly Tool[] {
  const parsed = scopes.flatMap((text) => parseScope(text) ?? [])
  return tools.filter((tool) => !isLifecycle(tool) && parsed.some((scope) => scopeCovers(scope, tool)))
}
