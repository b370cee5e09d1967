/** What a page in docs/guides/gateways/ shows: code, and the entry of gateways.yaml. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { z } from "zod"

const PAGES = join(import.meta.dirname, "../../docs/guides/gateways")

/** What stands in a file → what stands there here. */
export type Substitution = readonly [from: string, to: string]

/** The first block of code below the heading `## heading`. */
export function blockOf(page: string, heading: string): string {
  const text = readFileSync(join(PAGES, page), "utf8")
  const [, section] = text.split(`\n## ${heading}\n`)
  const [, block] = /\n```[a-z]+\n([^]*?)\n```\n/.exec(section?.split("\n## ")[0] ?? "") ?? []
  if (block === undefined) throw new Error(`docs/guides/gateways/${page} has no code below "## ${heading}"`)
  return `${block}\n`
}

/** Each replacement made wherever its text stands. One that finds nothing to replace fails. */
export function replaceAll(
  blocks: ReadonlyMap<string, string>,
  substitutions: readonly Substitution[],
): ReadonlyMap<string, string> {
  const files = new Map(blocks)
  for (const [from, to] of substitutions) {
    const found = [...files].filter(([, text]) => text.includes(from))
    if (found.length === 0) throw new Error(`nowhere in ${[...files.keys()].join(", ")}: ${from}`)
    for (const [name, text] of found) files.set(name, text.replaceAll(from, to))
  }
  return files
}

const entries = z.tuple([z.looseObject({ id: z.string(), key_sha256: z.array(z.string()) })])
/** An entry of gateways.yaml. */
export type Entry = z.infer<typeof entries>[0]

/** As the page registers its gateway, without a key: a local stack gives each a development key. */
export function entryOf(page: string): Entry {
  const [entry] = entries.parse(parse(blockOf(page, "Register it")))
  return { ...entry, key_sha256: [] }
}
