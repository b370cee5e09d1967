/**
 * Which tools a task could call now, whatever the arguments, and which listed resources with theirs:
 * `visibleTools(bundle, state, question, now)`, pure and synchronous like `decide`, run inside the same ledger. It admits
 * nothing: the call itself is still decided. So it accepts the proof of the agent's own request for the list, which the
 * decision on that request has used up, and uses up none itself. A tool is hidden only if every call of it would be
 * denied, whatever its arguments (a resource: with its own), and the passing of time would not change that.
 */
import { formatScope } from "../catalog/pattern.ts"
import { argumentsNeeded, MeteredArguments, UNSEEN_ARGUMENTS, type CallArguments } from "../catalog/arguments.ts"
import type { Tool } from "../catalog/tool.ts"
import { NO_EVIDENCE, type Call, type Evidence } from "./call.ts"
import { checkTaskAlive, checkToken } from "./check-credential.ts"
import { boundsOf, checkCalls, namesOf, notGranted } from "./check-grant.ts"
import { riskOf } from "./risk.ts"
import { isDenied, type Denial } from "../denials/denial.ts"
import { violation } from "../catalog/bounds/bounds.ts"
import type { ArgumentBounds } from "../catalog/bounds/definition.ts"
import { contradiction } from "../catalog/bounds/joint.ts"
import { OutOfWork, Work } from "../encoding/work.ts"
import { isLifecycle } from "../catalog/lifecycle.ts"
import { expected, mayStillCome } from "../guardrails/plan.ts"
import { labelsOf } from "../task/labels.ts"
import { opensTool } from "../task/token-scope.ts"
import { ancestryOf, type TreeState } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { EntityStore } from "../policy/cedar/entities.ts"
import { argumentsJudgedBy, boundFacts, namedBoundsFor } from "../policy/named-bounds.ts"
import { actionRef, entitiesFor, principalsOf, toolRef } from "../policy/principals.ts"
import { authorizeAll, remediesFor } from "./permission.ts"
import type { CedarRecord, EntityRef } from "../policy/cedar/values/value.ts"
import type { Task } from "../task/task.ts"
import { argumentDecimals, argumentFacts, callContext, type Situation } from "./context.ts"

export interface ToolListQuery extends Pick<Call, "task" | "token" | "proof" | "gateway" | "environment" | "risks"> {
  /** The catalog's tool for listing tools: an agent that may not call it learns nothing. */
  readonly list: string
  /** Tools of the catalog, or keys of `known`, each once. */
  readonly tools: readonly string[]
  /** Calls of which the arguments are known already: of a listed resource its URI is. */
  readonly known: Readonly<Record<string, KnownCall>>
  /** Tools of the catalog that the agent's client can obtain by requesting more scope. */
  readonly obtainable: readonly string[]
  /** Whether the arguments of a call will be seen when it is decided. */
  readonly argumentsSeen: boolean
}

interface KnownCall {
  readonly tool: string
  readonly values: Readonly<Record<string, string>>
}

export interface ToolVisibility {
  /** Why no tool is listed; null if tools are. */
  readonly denial: Denial | null
  readonly evidence: Evidence
  /** Why each of these tools cannot be allowed; the others could be. */
  readonly hidden: ReadonlyMap<string, Denial>
}

/** @param work of all that is listed: what is left when it is used up is hidden */
export function visibleTools(
  bundle: Bundle,
  state: TreeState,
  question: ToolListQuery,
  now: number,
  work: Work = new Work(),
): ToolVisibility {
  const ancestry = ancestryOf(state, question.task)
  const [task, ...above] = ancestry
  if (!task) return denialResult({ reason: "task_unknown" }, NO_EVIDENCE)
  const agents = ancestry.map((each) => each.agent).toReversed()
  const evidence: Evidence = {
    ...NO_EVIDENCE,
    chain: agents,
    purpose: task.purpose,
    user: state.user,
    calls: { limit: task.grant.calls, used: task.calls },
    labels: [...labelsOf(state, ancestry, now)],
  }
  const credential = checkTaskAlive(state, ancestry, now) ?? checkToken(state, question, now)
  if (credential) return denialResult(credential, NO_EVIDENCE)
  const unregistered = agents.find((agent) => !bundle.agents.has(agent))
  if (unregistered !== undefined) return denialResult({ reason: "agent_unregistered", agent: unregistered }, evidence)

  const whole = queryContext(bundle, state, [task, ...above], question, now, work)
  const denial = denialWhatever(whole, question.list)
  if (denial) return denialResult(denial, evidence)
  const hidden = new Map<string, Denial>()
  for (const key of question.tools) {
    const known = Object.hasOwn(question.known, key) ? question.known[key] : undefined
    const why = known
      ? denialWhatever(whole, known.tool, { complete: true, values: known.values })
      : denialWhatever(whole, key)
    if (why) hidden.set(key, why)
  }
  return { denial: null, evidence, hidden }
}

function denialResult(denial: Denial, evidence: Evidence): ToolVisibility {
  return { denial, evidence, hidden: new Map() }
}

/** What is the same for all tools of a request. */
export interface QueryContext {
  readonly bundle: Bundle
  readonly argumentsSeen: boolean
  /**
   * Tools that the agent can obtain by requesting more scope. Null if the question is what it can call as it is: then a
   * tool that takes more scope, another login, a bound key or an approval is denied.
   */
  readonly obtainable: ReadonlySet<string> | null
  readonly situation: Situation
  readonly principals: readonly EntityRef[]
  readonly entities: EntityStore
  readonly context: CedarRecord
  readonly exhausted: Denial | null
  readonly work: Work
  /** Whether the token opens the tool, if its task has it. */
  readonly opens: (tool: Tool) => boolean
}

export function queryContext(
  bundle: Bundle,
  state: TreeState,
  ancestry: readonly [Task, ...Task[]],
  question: Pick<ToolListQuery, "token" | "environment" | "gateway" | "proof" | "risks" | "argumentsSeen"> & {
    readonly obtainable: readonly string[] | null
  },
  now: number,
  work: Work,
): QueryContext {
  const { environment, gateway, argumentsSeen, obtainable } = question
  const { user } = state
  const labels = labelsOf(state, ancestry, now)
  const boundKey = question.proof !== null
  const risk = riskOf(state, ancestry, question.risks, now)
  const situation = {
    ancestry,
    user,
    labels,
    boundKey,
    risk,
    arguments: new Map(),
    bounds: null,
    environment,
    gateway,
    now,
  }
  const principals = principalsOf(
    user,
    ancestry.map((each) => each.agent),
  )
  return {
    bundle,
    argumentsSeen,
    obtainable: obtainable && new Set(obtainable),
    situation,
    principals,
    entities: entitiesFor(bundle.entities, user),
    context: callContext(situation),
    exhausted: checkCalls(ancestry),
    work,
    opens: opensTool(state.tokens.get(question.token) ?? {}, ancestry[0], bundle.catalog.tools, work),
  }
}

/** Returns why no arguments, or not these, could make a call allowed; null if they might. */
function denialWhatever(whole: QueryContext, name: string, args?: CallArguments): Denial | null {
  try {
    return deniedWhatever(whole, name, args)
  } catch (error) {
    if (!(error instanceof OutOfWork)) throw error
    return { reason: "work_exhausted" }
  }
}

function deniedWhatever(whole: QueryContext, name: string, args?: CallArguments): Denial | null {
  const tool = whole.bundle.catalog.tools.get(name)
  if (!tool) return { reason: "tool_unknown", called: name }
  return (
    deniedByGrant(whole, tool, args) ??
    (tool.cost > 0 ? whole.exhausted : null) ??
    (isLifecycle(tool) ? null : deniedByPlan(whole, tool)) ??
    deniedByPolicy(whole, tool, args)
  )
}

/** The bounds of a task and its ancestors accumulate; if arguments remain unseen, none can satisfy any. */
export function deniedByGrant(
  { argumentsSeen, situation, obtainable, opens, work }: QueryContext,
  tool: Tool,
  args?: CallArguments,
): Denial | null {
  const all: ArgumentBounds[] = []
  for (const task of situation.ancestry) {
    const isOpen = task !== situation.ancestry[0] || opens(tool)
    const bounds = isOpen ? boundsOf(task, tool, situation.environment) : notGranted(tool, task.id)
    if (!("reason" in bounds)) all.push(...bounds)
    // The denial of the call names the scope that would do; an agent that never sees the tool would never learn of it.
    else if (task !== situation.ancestry[0] || !obtainable?.has(tool.name)) return bounds
  }
  if (all.length === 0) return null
  const scope = formatScope({ pattern: tool.name, action: tool.action })
  if (args) {
    const broken = violation(all, args.values, { now: situation.now, work })
    return broken && { reason: "argument_out_of_bounds", scope, ...broken }
  }
  if (!argumentsSeen) return argumentsNeeded(namesOf(all), UNSEEN_ARGUMENTS)
  const argument = contradiction(all, situation.now)
  return argument === null ? null : { reason: "argument_out_of_bounds", scope, argument, bound: "none that keeps all" }
}

/** A step whose turn has not come yet may still come. */
function deniedByPlan({ situation }: QueryContext, { name }: Tool): Denial | null {
  for (const { id: task, plan, progress } of situation.ancestry) {
    if (!plan || mayStillCome(plan, progress, name)) continue
    return { reason: "plan_left", task, expected: expected(plan, progress), consequence: plan.deviation }
  }
  return null
}

export function deniedByPolicy(
  { bundle, argumentsSeen, obtainable, situation: whole, principals, entities, context, work }: QueryContext,
  tool: Tool,
  args?: CallArguments,
): Denial | null {
  const [action, resource] = [actionRef(tool.action), toolRef(tool.name)]
  const { engine } = bundle
  const reads = args || !argumentsSeen ? engine.readsFor(action, resource, entities) : null
  const named = namedBoundsFor(bundle, action, resource, entities)
  const needed = reads ? [...reads, ...argumentsJudgedBy(named)] : []
  if (!args && needed.length > 0) return argumentsNeeded(needed, UNSEEN_ARGUMENTS)
  const metered = args && new MeteredArguments(args, work)
  const facts =
    metered &&
    reads &&
    argumentFacts(metered, reads, engine.membersFor(action, resource, entities), argumentDecimals(bundle, action))
  if (facts && isDenied(facts)) return facts.denied
  const bounds = metered ? boundFacts(named, metered, whole.now) : null
  if (bounds && isDenied(bounds)) return bounds.denied
  const situation = facts ? { ...whole, arguments: facts, bounds } : whole
  const by = facts ? "authorize" : "mayAllow"
  const query = { bundle, by, principals, action, resource, entities, work } as const
  const answer = authorizeAll(query, facts ? callContext(situation) : context)
  if ("rules" in answer) return null
  const { principal, forbids: rules } = answer
  if (rules.length === 0) return { reason: "policy_permits_nothing", principal }
  // The denial of the call says what would lift it; an agent that never sees the tool would never learn of it.
  if (obtainable && remediesFor(query, situation)) return null
  return { reason: "policy_forbids", principal, rules }
}
