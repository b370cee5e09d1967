/**
 * Prompts and resources by the names that the catalog has for them: an entry is known by its `prompt`, or by its pattern,
 * and an operator may have renamed it, or widened it to several resources.
 */
import { entryOfPattern, readResourcePattern } from "../../src/core/catalog/resource-pattern.ts"
import type { CatalogFile, ListedTool } from "../compiler/schema/catalog.ts"
import { serverOf } from "../compiler/model/tools.ts"
import type { FoundTool, FoundTools, Skipped } from "./found-tools.ts"

export function withCatalogNames(found: FoundTools, { tools }: CatalogFile): FoundTools {
  const own = tools.filter(({ name }) => serverOf(name) === found.prefix)
  const others = new Set(own.filter(isOther).map(({ name }) => name))
  const taken = new Set([...own.map(({ name }) => name), ...found.tools.filter(isTool).map(({ name }) => name)])
  const skipped: Skipped[] = []
  const named = found.tools.flatMap((tool): FoundTool[] => {
    if (!isTool(tool)) {
      const name = entryOf(tool, own) ?? freeName(tool.name, taken)
      taken.add(name)
      return [{ ...tool, name }]
    }
    if (!others.has(tool.name)) return [tool]
    skipped.push({ what: tool.name, why: "the catalog has a resource or a prompt of this name" })
    return []
  })
  return { ...found, tools: named, skipped: [...found.skipped, ...skipped] }
}

function isOther({ resource, prompt }: ListedTool): boolean {
  return resource !== undefined || prompt !== undefined
}

function isTool({ mark }: FoundTool): boolean {
  return mark.kind === "route" || (mark.kind === "pin" && mark.prompt === undefined)
}

/** Null if the catalog has none. */
function entryOf({ mark }: FoundTool, own: readonly ListedTool[]): string | null {
  if (mark.kind === "pin") return own.find(({ prompt }) => prompt === mark.prompt)?.name ?? null
  const read = mark.kind === "resource" ? readResourcePattern(mark.pattern) : null
  if (!read || "objection" in read) return null
  const entries = own.flatMap(({ name: tool, resource: pattern }) => (pattern === undefined ? [] : [{ tool, pattern }]))
  return entryOfPattern(entries, read)
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted
  for (let count = 2; taken.has(name); count++) name = `${wanted}-${count}`
  return name
}
