/** The known word that somebody who wrote `word` most likely meant, for "did you mean". */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  // Two letters swapped are two slips, in a word of five already; with more than that wrong it is another word.
  let best: string | undefined
  let least = Math.ceil(word.length * 0.4) + 1
  for (const candidate of known) {
    // So many letters more or less are so many slips.
    if (Math.abs(word.length - candidate.length) >= least) continue
    const slips = editDistance(word.toLowerCase(), candidate.toLowerCase(), least)
    if (slips < least) [best, least] = [candidate, slips]
  }
  return best
}

/** `Did you mean …?` where something is near, else the known words themselves while they fit on a line. */
export function suggest(word: string, known: Iterable<string>, otherwise: string): string {
  const words = [...known]
  const near = nearest(word, words)
  if (near !== undefined) return `Did you mean \`${near}\`?`
  const list = words.map((each) => `\`${each}\``).join(", ")
  return words.length > 0 && list.length <= 120 ? `${otherwise} Known: ${list}.` : otherwise
}

/** @param most from which on it is of no interest how many more there are */
function editDistance(a: string, b: string, most: number): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (const [row, letter] of a.split("").entries()) {
    const current = [row + 1]
    for (let column = 1; column <= b.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    if (Math.min(...current) >= most) return most
    above = current
  }
  return above[b.length] ?? 0
}
