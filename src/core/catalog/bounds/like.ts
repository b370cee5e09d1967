/**
 * Matches each literal between the wildcards at its leftmost place, without backtracking. So no pattern and no argument
 * makes it quadratic in practice, and no regular expression that an agent wrote runs here.
 */
export function isLike(text: string, pattern: string): boolean {
  const literals = pattern.split("*")
  const [first = ""] = literals
  if (literals.length === 1) return text === first
  const last = literals.at(-1) ?? ""
  const end = text.length - last.length
  if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false
  let position = first.length
  for (const literal of literals.slice(1, -1)) {
    const found = text.indexOf(literal, position)
    if (found < 0 || found + literal.length > end) return false
    position = found + literal.length
  }
  return true
}
