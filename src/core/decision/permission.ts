/**
 * Whether all principals whose permission a call needs are permitted; if not, whether something that the agent can
 * bring, or an approval, would change that. Pure, like the decision that uses it.
 */
import type { Bundle } from "../policy/assemble.ts"
import type { Engine } from "../policy/cedar/engine.ts"
import type { EntityStore } from "../policy/cedar/entities.ts"
import { parseRemedy, together, type Remedies } from "../policy/cedar/remedy.ts"
import type { CedarRecord, EntityRef } from "../policy/cedar/values/value.ts"
import type { Work } from "../encoding/work.ts"
import { callContext, type Situation } from "./context.ts"

export interface PolicyQuery {
  readonly bundle: Bundle
  /** `authorize` for a call; `mayAllow` if its arguments are not known yet. */
  readonly by: keyof Pick<Engine, "authorize" | "mayAllow">
  readonly principals: readonly EntityRef[]
  readonly action: EntityRef
  readonly resource: EntityRef
  readonly entities: EntityStore
  /** Of the call. */
  readonly work: Work
}

/**
 * Returns the policies by which all are permitted; or the first principal who is not, with the policies that forbid it.
 */
export function authorizeAll(
  { bundle, by, principals, action, resource, entities, work }: PolicyQuery,
  context: CedarRecord,
): { readonly rules: readonly string[] } | { readonly principal: string; readonly forbids: readonly string[] } {
  const rules = new Set<string>()
  for (const principal of principals) {
    const answer = bundle.engine[by]({ principal, action, resource, context, work }, entities)
    if (!answer.allowed) return { principal: principal.key, forbids: answer.determining }
    for (const rule of answer.determining) rules.add(rule)
  }
  return { rules: [...rules] }
}

export interface SufficientRemedies extends Remedies {
  /** The policies that require each of the approvals, for any of the principals. */
  readonly rulesOfApprovals: ReadonlyMap<string, readonly string[]>
}

/**
 * Returns what would permit all principals: a stronger or fresher session of the user, a bound token, approvals. Null
 * if nothing would. It must lift everything that forbids: people who log in again, or approve, in vain soon stop
 * reading why.
 */
export function remediesFor(query: PolicyQuery, situation: Situation): SufficientRemedies | null {
  const { bundle, by, principals, action, resource, entities, work } = query
  const { user, now } = situation
  const context = callContext(situation)
  const forbids = principals.flatMap((principal) => {
    const answer = bundle.engine[by]({ principal, action, resource, context, work }, entities)
    return answer.allowed ? [] : answer.determining
  })
  const remedies = together(forbids.map((rule) => parseRemedy(bundle.engine.rule(rule)?.remedy ?? "")))
  if (!remedies?.approvals.every((name) => bundle.approvals.has(name))) return null
  const { stepUp } = remedies
  if (stepUp && !user) return null
  const acr = stepUp?.acr ?? user?.acr
  const session = stepUp && { auth_time: Math.floor(now / 1000), ...(acr === undefined ? {} : { acr }) }
  const boundKey = situation.boundKey || remedies.boundKey
  const lifted = { ...situation, boundKey, ...(session && { session }) }
  const permitsWith = (approvals: readonly string[]): boolean =>
    "rules" in authorizeAll(query, callContext({ ...lifted, approvals }))
  if (!permitsWith(remedies.approvals)) return null
  return {
    ...remedies,
    approvals: fewestApprovals(remedies.approvals, permitsWith),
    rulesOfApprovals: rulesOfApprovalsIn(bundle, forbids),
  }
}

function rulesOfApprovalsIn({ engine }: Bundle, forbids: readonly string[]): SufficientRemedies["rulesOfApprovals"] {
  const rules = new Map<string, string[]>()
  for (const id of new Set(forbids)) {
    const remedy = parseRemedy(engine.rule(id)?.remedy ?? "")
    if (remedy?.kind === "approval" && !rules.get(remedy.name)?.push(id)) rules.set(remedy.name, [id])
  }
  return rules
}

/** Leaves out approvals that another remedy makes unnecessary: none is requested, nor used, in vain. */
function fewestApprovals(names: readonly string[], suffice: (names: readonly string[]) => boolean): readonly string[] {
  let needed = names
  for (const name of names) {
    const others = needed.filter((one) => one !== name)
    if (suffice(others)) needed = others
  }
  return needed
}
