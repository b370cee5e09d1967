/**
 * Risks that were reported of tasks. A risk is that of the task's agent, for the user: it applies to all of the agent's
 * tasks in the ledger, and to those below them, whether they were opened before or after, until it has decayed.
 */
import { lastOf, riskAt, type Signal } from "../guardrails/risk.ts"
import type { Task } from "./task.ts"
import type { HistoryKey } from "../guardrails/history-key.ts"

/** By agent, and by the id of the task of which it was reported. */
export type ReportedRisks = Map<HistoryKey, Map<string, Signal>>

/** Those that apply to a task. */
export function risksOfTask(risks: ReportedRisks, ancestry: readonly Task[]): readonly Signal[] {
  const agents = new Set(ancestry.map(({ historyKey }) => historyKey))
  return [...agents].flatMap((agent) => Array.from(risks.get(agent)?.values() ?? []))
}

/** An operator who rates each task of an agent must not make its ledger, or its calls, dearer with each. */
export const MAX_REPORTS = 16

/**
 * The reports of an agent once one more has come. It replaces an earlier one of the same task. Beyond the most that are
 * kept, the oldest two become one that is nowhere lower than either.
 * @param signal null: whatever was reported of the agent's tasks is withdrawn, also of those that are forgotten
 * @param now milliseconds
 */
export function reportsWith(
  risks: ReportedRisks,
  agent: HistoryKey,
  task: string,
  signal: Signal | null,
  now: number,
): ReadonlyMap<string, Signal> {
  if (!signal) return new Map()
  const others = [...(risks.get(agent) ?? [])].filter(([id, each]) => id !== task && lastOf(each) >= now)
  const byTime = [...others, [task, signal] as const].toSorted(([, one], [, other]) => one.at - other.at)
  const [first, second, ...rest] = byTime
  return new Map(byTime.length > MAX_REPORTS && first && second ? [merged(first, second, now), ...rest] : byTime)
}

function merged([, one]: Report, [task, other]: Report, now: number): Report {
  const level = Math.max(riskAt(one, now), riskAt(other, now))
  return [task, { level, at: now, halfLife: Math.max(one.halfLife, other.halfLife) }]
}
type Report = readonly [task: string, signal: Signal]

/** @param reports all of the agent */
export function setReports(risks: ReportedRisks, agent: HistoryKey, reports: ReadonlyMap<string, Signal>): void {
  if (reports.size > 0) risks.set(agent, new Map(reports))
  else risks.delete(agent)
}

/** Adds a report to those of its agent. */
export function setRisk(
  risks: ReportedRisks,
  agent: HistoryKey,
  task: string,
  signal: Signal | null,
  now: number,
): void {
  setReports(risks, agent, reportsWith(risks, agent, task, signal, now))
}
