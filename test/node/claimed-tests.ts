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

/** Those that do not exist. */
export async function missingTests(claims: readonly ClaimedTest[]): Promise<readonly string[]> {
  const found = await Promise.all(
    claims.map(async ({ file, title }) => {
      const source = await readFile(join(ROOT, file), "utf8").catch(() => "")
      return source.includes(title) ? [] : [`${file}: ${title}`]
    }),
  )
  return found.flat()
}
