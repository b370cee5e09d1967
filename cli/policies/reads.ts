/**
 * What a rule reads of the context (LoweredRule.reads, LoweredRule.facts), from the rule in Cedar's JSON policy format.
 * Whatever is not plainly one of its members counts as all of them: too much is safe, too little is not.
 */
import { type Node, isNode } from "../../src/policy/est.ts"

export interface Reads {
  /** Names below `context.arguments`, sorted; `*` stands for the arguments as a whole. */
  readonly reads: readonly string[]
  /** Other members of the context, sorted, to the second name (`task.calls`); `*` stands for all of them. */
  readonly facts: readonly string[]
}

const ARGUMENTS = "arguments"

export function readsOf(policy: unknown): Reads {
  const found = { reads: new Set<string>(), facts: new Set<string>() }
  if (isNode(policy)) visit(policy.conditions, found)
  return { reads: [...found.reads].toSorted(), facts: [...found.facts].toSorted() }
}

interface Found {
  readonly reads: Set<string>
  readonly facts: Set<string>
}

function visit(json: unknown, found: Found): void {
  if (Array.isArray(json)) {
    for (const item of json) visit(item, found)
    return
  }
  if (!isNode(json)) return
  const path = pathOf(json)
  if (path) {
    note(path, false, found)
    return
  }
  for (const [operator, operands] of Object.entries(json)) {
    if (operator === "Value") continue
    const asked = operator === "has" && isNode(operands) ? askedPath(operands) : null
    if (asked) note(asked, true, found)
    // Its members may have the names of operators.
    else visit(operator === "Record" && isNode(operands) ? Object.values(operands) : operands, found)
  }
}

/** @param isAsked whether it is there, not what it is: that there are arguments at all tells nothing of any. */
function note([first, second]: readonly string[], isAsked: boolean, { reads, facts }: Found): void {
  if (first === undefined) {
    reads.add("*")
    facts.add("*")
  } else if (first !== ARGUMENTS) facts.add(second === undefined ? first : `${first}.${second}`)
  else if (second !== undefined) reads.add(second)
  else if (!isAsked) reads.add("*")
}

/** The names from `context` on; null where it looks elsewhere. */
function pathOf(expression: Node): readonly string[] | null {
  if (expression.Var === "context") return []
  const access = expression["."]
  if (!isNode(access) || !isNode(access.left) || typeof access.attr !== "string") return null
  const left = pathOf(access.left)
  return left && [...left, access.attr]
}

/** Of `has`, whose name may be several. */
function askedPath({ left, attr }: Node): readonly string[] | null {
  const names: readonly unknown[] = Array.isArray(attr) ? attr : [attr]
  const below = isNode(left) ? pathOf(left) : null
  return below && [...below, ...names.filter((name) => typeof name === "string")]
}
