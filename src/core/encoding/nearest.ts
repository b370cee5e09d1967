/** The known word that the author of `word` most likely meant, for "did you mean". */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  // Two swapped letters are two edits, which a word of five letters may have; with more it is another word.
  let best: string | undefined
  let least = Math.ceil(word.length * 0.4) + 1
  for (const candidate of candidates) {
    // A difference in length is at least as many edits.
    if (Math.abs(word.length - candidate.length) >= least) continue
    const slips = editDistance(word.toLowerCase(), candidate.toLowerCase(), least)
    if (slips < least) [best, least] = [candidate, slips]
  }
  return best
}

/** `Did you mean …?` if a word is near, else the known words themselves if they fit on a line. */
export function suggest(word: string, candidates: Iterable<string>, otherwise: string): string {
  const words = [...candidates]
  const near = nearest(word, words)
  if (near !== undefined) return `Did you mean \`${near}\`?`
  const list = words.map((each) => `\`${each}\``).join(", ")
  return words.length > 0 && list.length <= 120 ? `${otherwise} Known: ${list}.` : otherwise
}

/** @param most from which on the exact number does not matter */
function editDistance(one: string, other: string, most: number): number {
  const [a, b] = withoutCommonEnds(one, other)
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (const [row, letter] of a.split("").entries()) {
    const current = [row + 1]
    let least = row + 1
    for (let column = 1; column <= b.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1)
      const slips = Math.min(replaced, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1)
      current.push(slips)
      least = Math.min(least, slips)
    }
    if (least >= most) return most
    above = current
  }
  return above[b.length] ?? 0
}

/** Names in one directory share their beginnings and ends, which are no edits. */
function withoutCommonEnds(a: string, b: string): readonly [string, string] {
  const shorter = Math.min(a.length, b.length)
  let start = 0
  while (start < shorter && a[start] === b[start]) start++
  let end = 0
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  return [a.slice(start, a.length - end), b.slice(start, b.length - end)]
}
