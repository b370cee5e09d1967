/** Sums over arguments that are text by the way they come: every such call would be denied. */
import type { ArgumentField } from "../../../src/guardrails/definition.ts"
import type { Policies } from "../policies.ts"
import type { Problem } from "../problem.ts"
import type { ListedTool } from "../schema/catalog.ts"
import type { Path } from "../source.ts"
import { allTools } from "../tools.ts"
import { eventsOf, toolsMeant } from "./guardrails.ts"
import type { WrittenSelector } from "../schema/selector.ts"

export function checkAmounts({ catalog, guardrails }: Policies): Problem[] {
  const tools = allTools(catalog.value)
  const routes = new Map(catalog.value.tools.map(({ name, route }) => [name, route]))
  return sumsIn(guardrails.value).flatMap(({ path, field, of }) => {
    const argument = field.slice("arguments.".length)
    const textual = toolsMeant(of, tools).find(({ name }) => isText(argument, routes.get(name)))
    if (!textual) return []
    const message = `\`${argument}\` of \`${textual.name}\` is text in its path or query, and no amount`
    const mend = `Add it to \`integers\` of the route, or leave \`${textual.name}\` out of \`tools\`.`
    return [guardrails.error(path, message, mend)]
  })
}

interface Summed {
  readonly path: Path
  readonly field: ArgumentField
  readonly of: WrittenSelector
}

function sumsIn(file: Policies["guardrails"]["value"]): Summed[] {
  return [
    ...file.budgets.flatMap(({ sum, ...of }, index) =>
      sum ? [{ path: ["budgets", index, "sum"], field: sum, of }] : [],
    ),
    ...eventsOf(file).flatMap(({ path, event, summed }) =>
      summed ? [{ path: [...path, "of"], field: summed, of: event }] : [],
    ),
  ]
}

/** A body may hold numbers; a path and a query hold text. */
function isText(argument: string, route: ListedTool["route"]): boolean {
  if (!route || route.integers.includes(argument)) return false
  return route.path.includes(`{${argument}}`) || route.methods.every((method) => method === "GET")
}
