/** The risk of a call: the highest that was told of anybody or anything it depends on. */
import { highestRisk, type Signal, type ToldRisk } from "../guardrails/risk.ts"
import type { TreeState } from "../task/state.ts"
import { userId } from "../policy/principals.ts"
import type { Task } from "../task/task.ts"

/**
 * @param ancestry the calling task and all above it
 * @param told of agents and users, by the edge: those that are none of this call's count for nothing
 * @param now milliseconds
 * @returns from 0 to 100
 */
export function riskOf(
  { user, risks }: Pick<TreeState, "user" | "risks">,
  ancestry: readonly Task[],
  told: readonly ToldRisk[],
  now: number,
): number {
  if (told.length === 0 && risks.size === 0) return 0
  const signals: Signal[] = ancestry.flatMap(({ id }) => risks.get(id) ?? [])
  for (const { kind, name, signal } of told) {
    const isOurs =
      kind === "user" ? user !== null && userId(user) === name : ancestry.some(({ agent }) => agent === name)
    if (isOurs) signals.push(signal)
  }
  return highestRisk(signals, now)
}
