import type { MemoryUpdate } from "../guardrails/memory-update.ts"
import type { Progress } from "../guardrails/plan.ts"
import type { Approval } from "./approval.ts"
import type { RememberedAdmission } from "./state.ts"
import type { EndedBy, TaskStatus } from "./task.ts"

/** What an allow changes; or, of a denied call, that an observing gateway lets it happen all the same. */
export interface TaskChange {
  readonly at: number
  /** The calling task and all above it: each counts a call that costs something. */
  readonly counted: readonly string[]
  /** The same, where it is no call of mere lifecycle: none of them is idle. */
  readonly busy: readonly string[]
  /** Of those among them that have a plan, with this call in it. */
  readonly plans: readonly { readonly task: string; readonly progress: Progress }[]
  /** Approvals that it uses. */
  readonly approvals: readonly Approval[]
  /** What guardrails keep in mind of it. */
  readonly memoryUpdates: readonly MemoryUpdate[]
  /** Labels that the tree has not had so far. */
  readonly labels: readonly string[]
  readonly remember: (RememberedAdmission & { readonly key: string }) | null
}

/** What becomes of a task, and of those below it, with a call: its plan is finished, or was left. */
export interface TaskEnd {
  readonly task: string
  readonly status: Exclude<TaskStatus, "pending" | "active">
  readonly by: EndedBy
}
