/**
 * Whether all whose permission a call needs are permitted, and if not, whether a login of the user would change that. Pure,
 * like the decision that asks.
 */
import type { UserFacts } from "../ledger/state.ts"
import type { Bundle } from "./assemble.ts"
import type { Engine } from "./engine.ts"
import type { EntityStore } from "./entities.ts"
import { callContext, type Situation } from "./facts.ts"
import { parseRemedy, together, type StepUp } from "./remedy.ts"
import type { CedarRecord, EntityRef } from "./value.ts"

export interface Asked {
  readonly bundle: Bundle
  /** `authorize` for a call, `mayAllow` where its arguments are not known yet. */
  readonly by: keyof Pick<Engine, "authorize" | "mayAllow">
  readonly principals: readonly EntityRef[]
  readonly action: EntityRef
  readonly resource: EntityRef
  readonly entities: EntityStore
}

/** The rules by which all are permitted; or the first who is not, with the rules that forbid it. */
export function askAll(
  { bundle, by, principals, action, resource, entities }: Asked,
  context: CedarRecord,
): { readonly rules: readonly string[] } | { readonly principal: string; readonly forbids: readonly string[] } {
  const rules = new Set<string>()
  for (const principal of principals) {
    const answer = bundle.engine[by]({ principal, action, resource, context }, entities)
    if (!answer.allowed) return { principal: principal.key, forbids: answer.determining }
    for (const rule of answer.determining) rules.add(rule)
  }
  return { rules: [...rules] }
}

/**
 * The stronger or fresher session with which all would be permitted; null where none would do. Offered only if it lifts
 * everything that forbids: a person who logs in again for nothing soon stops reading why (DESIGN §7).
 */
export function stepUpFor(asked: Asked, situation: Situation, user: UserFacts): StepUp | null {
  const { bundle, by, principals, action, resource, entities } = asked
  const context = callContext(situation)
  const forbids = principals.flatMap((principal) => {
    const answer = bundle.engine[by]({ principal, action, resource, context }, entities)
    return answer.allowed ? [] : answer.determining
  })
  const stepUp = together(forbids.map((rule) => parseRemedy(bundle.engine.rule(rule)?.remedy ?? "")))
  if (!stepUp) return null
  const acr = stepUp.acr ?? user.acr
  const session = { auth_time: Math.floor(situation.now / 1000), ...(acr === undefined ? {} : { acr }) }
  return "rules" in askAll(asked, callContext({ ...situation, session })) ? stepUp : null
}
