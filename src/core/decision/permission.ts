/**
 * Whether all whose permission a call needs are permitted, and if not, whether what the agent could bring, or people
 * could say, would change that. Pure, like the decision that asks.
 */
import type { Bundle } from "../policy/assemble.ts"
import type { Engine } from "../policy/cedar/engine.ts"
import type { EntityStore } from "../policy/cedar/entities.ts"
import { parseRemedy, together, type Remedies } from "../policy/cedar/remedy.ts"
import type { CedarRecord, EntityRef } from "../policy/cedar/values/value.ts"
import { callContext, type Situation } from "./context.ts"

export interface PolicyQuery {
  readonly bundle: Bundle
  /** `authorize` for a call, `mayAllow` where its arguments are not known yet. */
  readonly by: keyof Pick<Engine, "authorize" | "mayAllow">
  readonly principals: readonly EntityRef[]
  readonly action: EntityRef
  readonly resource: EntityRef
  readonly entities: EntityStore
}

/** The rules by which all are permitted; or the first who is not, with the rules that forbid it. */
export function authorizeAll(
  { bundle, by, principals, action, resource, entities }: PolicyQuery,
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

export interface Lifted extends Remedies {
  /** The rules that ask for each of the approvals, for any of the principals. */
  readonly asking: ReadonlyMap<string, readonly string[]>
}

/**
 * What would have to come for all to be permitted: a stronger or fresher session of the user, a bound token, approvals
 * of people; null where nothing would do. Only if it lifts everything that forbids: a person who logs in again, or
 * approves, for nothing soon stops reading why (DESIGN §7).
 */
export function remediesFor(asked: PolicyQuery, situation: Situation): Lifted | null {
  const { bundle, by, principals, action, resource, entities } = asked
  const { user, now } = situation
  const context = callContext(situation)
  const forbids = principals.flatMap((principal) => {
    const answer = bundle.engine[by]({ principal, action, resource, context }, entities)
    return answer.allowed ? [] : answer.determining
  })
  const lift = together(forbids.map((rule) => parseRemedy(bundle.engine.rule(rule)?.remedy ?? "")))
  if (!lift?.approvals.every((name) => bundle.approvals.has(name))) return null
  const { stepUp } = lift
  if (stepUp && !user) return null
  const acr = stepUp?.acr ?? user?.acr
  const session = stepUp && { auth_time: Math.floor(now / 1000), ...(acr === undefined ? {} : { acr }) }
  const boundKey = situation.boundKey || lift.boundKey
  const lifted = { ...situation, boundKey, ...(session && { session }) }
  const permitsWith = (approvals: readonly string[]): boolean =>
    "rules" in authorizeAll(asked, callContext({ ...lifted, approvals }))
  if (!permitsWith(lift.approvals)) return null
  return { ...lift, approvals: fewestApprovals(lift.approvals, permitsWith), asking: askingIn(bundle, forbids) }
}

function askingIn({ engine }: Bundle, forbids: readonly string[]): Lifted["asking"] {
  const asking = new Map<string, string[]>()
  for (const id of new Set(forbids)) {
    const remedy = parseRemedy(engine.rule(id)?.remedy ?? "")
    if (remedy?.kind === "approval" && !asking.get(remedy.name)?.push(id)) asking.set(remedy.name, [id])
  }
  return asking
}

/** Without those that something else of the lift makes up for: nobody is asked, and nothing used, for nothing. */
function fewestApprovals(names: readonly string[], suffice: (names: readonly string[]) => boolean): readonly string[] {
  let needed = names
  for (const name of names) {
    const others = needed.filter((one) => one !== name)
    if (suffice(others)) needed = others
  }
  return needed
}
