/**
 * What a rule reads of the context (LoweredRule.reads, LoweredRule.facts), from the rule in Cedar's JSON policy format.
 * What is not plainly one of its members counts as all of them: too much is safe, too little is not.
 */
import { type Node, isNode } from "../../../src/core/policy/cedar/est.ts"

export interface Reads {
  /** Names below `context.arguments`, sorted; `*` stands for the arguments as a whole. */
  readonly reads: readonly string[]
  /** Names of members within arguments, sorted. */
  readonly members: readonly string[]
  /** Other members of the context, sorted, to the second name (`task.calls`); `*` stands for all of them. */
  readonly facts: readonly string[]
}

const ARGUMENTS = "arguments"

export function readsOf(policy: unknown): Reads {
  const found = { reads: new Set<string>(), members: new Set<string>(), facts: new Set<string>() }
  if (isNode(policy)) visit(policy.conditions, found)
  return {
    reads: [...found.reads].toSorted(),
    // Without arguments to read, no member is within one.
    members: found.reads.size === 0 ? [] : [...found.members].toSorted(),
    facts: [...found.facts].toSorted(),
  }
}

interface ContextReads {
  readonly reads: Set<string>
  readonly members: Set<string>
  readonly facts: Set<string>
}

function visit(json: unknown, found: ContextReads): void {
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
    const path = operator === "has" && isNode(operands) ? askedPath(operands) : null
    if (path) {
      note(path, true, found)
      continue
    }
    if (isNode(operands)) for (const name of membersNamed(operator, operands)) found.members.add(name)
    // Its members may have the names of operators.
    visit(operator === "Record" && isNode(operands) ? Object.values(operands) : operands, found)
  }
}

/**
 * Members of a value that may be an argument, because it comes out of `if` or of a record; and those of a record that
 * an argument may be compared with.
 */
function membersNamed(operator: string, operands: Node): readonly string[] {
  if (operator === "Record") return Object.keys(operands)
  if ((operator !== "." && operator !== "has") || isOfEntity(operands.left)) return []
  return namesOf(operands)
}

/** An attribute of the principal, or of another entity of the request, is no argument. */
function isOfEntity(expression: unknown): boolean {
  if (!isNode(expression)) return false
  if (typeof expression.Var === "string") return expression.Var !== "context"
  const access = expression["."]
  return isNode(access) && isOfEntity(access.left)
}

/** @param isAsked whether its presence is tested, not its value: that there are arguments discloses no value */
function note([first, second, ...inner]: readonly string[], isAsked: boolean, found: ContextReads): void {
  const { reads, members, facts } = found
  if (first === undefined) {
    reads.add("*")
    facts.add("*")
  } else if (first !== ARGUMENTS) facts.add(second === undefined ? first : `${first}.${second}`)
  else if (second !== undefined) {
    reads.add(second)
    for (const name of inner) members.add(name)
  } else if (!isAsked) reads.add("*")
}

/** The names from `context` on; null if the expression reads something else. */
function pathOf(expression: Node): readonly string[] | null {
  if (expression.Var === "context") return []
  const access = expression["."]
  if (!isNode(access) || !isNode(access.left) || typeof access.attr !== "string") return null
  const left = pathOf(access.left)
  return left && [...left, access.attr]
}

/** Of `has`, which may have several names. */
function askedPath(operands: Node): readonly string[] | null {
  const below = isNode(operands.left) ? pathOf(operands.left) : null
  return below && [...below, ...namesOf(operands)]
}

function namesOf({ attr }: Node): readonly string[] {
  const names: readonly unknown[] = Array.isArray(attr) ? attr : [attr]
  return names.filter((name) => typeof name === "string")
}
