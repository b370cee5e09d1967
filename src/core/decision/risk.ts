/** The risk of a call: the highest that was reported of any task, agent or user it depends on. */
import { highestRisk, type Signal, type ReportedRisk } from "../guardrails/risk.ts"
import { risksOfTask } from "../task/risks.ts"
import type { TreeState } from "../task/state.ts"
import { userId } from "../policy/principals.ts"
import type { Task } from "../task/task.ts"

/**
 * @param ancestry the calling task and its ancestors
 * @param reported risks of agents and users, from the edge; those of others than this call's are ignored
 * @param now milliseconds since the epoch
 * @returns from 0 to 100
 */
export function riskOf(
  { user, ledger: { risks } }: Pick<TreeState, "user" | "ledger">,
  ancestry: readonly Task[],
  reported: readonly ReportedRisk[],
  now: number,
): number {
  if (reported.length === 0 && risks.size === 0) return 0
  const signals: Signal[] = [...risksOfTask(risks, ancestry)]
  for (const { kind, name, signal } of reported) {
    const isOurs =
      kind === "user"
        ? user !== null && userId(user) === name
        : ancestry.some(({ agent, historyKey }) => agent === name || historyKey === name)
    if (isOurs) signals.push(signal)
  }
  return highestRisk(signals, now)
}
