/** A tool that costs more than a limit ever has room for can never be called. */
import { entriesOf } from "../schema/guardrails.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import { allTools } from "../model/tools.ts"
import { toolsMeant } from "./guardrails.ts"

export function checkWeights({ catalog, guardrails }: Policies): Problem[] {
  const tools = allTools(catalog.value)
  return entriesOf(guardrails.value).flatMap(({ path, entry, section }) => {
    const room = section.room(entry)
    const heavy = room && toolsMeant(entry, tools).find(({ cost }) => cost > room.cost)
    if (!heavy) return []
    const message = `\`${heavy.name}\` costs ${heavy.cost}, and there is never room for more than ${room.cost}`
    const fix = `Raise it to ${heavy.cost} at least, or leave the tool out of \`tools\`.`
    return [guardrails.error([...path, room.key], message, fix)]
  })
}
