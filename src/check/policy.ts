/** What the rules say of a call, for everyone whose permission it needs. */
import type { Call } from "../call.ts"
import type { Tool } from "../catalog/tool.ts"
import { deny, isDenied, type Denial, type Denied } from "../decision.ts"
import type { Task, TreeState } from "../ledger/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import {
  actionRef,
  argumentFacts,
  callContext,
  entitiesFor,
  principalsOf,
  toolRef,
  type Situation,
} from "../policy/facts.ts"
import { askAll, liftFor, type Asked } from "../policy/permission.ts"
import type { CedarRecord } from "../policy/value.ts"

/** Policy for every principal of the chain: allowed only if each of them is (DESIGN §2, promise 3). */
export function checkPolicy(
  bundle: Bundle,
  state: TreeState,
  line: readonly [Task, ...Task[]],
  tool: Tool,
  call: Call,
  risk: number,
  now: number,
): { readonly context: CedarRecord | null } & ({ readonly rules: readonly string[] } | Denied) {
  const { user, labels } = state
  const agents = line.map((each) => each.agent).toReversed()
  for (const agent of agents)
    if (!bundle.agents.has(agent)) return { context: null, ...deny({ reason: "agent_unregistered", agent }) }
  const entities = entitiesFor(bundle.entities, user)
  const action = actionRef(tool.action)
  const resource = toolRef(tool.name)
  const args = argumentFacts(call.arguments, bundle.engine.readsFor(action, resource, entities))
  if (isDenied(args)) return { context: null, ...args }
  const { environment, gateway } = call
  const boundKey = call.proof !== null
  const situation = { line, user, labels, boundKey, risk, arguments: args, environment, gateway, now }
  const principals = principalsOf(user, agents)
  const asked = { bundle, by: "authorize", principals, action, resource, entities } as const
  const context = callContext(situation)
  const answer = askAll(asked, context)
  return "rules" in answer ? { context, rules: answer.rules } : { context, ...deny(refusal(asked, situation, answer)) }
}

/** Why, and what the agent could bring against it. */
function refusal(
  asked: Asked,
  situation: Situation,
  { principal, forbids: rules }: { readonly principal: string; readonly forbids: readonly string[] },
): Denial {
  if (rules.length === 0) return { reason: "policy_permits_nothing", principal }
  const lift = liftFor(asked, situation)
  if (!lift) return { reason: "policy_forbids", principal, rules }
  const { stepUp } = lift
  if (!stepUp) return { reason: "bound_key_required", principal, rules }
  const { acr: acr_values, maxAge: max_age } = stepUp
  const bound = situation.boundKey || lift.boundKey
  return { reason: "step_up_required", principal, rules, acr_values, max_age, bound }
}
