/** A grant in the words that a user reads before they consent to it. */
import { nameText } from "../../core/task/grant-words.ts"

const ACTIONS = [
  ["read", "Read"],
  ["write", "Change"],
  ["execute", "Run"],
] as const

export interface Access {
  readonly words: string
  readonly tools: readonly string[]
}

/** @param scope `<tool or prefix.*>:<read|write|execute>`, separated by spaces; anything else is shown as it is */
export function scopesByAction(scope: string): readonly Access[] {
  const scopes = scope.split(" ").filter((each) => each !== "")
  const isOf = (action: string) => (each: string) => each.endsWith(`:${action}`)
  const byAction = ACTIONS.map(([action, words]) => ({
    words,
    tools: scopes.filter(isOf(action)).map((each) => toolText(each.slice(0, -action.length - 1))),
  }))
  const others = scopes.filter((each) => !ACTIONS.some(([action]) => isOf(action)(each)))
  return [...byAction, { words: "Other scopes", tools: others }].filter(({ tools }) => tools.length > 0)
}

/** `crm.*` */
function toolText(tool: string): string {
  if (tool === "*") return "* (all tools)"
  return tool.endsWith(".*") ? `${tool} (all tools of ${tool.slice(0, -2)})` : tool
}

const BOUNDS: Readonly<Record<string, (value: string) => string>> = {
  eq: (value) => `must be ${value}`,
  in: (value) => `must be one of ${value}`,
  min: (value) => `must be at least ${value}`,
  max: (value) => `must be at most ${value}`,
  like: (value) => `must match ${value}`,
  max_length: (value) => `must have at most ${value} characters`,
}

export function boundText(name: string, bound: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(bound).map(([kind, value]) => {
    const text = JSON.stringify(value)
    return BOUNDS[kind]?.(text) ?? `${kind} ${text}`
  })
  return `${nameText(name)} ${parts.join(" and ")}`
}
