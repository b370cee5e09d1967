/** Evaluates the policies for a call, for every principal whose permission it needs. */
import type { Call } from "./call.ts"
import { MeteredArguments } from "../catalog/arguments.ts"
import type { Tool } from "../catalog/tool.ts"
import { deny, isDenied, type Denial, type Denied } from "../denials/denial.ts"
import type { Work } from "../encoding/work.ts"
import { labelsOf } from "../task/labels.ts"
import type { TreeState } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import { boundFacts, namedBoundsFor } from "../policy/named-bounds.ts"
import { actionRef, entitiesFor, principalsOf, toolRef } from "../policy/principals.ts"
import { authorizeAll, remediesFor } from "./permission.ts"
import { messageOf } from "../policy/cedar/message.ts"
import type { Remedies } from "../policy/cedar/remedy.ts"
import type { CedarRecord } from "../policy/cedar/values/value.ts"
import type { Task } from "../task/task.ts"
import type { Demand } from "./check-approvals.ts"
import { argumentDecimals, argumentFacts, callContext, type Situation } from "./context.ts"

/** Permitted, if approvers approve the call as the demands require. */
export interface Permitted {
  readonly rules: readonly string[]
  /** The context, with the approvals that the demands require. */
  readonly granted: CedarRecord
  readonly demands: readonly Demand[]
}

/**
 * Evaluates the policies for every principal of the chain: the call is allowed only if each is permitted. Otherwise a
 * user could do by an agent, or an agent by a sub-agent, what policy denies to them (docs/architecture.md#the-promises,
 * 3).
 */
export function checkPolicy(
  bundle: Bundle,
  state: TreeState,
  ancestry: readonly [Task, ...Task[]],
  tool: Tool,
  call: Call,
  risk: number,
  now: number,
  work: Work,
): { readonly context: CedarRecord | null } & (Permitted | Denied) {
  const { user } = state
  const labels = labelsOf(state, ancestry, now)
  const agents = ancestry.map((each) => each.agent).toReversed()
  for (const agent of agents)
    if (!bundle.agents.has(agent)) return { context: null, ...deny({ reason: "agent_unregistered", agent }) }
  const entities = entitiesFor(bundle.entities, user)
  const action = actionRef(tool.action)
  const resource = toolRef(tool.name)
  const { engine } = bundle
  const metered = new MeteredArguments(call.arguments, work)
  const args = argumentFacts(
    metered,
    engine.readsFor(action, resource, entities),
    engine.membersFor(action, resource, entities),
    argumentDecimals(bundle, action),
  )
  if (isDenied(args)) return { context: null, ...args }
  const bounds = boundFacts(namedBoundsFor(bundle, action, resource, entities), metered, now)
  if (bounds && isDenied(bounds)) return { context: null, ...bounds }
  const { environment, gateway } = call
  const boundKey = call.proof !== null
  const situation = { ancestry, user, labels, boundKey, risk, arguments: args, bounds, environment, gateway, now }
  const principals = principalsOf(user, agents)
  const query = { bundle, by: "authorize", principals, action, resource, entities, work } as const
  // First without approvals: a call that needs none uses none.
  const context = callContext(situation)
  const answer = authorizeAll(query, context)
  if ("rules" in answer) return { context, rules: answer.rules, granted: context, demands: [] }
  const { principal, forbids: rules } = answer
  if (rules.length === 0) return { context, ...deny({ reason: "policy_permits_nothing", principal }) }
  const forbiddenWith = (messages: readonly string[]) => {
    const message = messageOf(engine, messages)
    return { reason: "policy_forbids", principal, rules, ...(message !== undefined && { message }) } as const
  }
  // A rule with a remedy says what would lift it: an agent that reads so would seek it in vain.
  const final = () => forbiddenWith(rules.filter((id) => engine.rule(id)?.remedy === undefined))
  const remedies = remediesFor(query, situation)
  if (!remedies) return { context, ...deny(final()) }
  const forbidden = forbiddenWith(rules)
  const challenge = challengeBy(remedies, forbidden, situation)
  if (challenge) return { context, ...deny(challenge) }
  const { approvals } = remedies
  const granted = callContext({ ...situation, approvals })
  const permitted = authorizeAll(query, granted)
  if (!("rules" in permitted)) return { context, ...deny(final()) }
  const demands = approvals.map((name) => ({
    denial: forbidden,
    guardrail: null,
    name,
    rules: remedies.rulesOfApprovals.get(name) ?? [],
  }))
  return { context, rules: permitted.rules, granted, demands }
}

/**
 * What the agent has to bring before an approval is requested: it can do so at once, and approvers are not asked about
 * a call that would be denied anyway.
 */
function challengeBy(
  { stepUp, boundKey, approvals }: Remedies,
  { reason: _forbidden, ...by }: Extract<Denial, { readonly reason: "policy_forbids" }>,
  situation: Situation,
): Denial | null {
  if (stepUp) {
    const { acr: acr_values, maxAge: max_age } = stepUp
    return { reason: "step_up_required", ...by, acr_values, max_age, bound: situation.boundKey || boundKey }
  }
  const lacksKey = approvals.length === 0 || (boundKey && !situation.boundKey)
  return lacksKey ? { reason: "bound_key_required", ...by } : null
}
