/** `since` with an `unless` that is its own event: the newest of them is undone by none, so nothing ever undoes it. */
import { isDeepStrictEqual } from "node:util"
import { toPattern } from "../schema/condition.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import { eventsOf } from "./guardrails.ts"

export function checkUndoing({ guardrails }: Policies): Problem[] {
  return eventsOf(guardrails.value).flatMap(({ path, event, unless }) => {
    if (!unless || !isDeepStrictEqual(toPattern(event), toPattern(unless))) return []
    const message = "what undoes it is the very event, so this is no more than `formerly`"
    return [guardrails.error([...path, "unless"], message, "Name the calls that undo it, or write `formerly`.")]
  })
}
