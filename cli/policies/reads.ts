/**
 * Which arguments of a call a rule reads (LoweredRule.reads), from the rule in Cedar's JSON policy format.
 * Whatever is not plainly `context.arguments.<name>` counts as reading all of them: too much is safe, too little is not.
 */
import { type Node, isNode } from "../../src/policy/est.ts"

/** Sorted; `*` stands for the arguments as a whole. */
export function readsOf(policy: unknown): readonly string[] {
  const reads = new Set<string>()
  if (isNode(policy)) visit(policy.conditions, reads)
  return [...reads].toSorted()
}

function visit(json: unknown, reads: Set<string>): void {
  if (Array.isArray(json)) {
    for (const item of json) visit(item, reads)
    return
  }
  if (!isNode(json)) return
  if (isContext(json) || isArguments(json)) {
    reads.add("*")
    return
  }
  for (const [operator, operands] of Object.entries(json)) {
    if (operator === "Value") continue
    // Its members may have the names of operators.
    if (operator === "Record" && isNode(operands)) {
      visit(Object.values(operands), reads)
      continue
    }
    const path = isNode(operands) && (operator === "." || operator === "has") ? pathOf(operands) : undefined
    if (path === undefined) visit(operands, reads)
    else if (path[0] === "arguments" && path[1] !== undefined) reads.add(path[1])
    else if (path[0] === "arguments" && operator === ".") reads.add("*")
  }
}

/** The names below `context` that `.` or `has` looks at, as far as they matter; `undefined` where it looks elsewhere. */
function pathOf(operands: Node): readonly string[] | undefined {
  const names: readonly unknown[] = Array.isArray(operands.attr) ? operands.attr : [operands.attr]
  const path = names.filter((name) => typeof name === "string")
  if (isNode(operands.left) && isContext(operands.left)) return path
  if (isNode(operands.left) && isArguments(operands.left)) return ["arguments", ...path]
  return undefined
}

function isContext(expression: Node): boolean {
  return expression.Var === "context"
}

function isArguments(expression: Node): boolean {
  const access = expression["."]
  return isNode(access) && access.attr === "arguments" && isNode(access.left) && isContext(access.left)
}
