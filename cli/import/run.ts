/** An import from finding to writing, whatever the source. */
import { readFile, realpath } from "node:fs/promises"
import { join } from "node:path"
import { EXIT, Failure } from "../terminal/failure.ts"
import { crossCheck } from "../compiler/checks/table.ts"
import { parsePolicies } from "../compiler/model/policies.ts"
import type { Problem } from "../compiler/source/problem.ts"
import { readPolicies } from "../compiler/model/read-directory.ts"
import { writeWhole } from "../terminal/atomic-write.ts"
import { decideAlone, decideTogether, type Ask, type Wishes } from "./choose.ts"
import type { FoundTools } from "./found-tools.ts"
import { CATALOG, compare, merge, type Decisions, type Differences } from "./merge.ts"
import type { ImportResult } from "./render.ts"
import { SCHEMA, withArguments, type SchemaChange, type TypedTool } from "./schema-text.ts"

export interface ImportOptions extends Wishes {
  readonly policies: string
  readonly isDryRun: boolean
}

/** A person to prompt; null if there is none. */
export type Person = { readonly ask: Ask; readonly print: (line: string) => void } | null

export interface Imported {
  readonly outcome: ImportResult
  /** The new problems that `narrowgate check` finds in catalog.yaml. */
  readonly problems: readonly Problem[]
  readonly texts: ReadonlyMap<string, string>
}

export async function runImport(found: FoundTools, options: ImportOptions, person: Person): Promise<Imported> {
  const file = join(options.policies, CATALOG)
  const before = await readCatalogText(options.policies)
  const differences = compare(before, found, options)
  const decisions = person
    ? await decideTogether(differences, options, person.ask, person.print)
    : decideAlone(differences, options)
  const { text: after, diff } = merge(before, differences, decisions)
  const { problems, texts } = await newProblems(options.policies, before, after)
  const schema = await schemaChange(options.policies, typedTools(differences, decisions))
  if (!options.isDryRun && (after !== before || schema.diff !== "")) {
    // The prompts may have lasted for minutes.
    if ((await readCatalogText(options.policies)) !== before) {
      throw new Failure(`${file} has changed in the meantime; nothing is written`, "Run the import again.")
    }
    if (after !== before) await writeWhole(await realpath(file), after)
    if (schema.diff !== "") await writeWhole(await realpath(join(options.policies, SCHEMA)), schema.text)
  }
  return { outcome: { differences, decisions, diff, schema, isDryRun: options.isDryRun, file }, problems, texts }
}

/** The tools that are added, or accepted as they are now. */
function typedTools(
  { added, narrowing, changed }: Differences,
  { classes, accepted }: Decisions,
): readonly TypedTool[] {
  return [
    ...[...added, ...narrowing.map(({ tool }) => tool)].filter(({ name }) => classes.has(name)),
    ...changed.flatMap(({ tool }) => (accepted.has(tool.name) ? [tool] : [])),
  ]
}

/** A directory without a schema does not check, whatever is imported. */
async function schemaChange(policies: string, tools: readonly TypedTool[]): Promise<SchemaChange> {
  const text = await readFile(join(policies, SCHEMA), "utf8").catch(() => null)
  return text === null ? { text: "", diff: "", notes: [] } : withArguments(text, tools)
}

export async function readCatalogText(policies: string): Promise<string> {
  const file = join(policies, CATALOG)
  try {
    return await readFile(file, "utf8")
  } catch (thrown) {
    if (!(thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT")) throw thrown
    throw new Failure(
      `there is no ${file}`,
      "Name a policy directory by `--policies`; a catalog may begin as `servers: []` and `tools: []`.",
      EXIT.usage,
    )
  }
}

async function newProblems(policies: string, before: string, after: string) {
  if (before === after) return { problems: [], texts: new Map<string, string>() }
  const { texts } = await readPolicies(policies)
  const problemsWith = (catalog: string) => {
    const { policies: parsed, problems } = parsePolicies(new Map(texts).set(CATALOG, catalog))
    return [...problems, ...(parsed ? crossCheck(parsed) : [])]
  }
  const existingProblems = new Set(problemsWith(before).map(({ file, message }) => `${file} ${message}`))
  const problems = problemsWith(after).filter(({ file, message }) => !existingProblems.has(`${file} ${message}`))
  return { problems, texts: new Map(texts).set(CATALOG, after) }
}
