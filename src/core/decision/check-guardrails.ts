/** Evaluates the guardrails for a call on the memory of the tree, and collects what the call would add to that memory. */
import type { Call } from "./call.ts"
import type { Tool } from "../catalog/tool.ts"
import { codeOf, type Denial } from "../denials/denial.ts"
import type { Consequence } from "../denials/terms/consequence.ts"
import type { CallFacts } from "../guardrails/field.ts"
import { consequenceOf, type Need, type Use, type WindowUse } from "../guardrails/kind.ts"
import type { Memory } from "../guardrails/memory.ts"
import type { MemoryUpdate } from "../guardrails/memory-update.ts"
import { withoutFigures } from "../guardrails/telling-figures.ts"
import type { DeniedFacts } from "../guardrails/denial-observer.ts"
import type { TreeState } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import { userId } from "../policy/principals.ts"
import type { TaskEnd } from "../task/change.ts"
import type { Task } from "../task/task.ts"
import type { Demand } from "./check-approvals.ts"

export interface Checked {
  readonly windows: readonly WindowUse[]
  readonly uses: readonly Use[]
  readonly memoryUpdates: readonly MemoryUpdate[]
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
  { user }: TreeState,
  task: Task,
  tool: Called,
  call: Pick<Call, "decisionId" | "arguments" | "gateway" | "environment" | "client">,
  risk: number,
): DeniedFacts & { readonly tool: Called } {
  return {
    decision: call.decisionId,
    task: task.id,
    agent: task.agent,
    user: user && userId(user),
    purpose: task.purpose,
    tool,
    arguments: call.arguments,
    gateway: call.gateway,
    environment: call.environment,
    country: call.client.country,
    network: call.client.network,
    risk,
  }
}

export function checkGuardrails(
  { guardrails }: Bundle,
  { memory, hidden }: Pick<TreeState, "memory" | "hidden">,
  facts: CallFacts,
  now: number,
): Checked {
  const { judges, tracks } = guardrails.about(facts.tool)
  if (judges.length === 0 && tracks.length === 0) return NO_RESULT
  const windows: WindowUse[] = []
  const uses: Use[] = []
  const memoryUpdates: MemoryUpdate[] = []
  const needs: Need[] = []
  let denial: Denial | null = null
  let endingDenial: Denial | null = null
  const demands: Demand[] = []
  for (const compiled of judges) {
    if (facts.risk < (compiled.guardrail.fromRisk ?? 0)) continue
    const whole = compiled.evaluate(facts, memory.of(compiled.guardrail), now)
    const { guardrail } = compiled
    const isHidden = guardrails.telltales.has(guardrail.id) || hidden.has(guardrail.id)
    const judgement = isHidden ? withoutFigures(whole, guardrail) : whole
    if (judgement.rate) windows.push(judgement.rate)
    else if (judgement.use) uses.push(judgement.use)
    if (judgement.need) needs.push(judgement.need)
    memoryUpdates.push(...judgement.memoryUpdates)
    if (!judgement.denial) continue
    const consequence = consequenceOf(judgement.denial)
    if (consequence === "deny") denial = laterRetry(denial, judgement.denial)
    else if (consequence === "approve") {
      const { id, approval: name = null } = guardrail
      demands.push({ denial: judgement.denial, guardrail: id, name, rules: [] })
    } else endingDenial ??= judgement.denial
  }
  for (const compiled of tracks) {
    const tracked = compiled.track(facts, memory.of(compiled.guardrail), now)
    if (tracked.denial) denial ??= tracked.denial
    memoryUpdates.push(...tracked.memoryUpdates)
  }
  return { windows, uses, memoryUpdates, needs, denial, endingDenial, demands }
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
  memory: Memory,
  facts: DeniedFacts,
  denial: Denial,
  now: number,
): { readonly memoryUpdates: readonly MemoryUpdate[]; readonly storm: Denial | null } {
  const memoryUpdates: MemoryUpdate[] = []
  let storm: Denial | null = null
  // The denials of a storm do not count, or the storm would never end.
  if (denial.reason === "denial_storm") return { memoryUpdates, storm }
  for (const observer of guardrails.denialObservers) {
    if (facts.risk < (observer.guardrail.fromRisk ?? 0)) continue
    const observed = observer.denied(facts, codeOf(denial), memory.of(observer.guardrail), now)
    memoryUpdates.push(...observed.memoryUpdates)
    // A storm that only denies the call does not hide one that also ends its task.
    if (observed.storm && (!storm || consequenceOf(storm) === "deny")) storm = observed.storm
  }
  return { memoryUpdates, storm }
}
