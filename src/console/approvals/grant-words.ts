/** A grant in the words that a user reads before they consent to it. */
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
