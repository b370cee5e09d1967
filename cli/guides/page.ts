/**
 * Pages of docs/guides that show a complete configuration: an entry for the policy directory below "Register it", and
 * then the files. Commands print the same text with an installation's own values, so page and command cannot differ.
 */
import { readdir, readFile } from "node:fs/promises"
import { parse } from "yaml"
import { z } from "zod"

export interface PageFile {
  readonly name: string
  readonly text: string
}

export interface Page<Entry> {
  /** Without `.md`. */
  readonly name: string
  /** The entry below "Register it". */
  readonly entry: Entry
  readonly files: readonly PageFile[]
}

const REGISTER = "Register it"

/** In the files of the pages, for the key of the gateway. */
export const KEY_PLACEHOLDER = "KEY_OF_THIS_GATEWAY"

/**
 * @param folder of docs/guides
 * @param explained the heading below the last file
 * @param schema of the entry
 * @returns all pages of the folder but its README, sorted by name
 */
export async function readPages<Entry>(
  folder: string,
  explained: string,
  schema: z.ZodType<Entry>,
): Promise<readonly Page<Entry>[]> {
  const directory = new URL(`../../docs/guides/${folder}/`, import.meta.url)
  const names = (await readdir(directory)).filter((name) => name.endsWith(".md") && name !== "README.md").toSorted()
  return Promise.all(
    names.map(async (file) => {
      const sections = sectionsOf(await readFile(new URL(file, directory), "utf8"))
      const first = sections.findIndex(({ heading }) => heading === REGISTER)
      const last = sections.findIndex(({ heading }) => heading === explained)
      const [entry] = z.tuple([schema]).parse(parse(sections[first]?.blocks[0]?.text ?? ""))
      return { name: file.slice(0, -".md".length), entry, files: sections.slice(first + 1, last).flatMap(filesOf) }
    }),
  )
}

interface Section {
  readonly heading: string
  readonly blocks: readonly { readonly language: string; readonly text: string }[]
}

function sectionsOf(text: string): readonly Section[] {
  return text.split(/^## /m).map((section) => {
    const [heading = "", ...lines] = section.split("\n")
    return { heading, blocks: blocksIn(lines.join("\n")) }
  })
}

function filesOf({ heading, blocks }: Section): readonly PageFile[] {
  return blocks.map(({ language, text }, index) => ({ name: nameOf(heading, language, index, blocks.length), text }))
}

function blocksIn(section: string): Section["blocks"] {
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

/** For the notes beside a single file, which stands on the output without its name; commands are no file. */
export function namedAlone(files: readonly PageFile[]): readonly string[] {
  const [first, ...others] = files
  return first && others.length === 0 && !first.name.endsWith(".sh") ? [`This is ${first.name}.`] : []
}

/** A regular expression, and what stands in the place of what it matches. */
export type Replacement = readonly [pattern: string, text: string]

/** One pass: what has been filled in is not searched for placeholders again. The first pattern that matches applies. */
export function fill(text: string, replacements: readonly Replacement[]): string {
  const pattern = new RegExp(replacements.map(([source]) => `(${source})`).join("|"), "gm")
  return text.replaceAll(pattern, (...found: readonly unknown[]) => {
    const index = replacements.findIndex((_each, at) => found[at + 1] !== undefined)
    return replacements[index]?.[1] ?? ""
  })
}

/** For literal text in the pattern of a `Replacement`. */
export const literally = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`)

/** Several files on one output, each below its name; one alone as it is, so that it can be redirected to its place. */
export function printed(files: readonly PageFile[]): string {
  const [first, ...others] = files
  if (first && others.length === 0) return first.text
  return files.map(({ name, text }) => `==> ${name} <==\n${text}`).join("\n")
}
