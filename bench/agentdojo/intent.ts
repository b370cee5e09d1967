/** What an application knows of a user's task when it opens one: the tools that it takes, and the prompt's targets. */
import type { Catalog, CatalogTool } from "./policies.ts"

export interface UserCall {
  readonly function: string
  readonly arguments: Readonly<Record<string, unknown>>
}

interface Request {
  readonly purpose: "named-targets" | "with-confirmation"
  readonly details: readonly object[]
}

/**
 * The request for a task. Each tool that the user's task takes is in it, with any arguments. If the prompt names every
 * target of the calls that lead outwards, these tools are bounded to their targets instead.
 */
export function detailsOf(prompt: string, calls: readonly UserCall[], catalog: Catalog): Request {
  const targets = Object.keys(catalog.bounds?.find(({ name }) => name === "known_targets")?.arguments ?? {})
  const tools = catalog.tools.filter(({ name }) => calls.some((call) => `app.${call.function}` === name))
  const targetsOf = (call: UserCall): string[] =>
    targets.flatMap((target) => [call.arguments[target] ?? []].flat().map(String))
  const isOutward = (tool: CatalogTool): boolean => tool.groups?.includes("outward") === true
  const callsOf = (name: string): UserCall[] => calls.filter((call) => `app.${call.function}` === name)
  const areNamed = tools
    .filter(isOutward)
    .every(({ name }) => callsOf(name).every((call) => targetsOf(call).every((target) => prompt.includes(target))))
  const detailOf = (tool: CatalogTool): object => {
    const { name, action } = tool
    const detail = { type: "narrowgate_call", tools: [name], actions: [action] }
    if (!areNamed || !isOutward(tool)) return detail
    return { ...detail, arguments: boundsOf(callsOf(name), targets), closed: true }
  }
  return { purpose: areNamed ? "named-targets" : "with-confirmation", details: tools.map(detailOf) }
}

/**
 * A target has one of the values that the prompt names. The other arguments of the user's calls are free; an argument
 * that these calls do not have is denied.
 */
function boundsOf(calls: readonly UserCall[], targets: readonly string[]): Record<string, object> {
  const names = new Set(calls.flatMap((call) => Object.keys(call.arguments)))
  const boundOf = (name: string): object => {
    if (!targets.includes(name)) return {}
    const values = [...new Set(calls.flatMap((call) => call.arguments[name] ?? []))]
    const isList = calls.some((call) => Array.isArray(call.arguments[name]))
    const schema = isList ? { type: "array", minItems: 1, items: { enum: values } } : { enum: values }
    return { schema, optional: true }
  }
  return Object.fromEntries(Array.from(names, (name) => [name, boundOf(name)]))
}
