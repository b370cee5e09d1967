import type { Progress } from "../guardrails/plan.ts"
import type { Approval } from "./approval.ts"
import type { Carried } from "./labels.ts"
import type { ScopedUpdates } from "./memories.ts"
import type { RememberedAdmission } from "./state.ts"
import type { EndedBy, TaskStatus } from "./task.ts"

/** The changes of an allowed call; or of a denied call that an observing gateway lets happen nevertheless. */
export interface TaskChange {
  readonly at: number
  /** The calling task and its ancestors: each counts a call that costs something. */
  readonly counted: readonly string[]
  /** The same, unless it is a mere lifecycle call: none of them is idle. */
  readonly busy: readonly string[]
  /** The progress of those that have a plan, with this call in it. */
  readonly plans: readonly { readonly task: string; readonly progress: Progress }[]
  /** Approvals that it uses. */
  readonly approvals: readonly Approval[]
  /** Updates of the guardrails' memories. */
  readonly memoryUpdates: readonly ScopedUpdates[]
  /** Labels that the tree has not had so far. */
  readonly labels: readonly string[]
  /** Labels that agents carry from now on. */
  readonly carried: readonly Carried[]
  readonly remember: (RememberedAdmission & { readonly key: string }) | null
}

/** What a call does to a task and those below it: its plan is finished, or was violated. */
export interface TaskEnd {
  readonly task: string
  readonly status: Exclude<TaskStatus, "pending" | "active">
  readonly by: EndedBy
}
