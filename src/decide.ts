/**
 * READ SECOND. The decision on one call: `decide(bundle, state, call, now) → { change, verdict }`, pure and
 * synchronous, run inside the ledger of the call's tree. It changes nothing itself; only an allow comes with a change,
 * so that nothing tentative ever exists and a denied call consumes nothing.
 */
import type { CallArguments } from "./catalog/arguments.ts"
import { formatScope, type Scope } from "./catalog/pattern.ts"
import { sensitivityRank, type Tool } from "./catalog/tool.ts"
import type { Proof } from "./credential/dpop.ts"
import { deny, isDenied, type Denial, type Denied } from "./decision.ts"
import { violation, type ArgumentBounds } from "./exchange/bounds.ts"
import { isLifecycle } from "./exchange/grant.ts"
import { advance, expected, isFinished, type Progress } from "./guardrails/plan.ts"
import { AdmissionLog, windowKey, type WindowDefinition, type WindowUse } from "./guardrails/window.ts"
import { lineOf, whyEnded, type EndedBy, type Task, type TaskStatus, type TreeState } from "./ledger/state.ts"
import type { Bundle } from "./policy/assemble.ts"
import {
  actionRef,
  argumentFacts,
  callContext,
  entitiesFor,
  principalsOf,
  toolRef,
  type Situation,
} from "./policy/facts.ts"
import { askAll, liftFor, type Asked } from "./policy/permission.ts"
import type { CedarRecord } from "./policy/value.ts"

/** A located call with a verified token, as it reaches the ledger. */
export interface Call {
  readonly decisionId: string
  readonly task: string
  /** `jti` of the delegation token. */
  readonly token: string
  /** Proof of possession, already verified against the key with this thumbprint. */
  readonly proof: Proof | null
  readonly tool: string
  readonly arguments: CallArguments
  readonly gateway: string
  readonly environment: string
  /** `observe`: the gateway lets it through whatever is decided, so a denial has no consequence. */
  readonly mode: "enforce" | "observe"
  /** The gateway's own request id with the hash of the call, where it sets one. */
  readonly retry: { readonly requestId: string; readonly call: string } | null
}

/** What an allow changes. */
export interface Change {
  readonly at: number
  /** The calling task and all above it: each counts a call that costs something. */
  readonly counted: readonly string[]
  /** The same, where it is no call of mere lifecycle: none of them is idle. */
  readonly busy: readonly string[]
  /** Of those among them that have a plan, with this call in it. */
  readonly plans: readonly { readonly task: string; readonly progress: Progress }[]
  readonly windows: readonly { readonly key: string; readonly definition: WindowDefinition }[]
  /** Labels that the tree has not had so far. */
  readonly labels: readonly string[]
  readonly remember: {
    readonly key: string
    readonly call: string
    readonly decisionId: string
    readonly until: number
  } | null
}

/** What becomes of a task, and of those below it, with a call: its plan is finished, or was left. */
export interface End {
  readonly task: string
  readonly status: Exclude<TaskStatus, "pending" | "active">
  readonly by: EndedBy
}

/** What determined the decision: enough to explain it from its record alone. */
export interface Evidence {
  readonly chain: readonly string[]
  readonly purpose: string | null
  readonly user: TreeState["user"]
  /** The principal that was not permitted, or null where all were. */
  readonly principal: string | null
  readonly rules: readonly string[]
  readonly windows: readonly WindowUse[]
  readonly calls: { readonly used: number; readonly limit: number | null } | null
  readonly labels: readonly string[]
  /** That the rules were asked with; null where they were not. */
  readonly context: CedarRecord | null
}

export interface Verdict {
  /** Null: allowed. */
  readonly denial: Denial | null
  readonly evidence: Evidence
  /** The decision of which this is the gateway's own retry; it consumes nothing and is not recorded again. */
  readonly retryOf: string | null
}

export interface Outcome {
  /** Null unless the call is allowed and no retry. */
  readonly change: Change | null
  readonly verdict: Verdict
  /**
   * `jti` of the proof that was used up, whatever was decided: who saw a refused call must not be able to repeat it.
   */
  readonly proof: string | null
  readonly end: End | null
}

/** How long a gateway's retry is still the same call (DESIGN §2, promise 4). */
const RETRY_WITHIN_MS = 5_000

export const NO_EVIDENCE: Evidence = {
  chain: [],
  purpose: null,
  user: null,
  principal: null,
  rules: [],
  windows: [],
  calls: null,
  labels: [],
  context: null,
}

export function decide(bundle: Bundle, state: TreeState, call: Call, now: number): Outcome {
  const line = lineOf(state, call.task)
  const [task, ...above] = line
  if (!task) return refused({ reason: "task_unknown" }, NO_EVIDENCE)
  let evidence: Evidence = {
    ...NO_EVIDENCE,
    chain: line.map((each) => each.agent).toReversed(),
    purpose: task.purpose,
    user: state.user,
    calls: { used: task.calls, limit: task.grant.calls },
    labels: [...state.labels],
  }

  const retried = retryOf(state, call, now)
  const ended = checkAlive(state, line, now)
  // The very call that finished the plan may be asked about again: its gateway's own try was cut.
  const isLast = retried !== null && task.endedBy === "plan"
  const credential = (isLast ? null : ended) ?? checkToken(state, call, now)
  if (credential) return refused(credential, evidence)
  if (retried !== null) return { ...refused(null, evidence), verdict: { denial: null, evidence, retryOf: retried } }
  const stale = call.proof && checkProof(state, call.proof, now)
  if (stale) return refused(stale, evidence)
  const proof = call.proof && call.proof.jti
  const refuse = (denial: Denial, told: Evidence, end: End | null = null): Outcome => ({
    ...refused(denial, told),
    proof,
    end,
  })

  const tool = bundle.catalog.tools.get(call.tool)
  if (!tool) return refuse({ reason: "tool_unknown", called: call.tool }, evidence)

  const grant = checkGrant(line, tool, call)
  if (grant) return refuse(grant, evidence)

  const calls = tool.cost > 0 ? checkCalls(line) : null
  if (calls) return refuse(calls, evidence)

  const windows = bundle.windowsOf(tool.name).map((definition) => ({ definition, key: windowKey(definition, task.id) }))
  const uses = windows.map(({ definition, key }) => (state.windows.get(key) ?? new AdmissionLog()).use(definition, now))
  evidence = { ...evidence, windows: uses }
  const full = fullest(uses)
  if (full) return refuse(full, evidence)

  const policy = checkPolicy(bundle, state, [task, ...above], tool, call, now)
  const { context } = policy
  evidence = { ...evidence, context }
  if ("denied" in policy) {
    const { denied } = policy
    const principal = "principal" in denied ? denied.principal : null
    return refuse(denied, { ...evidence, principal, rules: "rules" in denied ? denied.rules : [] })
  }

  // Last of all: a call that would be refused anyway is no deviation.
  const isWork = !isLifecycle(tool)
  const plans = isWork ? checkPlans(line, tool, task) : []
  if ("denial" in plans) return refuse(plans.denial, evidence, call.mode === "enforce" ? plans.end : null)

  const ids = line.map((each) => each.id)
  const change: Change = {
    at: now,
    counted: tool.cost > 0 ? ids : [],
    busy: isWork ? ids : [],
    plans: plans.map(({ task: { id }, progress }) => ({ task: id, progress })),
    windows,
    labels: tool.labels.filter((label) => !state.labels.has(label)),
    remember: call.retry && {
      key: retryKey(call.gateway, call.retry.requestId),
      call: call.retry.call,
      decisionId: call.decisionId,
      until: now + RETRY_WITHIN_MS,
    },
  }
  const verdict = { denial: null, evidence: { ...evidence, rules: policy.rules }, retryOf: null }
  return { change, verdict, proof, end: finishedBy(plans) }
}

function refused(denial: Denial | null, evidence: Evidence): Outcome {
  return { change: null, verdict: { denial, evidence, retryOf: null }, proof: null, end: null }
}

/** Ended is ended: the task and every one above it must be active and unexpired. */
export function checkAlive(state: TreeState, line: readonly Task[], now: number): Denial | null {
  for (const task of line) {
    const why = whyEnded(task, now)
    if (why !== null) return { reason: "task_ended", task: task.id, state: why }
  }
  // A line that does not reach the root is no line of this tree.
  return line.at(-1)?.id === state.root ? null : { reason: "task_unknown" }
}

/** The ledger admits only tokens that it issued, for this task, and a bound one only with a proof by its key. */
export function checkToken(state: TreeState, call: Pick<Call, "task" | "token" | "proof">, now: number): Denial | null {
  const token = state.tokens.get(call.token)
  if (!token || token.task !== call.task) return { reason: "token_unissued" }
  if (now >= token.expiresAt) return { reason: "token_expired", expired_at: Math.floor(token.expiresAt / 1000) }
  if (token.jkt !== null && call.proof === null) return { reason: "binding_required" }
  if (token.jkt !== (call.proof?.jkt ?? null)) return { reason: "proof_rejected", what: "another key" }
  return null
}

/** A proof is used once. */
export function checkProof({ proofs }: TreeState, proof: Proof, now: number): Denial | null {
  const verdict = proofs.check(proof, now)
  switch (verdict) {
    case "fresh":
      return null
    case "stale":
      return { reason: "proof_rejected", what: "iat" }
    case "seen":
      return { reason: "proof_replayed" }
    case "nonce_required":
      return { reason: "nonce_required", nonce: proofs.nonce }
    default:
      return verdict satisfies never
  }
}

function retryKey(gateway: string, requestId: string): string {
  return `${gateway}|${requestId}`
}

function retryOf(state: TreeState, call: Call, now: number): string | null {
  if (!call.retry) return null
  const admitted = state.retries.get(retryKey(call.gateway, call.retry.requestId))
  return admitted && admitted.call === call.retry.call && now < admitted.until ? admitted.decisionId : null
}

/** Every grant up the tree must cover the call: nobody in the chain gains. */
function checkGrant(line: readonly Task[], tool: Tool, call: Call): Denial | null {
  for (const task of line) {
    const bounds = boundsOf(task, tool, call.environment)
    if ("reason" in bounds) return bounds
    if (bounds.length === 0) continue
    if (!call.arguments.complete) return argumentsNeeded(bounds)
    const broken = violation(bounds, call.arguments.values)
    if (broken) return { reason: "argument_out_of_bounds", scope: formatScope(scopeOf(tool)), ...broken }
  }
  return null
}

/** Within which a task's grant covers the tool, or why it does not, whatever the arguments. */
export function boundsOf(
  { id: task, grant }: Task,
  tool: Tool,
  environment: string,
): readonly ArgumentBounds[] | Denial {
  const granted = Object.hasOwn(grant.tools, tool.name) ? grant.tools[tool.name] : undefined
  if (granted?.action !== tool.action) return { reason: "tool_not_granted", scope: formatScope(scopeOf(tool)), task }
  if (sensitivityRank(tool.sensitivity) > sensitivityRank(granted.maxSensitivity)) {
    return { reason: "sensitivity_exceeded", scope: formatScope(scopeOf(tool)), max: granted.maxSensitivity, task }
  }
  if (grant.environments && !grant.environments.includes(environment)) {
    return { reason: "environment_not_granted", scope: formatScope(scopeOf(tool)), task }
  }
  return granted.bounds
}

function scopeOf({ name: pattern, action }: Tool): Scope {
  return { pattern, action }
}

export function argumentsNeeded(bounds: readonly ArgumentBounds[]): Denial {
  return { reason: "arguments_unknown", needed: bounds.flatMap((each) => Object.keys(each)) }
}

export function checkCalls(line: readonly Task[]): Denial | null {
  for (const { id: task, grant, calls } of line) {
    if (grant.calls !== null && calls >= grant.calls) return { reason: "calls_exhausted", task, limit: grant.calls }
  }
  return null
}

interface Planned {
  readonly task: Task
  readonly progress: Progress
}

/** Where the call stands in the plan of each task up the tree, or the first plan that has no place for it. */
function checkPlans(
  line: readonly Task[],
  { name: tool }: Tool,
  calling: Task,
): readonly Planned[] | { readonly denial: Denial; readonly end: End | null } {
  const planned: Planned[] = []
  for (const task of line) {
    if (!task.plan) continue
    const progress = advance(task.plan, task.progress, tool)
    if (!progress) return leaves(task, task.plan, calling)
    planned.push({ task, progress })
  }
  return planned
}

/** The consequence is the calling task's: whoever has a part of the work must not be able to end the whole. */
function leaves(
  task: Task,
  plan: NonNullable<Task["plan"]>,
  calling: Task,
): { readonly denial: Denial; readonly end: End | null } {
  const { deviation: consequence } = plan
  const denial = { reason: "plan_left", task: task.id, expected: expected(plan, task.progress), consequence } as const
  if (consequence === "deny") return { denial, end: null }
  const status = consequence === "quarantine" ? "quarantined" : "revoked"
  return { denial, end: { task: calling.id, status, by: "deviation" } }
}

/** The topmost task whose plan this call finishes: those below it end with it. */
function finishedBy(planned: readonly Planned[]): End | null {
  const finished = planned.findLast(({ task, progress }) => task.plan !== null && isFinished(task.plan, progress))
  return finished ? { task: finished.task.id, status: "completed", by: "plan" } : null
}

/** The full window that stays full longest: retrying sooner would be in vain. */
function fullest(uses: readonly WindowUse[]): Denial | null {
  let full: WindowUse | null = null
  for (const use of uses) if (use.waits > (full?.waits ?? 0)) full = use
  if (!full) return null
  const { window, limit, seconds, waits } = full
  return { reason: "window_full", window, limit, seconds, retry_after: Math.ceil(waits / 1000) }
}

/** Policy for every principal of the chain: allowed only if each of them is (DESIGN §2, promise 3). */
function checkPolicy(
  bundle: Bundle,
  state: TreeState,
  line: readonly [Task, ...Task[]],
  tool: Tool,
  call: Call,
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
  const situation = { line, user, labels, boundKey, arguments: args, environment, gateway, now }
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
