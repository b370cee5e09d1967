/** The authority of a task: for whom it is, and since when. Switches depend on it, and only the ledger knows it. */
import { userId } from "../policy/principals.ts"
import type { TreeState } from "./state.ts"

export interface Authority {
  /** Issuer and subject, joined by `|`. Null: for nobody. */
  readonly user: string | null
  /** Milliseconds since the epoch. */
  readonly since: number
}

/** Null if it is no task of this agent, or waits for a person's answer. */
export function authorityOf(state: TreeState | null, id: string, agent: string): Authority | null {
  const task = state?.tasks.get(id)
  if (!state || task?.agent !== agent) return null
  if (task.status !== "pending") return { user: state.user && userId(state.user), since: state.since }
  const answer = state.consent?.answer
  return answer ? { user: userId(answer.person), since: answer.since } : null
}
