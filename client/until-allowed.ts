import type { Approval, Denial } from "./denial.ts"
import type { Task } from "./task.ts"

export interface UntilAllowedOptions {
  /** The task that makes the call: it reads its own approval. */
  readonly task: Task
  /** Called once for each approval that people have to give: show them the page. */
  readonly onApproval?: (approval: Approval, denial: Denial) => void | Promise<void>
  readonly signal?: AbortSignal
  /** Milliseconds to wait in all; 600,000 by default. */
  readonly maxWait?: number
}

/**
 * Makes a call, and exactly that call again as long as it is denied and waiting can help: people have to approve of it,
 * a limit has no room, Narrowgate is unavailable. Returns what the call returned when it was not denied.
 *
 * @throws {DeniedError} `denied`, `wait_exceeded`
 */
export declare function untilAllowed<T>(call: () => T | Promise<T>, options: UntilAllowedOptions): Promise<T>
