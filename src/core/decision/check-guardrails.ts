/** Evaluates the guardrails for a call on the ledger's memories, and collects what the call would add to these. */
import type { Call } from "./call.ts"
import { MeteredArguments } from "../catalog/arguments.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Work } from "../encoding/work.ts"
import { codeOf, type Denial } from "../denials/denial.ts"
import type { Consequence } from "../denials/terms/consequence.ts"
import type { CallFacts } from "../guardrails/field.ts"
import {
  consequenceOf,
  NOTHING,
  type CompiledGuardrail,
  type Evaluation,
  type Need,
  type Use,
  type WindowUse,
} from "../guardrails/kind.ts"
import { withoutFigures } from "../guardrails/figure-disclosure.ts"
import type { DeniedFacts } from "../guardrails/denial-observer.ts"
import type { TreeState } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import { userId } from "../policy/principals.ts"
import type { TaskEnd } from "../task/change.ts"
import { joined, type ScopedUpdates } from "../task/memories.ts"
import { fleetOf } from "../task/home.ts"
import type { Task } from "../task/task.ts"
import type { Demand } from "./check-approvals.ts"
import type { TaskMemories } from "./task-memories.ts"

export interface Checked {
  readonly windows: readonly WindowUse[]
  readonly uses: readonly Use[]
  readonly memoryUpdates: readonly ScopedUpdates[]
  readonly needs: readonly Need[]
  /** Has no consequence beyond the denial of the call. */
  readonly denial: Denial | null
  /** Ends or quarantines the task as well; reported only if nothing else denies the call. */
  readonly endingDenial: Denial | null
  /** Denials that an approval may overrule; reported under the same condition. */
  readonly demands: readonly Demand[]
}

export const NO_RESULT: Checked = {
  windows: [],
  uses: [],
  memoryUpdates: [],
  needs: [],
  denial: null,
  endingDenial: null,
  demands: [],
}

/** @param tool null if the call is of no tool of the catalog */
export function factsOf<Called extends Tool | null>(
  { user, root, tasks, ledger }: TreeState,
  task: Task,
  tool: Called,
  call: Pick<Call, "decisionId" | "arguments" | "gateway" | "environment" | "client">,
  risk: number,
  work: Work,
): DeniedFacts & { readonly tool: Called } {
  return {
    decision: call.decisionId,
    task: task.id,
    tree: root,
    agent: task.agent,
    historyKey: task.historyKey,
    rootHistoryKey: tasks.get(root)?.historyKey ?? task.historyKey,
    user: user && userId(user),
    fleet: user || !ledger.home ? null : fleetOf(ledger.home, ledger.clock),
    purpose: task.purpose,
    tool,
    arguments: new MeteredArguments(call.arguments, work),
    gateway: call.gateway,
    environment: call.environment,
    country: call.client.country,
    network: call.client.network,
    risk,
  }
}

export function checkGuardrails(
  { guardrails }: Bundle,
  { ledger: { hidden } }: TreeState,
  memories: TaskMemories,
  facts: CallFacts,
  now: number,
): Checked {
  const { applying, tracking } = guardrails.about(facts.tool)
  if (applying.length === 0 && tracking.length === 0) return NO_RESULT
  const windows: WindowUse[] = []
  const uses: Use[] = []
  const memoryUpdates: ScopedUpdates[] = []
  const needs: Need[] = []
  let denial: Denial | null = null
  let endingDenial: Denial | null = null
  const demands: Demand[] = []
  for (const compiled of applying) {
    if (facts.risk < (compiled.guardrail.fromRisk ?? 0)) continue
    const { guardrail } = compiled
    const whole = evaluationOf(compiled, memories, facts, memoryUpdates, now)
    const isHidden = guardrails.figuresHidden.has(guardrail.id) || hidden.has(guardrail.id)
    const evaluation = isHidden ? withoutFigures(whole, guardrail) : whole
    if (evaluation.rate) windows.push(evaluation.rate)
    else if (evaluation.use) uses.push(evaluation.use)
    if (evaluation.need) needs.push(evaluation.need)
    if (!evaluation.denial) continue
    const consequence = consequenceOf(evaluation.denial)
    if (consequence === "deny") denial = laterRetry(denial, evaluation.denial)
    else if (consequence === "approve") {
      const { id, approval: name = null } = guardrail
      demands.push({ denial: evaluation.denial, guardrail: id, name, rules: [] })
    } else endingDenial ??= evaluation.denial
  }
  for (const compiled of tracking) {
    for (const { scope, memory } of memories.of(compiled.history)) {
      facts.arguments.draw(UNITS_OF_GUARDRAIL)
      const tracked = compiled.track(facts, memory.of(compiled.guardrail), now)
      if (tracked.denial) denial ??= tracked.denial
      memoryUpdates.push({ scope, updates: tracked.memoryUpdates })
    }
  }
  return { windows, uses, memoryUpdates: joined(memoryUpdates), needs, denial, endingDenial, demands }
}

/** Units of a guardrail on one memory, beside those of its bounds and fields (core/encoding/work.ts). */
const UNITS_OF_GUARDRAIL = 50

/**
 * Evaluates a guardrail on each of its memories, and adds to the updates what the call would add to them.
 * @returns the evaluation that denies the call; or that for the calling agent
 */
function evaluationOf(
  compiled: CompiledGuardrail,
  memories: TaskMemories,
  facts: CallFacts,
  memoryUpdates: ScopedUpdates[],
  now: number,
): Evaluation {
  let telling: Evaluation | null = null
  for (const { scope, memory } of memories.of(compiled.history)) {
    facts.arguments.draw(UNITS_OF_GUARDRAIL)
    const evaluation = compiled.evaluate(facts, memory.of(compiled.guardrail), now)
    memoryUpdates.push({ scope, updates: evaluation.memoryUpdates })
    if (!telling || (evaluation.denial && !telling.denial)) telling = evaluation
  }
  return telling ?? NOTHING
}

/**
 * Returns the first denial; of full windows, the one that stays full longest, because an earlier retry would be in
 * vain.
 */
function laterRetry(before: Denial | null, denial: Denial): Denial {
  if (before?.reason !== "window_full" || denial.reason !== "window_full") return before ?? denial
  return denial.retry_after > before.retry_after ? denial : before
}

/** The state in which a denial leaves the task; null if it has no such consequence. */
export function endOf(consequence: Consequence): "quarantined" | "revoked" | null {
  switch (consequence) {
    case "deny":
    case "approve":
      return null
    case "quarantine":
      return "quarantined"
    case "revoke":
      return "revoked"
    default:
      return consequence satisfies never
  }
}

/** Returns how a guardrail's denial ends the task whose call it denied. */
export function endBy(denial: Denial | null, { id: task }: Task): TaskEnd | null {
  const status = denial && endOf(consequenceOf(denial))
  return status ? { task, status, by: "deviation" } : null
}

/** Reports a denial to the guardrails that count denials. */
export function observeDenial(
  { guardrails }: Bundle,
  memories: TaskMemories,
  facts: DeniedFacts,
  denial: Denial,
  now: number,
): { readonly memoryUpdates: readonly ScopedUpdates[]; readonly storm: Denial | null } {
  const memoryUpdates: ScopedUpdates[] = []
  let storm: Denial | null = null
  // The denials of a storm do not count, or the storm would never end.
  if (denial.reason === "denial_storm") return { memoryUpdates, storm }
  for (const observer of guardrails.denialObservers) {
    if (facts.risk < (observer.guardrail.fromRisk ?? 0)) continue
    for (const { scope, memory } of memories.of(observer.history)) {
      const observed = observer.denied(facts, codeOf(denial), memory.of(observer.guardrail), now)
      memoryUpdates.push({ scope, updates: observed.memoryUpdates })
      // A storm that only denies the call does not hide one that also ends its task.
      if (observed.storm && (!storm || consequenceOf(storm) === "deny")) storm = observed.storm
    }
  }
  return { memoryUpdates: joined(memoryUpdates), storm }
}
