/** A tool that costs more than a limit ever has room for can never be called. */
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { WrittenSelector } from "../schema/selector.ts"
import type { Path } from "../source/source.ts"
import { allTools } from "../model/tools.ts"
import { toolsMeant } from "./guardrails.ts"

export function checkWeights({ catalog, guardrails }: Policies): Problem[] {
  const tools = allTools(catalog.value)
  return costsIn(guardrails.value).flatMap(({ path, of, room }) => {
    const heavy = toolsMeant(of, tools).find(({ cost }) => cost > room)
    if (!heavy) return []
    const message = `\`${heavy.name}\` costs ${heavy.cost}, and there is never room for more than ${room}`
    return [guardrails.error(path, message, `Raise it to ${heavy.cost} at least, or leave the tool out of \`tools\`.`)]
  })
}

interface Room {
  readonly path: Path
  readonly of: WrittenSelector
  readonly room: number
}

function costsIn({ windows, budgets }: Policies["guardrails"]["value"]): Room[] {
  return [
    ...windows.flatMap(({ count, burst, limit, ...of }, index) =>
      count === "cost" ? [{ path: ["windows", index, burst ? "burst" : "limit"], of, room: burst ?? limit }] : [],
    ),
    ...budgets.flatMap(({ count, limit, ...of }, index) =>
      count === "cost" ? [{ path: ["budgets", index, "limit"], of, room: limit }] : [],
    ),
  ]
}
