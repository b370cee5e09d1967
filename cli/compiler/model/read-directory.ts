/**
 * Finds the files of a policy directory. A file that looks like a policy file but is none is an error: if it were ignored,
 * it could be the one with the `forbid`.
 */
import { readdir, readFile, stat } from "node:fs/promises"
import { basename, join } from "node:path"
import type { Problem } from "../source/problem.ts"
import { FILE_KEYS, policyFile } from "./policy-files.ts"
import { suggest } from "../../../src/core/encoding/nearest.ts"

const SCHEMA = "schema.cedarschema"
const FILES = FILE_KEYS.map(policyFile)
const NAMES: readonly string[] = [SCHEMA, ...FILES.map(({ file }) => file)]
const REQUIRED_NAMES = [SCHEMA, ...FILES.flatMap(({ file, absent }) => (absent === null ? [file] : []))]

export interface PolicyFiles {
  /** Text by path relative to the directory, in the order of the paths. */
  readonly texts: ReadonlyMap<string, string>
  /** The decision tables likewise, which are no part of a bundle. */
  readonly tables: ReadonlyMap<string, string>
  readonly problems: readonly Problem[]
}

export async function readPolicies(directory: string): Promise<PolicyFiles> {
  const paths = await listFiles(directory)
  if (paths) return sortFiles(directory, paths, async (path) => readFile(join(directory, path), "utf8"))
  const problem = wholeFile(
    ".",
    `there is no directory \`${directory}\``,
    "Name a policy directory; `narrowgate init` makes one.",
  )
  return { texts: new Map(), tables: new Map(), problems: [problem] }
}

/** @param paths of all files below the directory, sorted */
export async function sortFiles(
  directory: string,
  paths: readonly string[],
  read: (path: string) => Promise<string>,
): Promise<PolicyFiles> {
  const texts = new Map<string, string>()
  const tables = new Map<string, string>()
  const problems: Problem[] = []
  for (const path of paths) {
    const refusal = refuse(path)
    if (refusal) problems.push(refusal)
    else if (isPolicy(path)) texts.set(path, await read(path))
    else if (isTable(path)) tables.set(path, await read(path))
  }
  for (const file of REQUIRED_NAMES) {
    if (!texts.has(file)) problems.push(wholeFile(file, `\`${file}\` is missing`, `Add it to \`${directory}\`.`))
  }
  return { texts, tables, problems }
}

/** The files of rules among `texts`, wherever they are in the directory. */
export function rulesIn(texts: ReadonlyMap<string, string>): { path: string; text: string }[] {
  return [...texts].filter(([path]) => isRule(path)).map(([path, text]) => ({ path, text }))
}

function isRule(path: string): boolean {
  return path.endsWith(".cedar")
}

function isPolicy(path: string): boolean {
  return isRule(path) || isKnown(path)
}

function isTable(path: string): boolean {
  return path.endsWith(".test.yaml")
}

function isKnown(path: string): boolean {
  return NAMES.includes(path)
}

function refuse(path: string): Problem | undefined {
  // Files that are no configuration (a README) are ignored.
  if (isPolicy(path) || isTable(path) || !/\.(?:ya?ml|json|cedarschema)$/u.test(path)) return undefined
  const fix = suggest(basename(path), NAMES, "Rename or remove it.")
  return wholeFile(path, "no policy file has this name, so it would have no effect", fix)
}

/** All regular files below, without hidden ones. Links are followed, because a mounted config map consists of links. */
async function listFiles(directory: string, below = ""): Promise<string[] | undefined> {
  const names = await readdir(join(directory, below)).catch(() => undefined)
  if (!names) return undefined
  const paths: string[] = []
  for (const name of names.filter((each) => !each.startsWith(".")).toSorted()) {
    const path = below === "" ? name : `${below}/${name}`
    const found = await stat(join(directory, path))
    if (found.isDirectory()) paths.push(...((await listFiles(directory, path)) ?? []))
    else if (found.isFile()) paths.push(path)
  }
  return paths
}

function wholeFile(file: string, message: string, fix: string): Problem {
  return { file, line: 1, column: 1, severity: "error", message, fix }
}
