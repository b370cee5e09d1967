/** A grant in words that people read before they give it. */
import { nameText } from "../../core/task/grant-words.ts"

const ACTIONS = [
  ["read", "It may read with"],
  ["write", "It may change things with"],
  ["execute", "It may run"],
] as const

export interface Access {
  readonly words: string
  readonly tools: readonly string[]
}

/** @param scope `<tool or prefix.*>:<read|write|execute>`, by spaces; what is no such thing is shown as it is */
export function scopesByAction(scope: string): readonly Access[] {
  const scopes = scope.split(" ").filter((each) => each !== "")
  const isOf = (action: string) => (each: string) => each.endsWith(`:${action}`)
  const known = ACTIONS.map(([action, words]) => ({
    words,
    tools: scopes.filter(isOf(action)).map((each) => toolText(each.slice(0, -action.length - 1))),
  }))
  const odd = scopes.filter((each) => !ACTIONS.some(([action]) => isOf(action)(each)))
  return [...known, { words: "And besides", tools: odd }].filter(({ tools }) => tools.length > 0)
}

/** `crm.*` */
function toolText(tool: string): string {
  if (tool === "*") return "* (every tool)"
  return tool.endsWith(".*") ? `${tool} (every tool of ${tool.slice(0, -2)})` : tool
}

const BOUNDS: Readonly<Record<string, (value: string) => string>> = {
  eq: (value) => `is exactly ${value}`,
  in: (value) => `is one of ${value}`,
  min: (value) => `is at least ${value}`,
  max: (value) => `is at most ${value}`,
  like: (value) => `looks like ${value}`,
  max_length: (value) => `is no longer than ${value}`,
}

export function boundText(name: string, bound: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(bound).map(([kind, value]) => {
    const text = JSON.stringify(value)
    return BOUNDS[kind]?.(text) ?? `${kind} ${text}`
  })
  return `${nameText(name)} ${parts.join(" and ")}`
}
