/** Sums over arguments that are text by the way they come: every such call would be denied. */
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { ListedTool } from "../schema/catalog.ts"
import { allTools } from "../model/tools.ts"
import { sumsOf, toolsMeant } from "./guardrails.ts"

export function checkAmounts({ catalog, guardrails }: Policies): Problem[] {
  const tools = allTools(catalog.value)
  const listed = new Map(catalog.value.tools.map((tool) => [tool.name, tool]))
  return sumsOf(guardrails.value).flatMap(({ path, field, of }) => {
    const argument = field.slice("arguments.".length)
    const textual = of
      .flatMap((selector) => toolsMeant(selector, tools))
      .find(({ name }) => isText(argument, listed.get(name)))
    if (!textual) return []
    const message = `\`${argument}\` of \`${textual.name}\` is text in its path, query or URI, and no amount`
    const fix = `Add it to \`integers\` of its route, or leave \`${textual.name}\` out of \`tools\`.`
    return [guardrails.error(path, message, fix)]
  })
}

/** A body may hold numbers; a path, a query and the URI of a resource hold text, and so do arguments of prompts. */
function isText(argument: string, { route, resource, prompt }: Partial<ListedTool> = {}): boolean {
  if (!route) return resource !== undefined || prompt !== undefined
  if (route.integers.includes(argument)) return false
  return route.path.includes(`{${argument}}`) || route.methods.every((method) => method === "GET")
}
