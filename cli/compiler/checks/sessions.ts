/** Arguments by which a guardrail counts sessions that are opened, listed and ended: these calls have none. */
import { kindOf } from "../../../src/core/guardrails/kinds.ts"
import { isArgument } from "../../../src/core/guardrails/field.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import { entriesOf } from "../schema/guardrails.ts"
import { allTools } from "../model/tools.ts"
import { toolsMeant, withoutLifecycle } from "./guardrails.ts"

export function checkSessions({ catalog, guardrails }: Policies): Problem[] {
  const tools = allTools(catalog.value)
  const work = withoutLifecycle(tools)
  return entriesOf(guardrails.value).flatMap(({ path, entry, section }) => {
    const guardrail = section.toGuardrail(entry)
    const kind = kindOf(guardrail)
    if (!kind.coversLifecycle(guardrail)) return []
    const opening = toolsMeant(entry, tools).find((tool) => !work.includes(tool))
    const per = opening ? (kind.count(guardrail)?.per ?? []) : []
    return per.flatMap((field, at) => {
      if (!opening || !isArgument(field)) return []
      const message = `\`${opening.name}\` has no arguments, so no session could be opened`
      return [guardrails.error([...path, "per", at], message, "Name tools that the server lists itself.")]
    })
  })
}
