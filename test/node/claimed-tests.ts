/** Tests that a page names as its evidence, by file and title. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { ROOT } from "./bare-workerd.ts"

export interface ClaimedTest {
  readonly file: string
  readonly title: string
}

/** A long line of a list is folded. */
export const unfolded = (section: string): string => section.replaceAll(/\n +(?=\S)(?![-*] )/g, " ")

/** Comments, and texts in quotes. */
const TOKENS = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/gu
/** What stands before a title. */
const CALL = /(?:\b(?:test|it|describe)(?:\.\w+)*|\))\(\s*$/u
/** Characters; a file is not read anew for each of its texts. */
const NEAR = 100
const SKIPPED = /\b(?:test|it|describe)(?:\.\w+)*\.(?:skip|todo)\b/u

/** Titles of tests and of groups of them, each template by its parts. None where any test is skipped. */
export function titlesIn(source: string): ReadonlySet<string> {
  if (SKIPPED.test(source.replaceAll(TOKENS, ""))) return new Set()
  const titles = Array.from(source.matchAll(TOKENS))
    .filter(
      ({ 0: token, index }) => !token.startsWith("/") && CALL.test(source.slice(Math.max(0, index - NEAR), index)),
    )
    .flatMap(([token]) => token.slice(1, -1).split(/\$\{[^}]*\}/u))
  return new Set(titles.map((title) => title.replaceAll(/\\(.)/gu, "$1").trim()))
}

/** Those that do not exist. */
export async function missingTests(claims: readonly ClaimedTest[]): Promise<readonly string[]> {
  const found = await Promise.all(
    claims.map(async ({ file, title }) => {
      const source = await readFile(join(ROOT, file), "utf8").catch(() => "")
      return titlesIn(source).has(title) ? [] : [`${file}: ${title}`]
    }),
  )
  return found.flat()
}
