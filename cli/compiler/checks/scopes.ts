/** Patterns and scopes that mean no tool of today's catalog: a grant that would hold for nothing. */
import { coveredBy, parseScope, patternCovers } from "../../../src/core/catalog/pattern.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import { nearest } from "../../../src/core/encoding/nearest.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { Path } from "../source/source.ts"
import { allTools } from "../model/tools.ts"
import { grantsOf } from "./grants.ts"

export function checkScopes({ catalog, agents }: Policies): Problem[] {
  const tools = allTools(catalog.value)
  const scopes = [
    ...grantsOf(agents.value).flatMap(({ path, grant }) => placed([...path, "tools"], grant.tools)),
    ...agents.value.purposes.flatMap((purpose, index) => placed(["purposes", index, "default"], purpose.default ?? [])),
  ]
  const covered = coveredBy(
    scopes.flatMap(({ text }) => parseScope(text) ?? []),
    tools,
  )
  return scopes.flatMap(({ path, text }) => {
    const fault = (covered.get(text)?.length ?? 0) > 0 ? undefined : scopeFault(text, tools)
    return fault ? [agents.error(path, fault.message, fault.fix)] : []
  })
}

interface Fault {
  readonly message: string
  readonly fix: string
}

/** @param text covers no tool */
function scopeFault(text: string, tools: readonly Tool[]): Fault | undefined {
  const scope = parseScope(text)
  if (!scope) return undefined
  const covered = tools.find(({ name }) => patternCovers(scope.pattern, name))
  if (!covered) return patternFault(scope.pattern, tools)
  const message = `\`${text}\` covers no tool: \`${covered.name}\` has action \`${covered.action}\``
  return { message, fix: `Write \`${scope.pattern}:${covered.action}\`.` }
}

export function patternFault(pattern: string, tools: readonly Tool[]): Fault | undefined {
  if (tools.some(({ name }) => patternCovers(pattern, name))) return undefined
  const near = nearest(pattern, [...tools.map(({ name }) => name), ...prefixesOf(tools)])
  const fix =
    near === undefined ? "Name a tool of catalog.yaml, or a prefix of one and `.*`." : `Did you mean \`${near}\`?`
  return { message: `\`${pattern}\` covers no tool of the catalog`, fix }
}

function prefixesOf(tools: readonly Tool[]): Set<string> {
  const prefixes = new Set<string>()
  for (const { name } of tools) {
    const segments = name.split(".")
    for (let length = 1; length < segments.length; length++) prefixes.add(`${segments.slice(0, length).join(".")}.*`)
  }
  return prefixes
}

function placed(path: Path, texts: readonly string[]): { path: Path; text: string }[] {
  return texts.map((text, index) => ({ path: [...path, index], text }))
}
