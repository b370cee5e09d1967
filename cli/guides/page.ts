/**
 * Pages of docs/guides that show a complete configuration: an entry for the policy directory below "Register it", and
 * then the files. Commands print the same text with an installation's own values, so page and command cannot differ.
 */
import { readdir, readFile } from "node:fs/promises"
import { parse } from "yaml"

export interface PageFile {
  readonly name: string
  readonly text: string
}

export interface Page {
  /** Without `.md`. */
  readonly name: string
  /** The YAML below "Register it", as text and as a value. */
  readonly entryText: string
  readonly entry: unknown
  readonly files: readonly PageFile[]
}

const REGISTER = "Register it"

/**
 * @param folder of docs/guides
 * @param explained the heading below the last file
 * @returns all pages of the folder but its README, sorted by name
 */
export async function readPages(folder: string, explained: string): Promise<readonly Page[]> {
  const directory = new URL(`../../docs/guides/${folder}/`, import.meta.url)
  const names = (await readdir(directory)).filter((name) => name.endsWith(".md") && name !== "README.md").toSorted()
  return Promise.all(
    names.map(async (name) =>
      readPage(name.slice(0, -".md".length), await readFile(new URL(name, directory), "utf8"), explained),
    ),
  )
}

function readPage(name: string, text: string, explained: string): Page {
  const sections = text.split(/^## /m).map((section) => {
    const [heading = "", ...lines] = section.split("\n")
    return { heading, blocks: blocksIn(lines.join("\n")) }
  })
  const first = sections.findIndex(({ heading }) => heading === REGISTER)
  const last = sections.findIndex(({ heading }) => heading === explained)
  const entryText = sections[first]?.blocks[0]?.text ?? ""
  const files = sections.slice(first + 1, last).flatMap(({ heading, blocks }) =>
    blocks.map(({ language, text: file }, index) => ({
      name: nameOf(heading, language, index, blocks.length),
      text: file,
    })),
  )
  return { name, entryText, entry: parse(entryText), files }
}

function blocksIn(section: string): readonly { readonly language: string; readonly text: string }[] {
  return Array.from(section.matchAll(/^```([a-z]+)\n([^]*?)\n```$/gm), ([, language = "", text = ""]) => ({
    language,
    text: `${text}\n`,
  }))
}

const FILE_NAME = /^\.?(?:[\w.-]+\/)*(?:[\w-]+\.\w+|Caddyfile)$/

/** A heading that is no file name is that of a command, or of objects that an operator applies. */
function nameOf(heading: string, language: string, index: number, blocks: number): string {
  if (blocks === 1 && FILE_NAME.test(heading)) return heading
  const words = heading.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")
  return `${words}${index === 0 ? "" : `-${index + 1}`}.${language}`
}

/** A regular expression, and what stands in the place of what it matches. */
export type Replacement = readonly [pattern: string, text: string]

/** One pass: what has been filled in is not searched for placeholders again. The first pattern that matches applies. */
export function fill(files: readonly PageFile[], replacements: readonly Replacement[]): readonly PageFile[] {
  const pattern = new RegExp(replacements.map(([source]) => `(${source})`).join("|"), "gm")
  const filled = (text: string): string =>
    text.replaceAll(pattern, (...found: readonly unknown[]) => {
      const index = replacements.findIndex((_each, at) => found[at + 1] !== undefined)
      return replacements[index]?.[1] ?? ""
    })
  return files.map(({ name, text }) => ({ name, text: filled(text) }))
}

/** For literal text in the pattern of a `Replacement`. */
export const literally = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`)

/** Several files on one output, each below its name. */
export function printed(files: readonly PageFile[]): string {
  return files.map(({ name, text }) => `==> ${name} <==\n${text}`).join("\n")
}
