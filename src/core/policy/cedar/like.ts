/**
 * Cedar's `like`: a wildcard matches any characters, or none. Matching takes each literal at its leftmost place and
 * never backtracks, so that no pattern and no argument makes it exponential. UTF-16 units serve as well as Unicode
 * characters: values are well-formed, so a literal never starts inside a pair.
 */
import { readList, readNode, readText } from "./est.ts"

export function compilePattern(pattern: unknown, rule: string): (text: string) => boolean {
  const literals = readLiterals(pattern, rule)
  const first = literals[0] ?? ""
  if (literals.length === 1) return (text) => text === first
  const last = literals.at(-1) ?? ""
  const between = literals.slice(1, -1)
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last)) return false
    const end = text.length - last.length
    let position = first.length
    for (const literal of between) {
      const found = text.indexOf(literal, position)
      if (found === -1) return false
      position = found + literal.length
    }
    return position <= end
  }
}

/** The literals around the wildcards: one more than there are wildcards, each possibly empty. */
function readLiterals(pattern: unknown, rule: string): readonly string[] {
  const literals = [""]
  for (const element of readList(pattern, rule, "like")) {
    if (element === "Wildcard") literals.push("")
    else literals.push((literals.pop() ?? "") + readText(readNode(element, rule, "like").Literal, rule, "like"))
  }
  return literals
}
