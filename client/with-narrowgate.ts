import type { Task } from "./task.ts"
import type { UntilAllowedOptions } from "./until-allowed.ts"

/** Tools by name, as `generateText` and Mastra's agents take them. */
export type ToolSet = Readonly<Record<string, object>>

export type WithNarrowgateOptions = Omit<UntilAllowedOptions, "task">

/**
 * The same tools. A call of one that is denied waits where waiting helps, as `untilAllowed` does; a call that stays
 * denied returns what the model should read, and throws nothing.
 */
export declare function withNarrowgate<Tools extends ToolSet>(
  tools: Tools,
  task: Task,
  options?: WithNarrowgateOptions,
): Tools
