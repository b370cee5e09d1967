/**
 * Cuts a `.cedar` file into its rules, each with its place: the official parser stores no positions in what it lowers.
 * A rule ends with `;`, which occurs elsewhere only in strings and comments (Cedar grammar, "Policy"). Use it only on
 * text that the parser has accepted.
 */

export interface Source {
  /** From the first annotation or keyword to `;`, without what precedes. */
  readonly text: string
  /** UTF-16 units from the start of the file. */
  readonly offset: number
}

/** Comments, strings, `;`, and any other character that is no space. */
const TOKEN = /\/\/[^\n\r]*|"(?:[^"\\]|\\.)*"|[^\s]/gs

export function splitRules(file: string): readonly Source[] {
  const rules: Source[] = []
  let start: number | undefined
  for (const { 0: token, index } of file.matchAll(TOKEN)) {
    if (token.startsWith("//")) continue
    start ??= index
    if (token !== ";") continue
    rules.push({ text: file.slice(start, index + 1), offset: start })
    start = undefined
  }
  return rules
}
