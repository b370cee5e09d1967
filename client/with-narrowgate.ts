/** Tools whose denials wait where waiting helps, and reach the model in words where it does not. */
import { DeniedError } from "./errors.ts"
import { firstOf } from "./signals.ts"
import type { Task } from "./task.ts"
import { untilAllowed, type UntilAllowedOptions } from "./until-allowed.ts"

/** Tools by name, as `generateText` of the AI SDK and Mastra's agents take them. */
export type ToolSet = Readonly<Record<string, object>>

export type WithNarrowgateOptions = Omit<UntilAllowedOptions, "task">

/** As MCP has a tool that failed: clients show its words to the model. */
interface Failed {
  readonly isError: true
  readonly content: readonly [{ readonly type: "text"; readonly text: string }]
}

/**
 * The same tools. A call of one that is denied waits as `untilAllowed` does; a call that stays denied returns what the
 * model should read, in place of throwing.
 */
export function withNarrowgate<Tools extends ToolSet>(
  tools: Tools,
  task: Task,
  options: WithNarrowgateOptions = {},
): Tools {
  const wrapped = Object.entries(tools).map(([name, tool]) => [name, withDenials(tool, task, options)] as const)
  return Object.assign({ ...tools }, Object.fromEntries(wrapped))
}

function withDenials(tool: object, task: Task, options: WithNarrowgateOptions): object {
  if (!("execute" in tool) || typeof tool.execute !== "function") return tool
  const { execute } = tool
  // What streams has begun before it can be denied, and cannot be made again from the start.
  if (Object.prototype.toString.call(execute) === "[object AsyncGeneratorFunction]") return tool
  const call = async (...args: readonly unknown[]): Promise<unknown> => {
    const signal = signalOf(args[1], options.signal)
    try {
      return await untilAllowed(async () => execute.apply(tool, args), { ...options, ...(signal && { signal }), task })
    } catch (thrown) {
      if (!(thrown instanceof DeniedError)) throw thrown
      return { isError: true, content: [{ type: "text", text: thrown.message }] } satisfies Failed
    }
  }
  // What the tool inherits stays inherited.
  return Object.assign(Object.create(Object.getPrototypeOf(tool)), tool, { execute: call })
}

/** Both give a call's signal with its second argument. */
function signalOf(context: unknown, own: AbortSignal | undefined): AbortSignal | undefined {
  const given = typeof context === "object" && context !== null && "abortSignal" in context ? context.abortSignal : null
  return given instanceof AbortSignal ? firstOf(own, given) : own
}
