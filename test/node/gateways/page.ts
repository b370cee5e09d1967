/** What a page of docs/gateways/ says to copy, so that it can be run. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"

const PAGES = join(import.meta.dirname, "../../../docs/gateways")

/** The one block of that language. */
export async function blockOf(page: string, language: string): Promise<string> {
  const text = await readFile(join(PAGES, page), "utf8")
  const blocks = Array.from(text.matchAll(/^```(\w+)\n(.*?)^```$/gms), ([, name, block = ""]) => ({ name, block }))
  const [only, ...more] = blocks.filter(({ name }) => name === language)
  if (!only || more.length > 0) throw new Error(`${page} has not one block of ${language}`)
  return only.block
}
