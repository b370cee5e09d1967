import { userId } from "../policy/principals.ts"
import type { GrantedDetails } from "./grant.ts"
import type { Opened } from "./opening-step.ts"
import type { TreeState } from "./state.ts"
import type { TaskLimit, TokenLimit } from "./task.ts"

export interface OpenedTask {
  readonly task: string
  readonly purpose: string
  readonly scope: string
  readonly details: readonly GrantedDetails[] | null
  readonly user: string | null
  readonly audience: string
  readonly chain: readonly string[]
  /** Milliseconds since the epoch, when the authority behind its tree was given. */
  readonly since: number
  /** Milliseconds since the epoch, by the ledger's clock. */
  readonly issuedAt: number
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly limitedBy: TokenLimit
  /** Milliseconds since the epoch; its token may expire sooner. */
  readonly taskExpiresAt: number
  readonly taskLimitedBy: TaskLimit
}

export function openedTask(opened: Opened, state: TreeState, now: number): OpenedTask {
  const { id: task, purpose } = opened.task
  const { ends } = opened
  return {
    task,
    purpose,
    ...opened.words,
    user: state.user && userId(state.user),
    audience: opened.audience,
    chain: opened.chain,
    since: state.since,
    issuedAt: now,
    expiresAt: ends.token.at,
    limitedBy: ends.token.by,
    taskExpiresAt: ends.task.at,
    taskLimitedBy: ends.task.by,
  }
}
