import type { OpenTaskOptions, ResumeTaskOptions, SavedTask, Task } from "./task.ts"

/**
 * Opens a task.
 *
 * @throws {NarrowgateError} `identity_failed`, `issuer_unreachable`, `issuer_invalid`, `token_refused`
 */
export declare function openTask(options: OpenTaskOptions): Promise<Task>
/** Goes on with a task that an earlier process has saved. */
export declare function resumeTask(saved: SavedTask, options: ResumeTaskOptions): Promise<Task>
