/** The code that the guide tells its readers to save under a name: a block whose first line is a comment with that name. */
import { readFile } from "node:fs/promises"

export async function codeOf(page: string, name: string): Promise<string> {
  const text = await readFile(page, "utf8")
  for (const [, code = ""] of text.matchAll(/^```\w+\n(.*?)^```$/gmsu)) {
    if (code.startsWith(`// ${name}\n`)) return code
  }
  throw new Error(`${page} has no block of code for ${name}`)
}
