/** The example with rules that read the arguments of a tool, so that its records have them; and what a suggestion makes of it. */
import { join } from "node:path"
import { compileFiles, type Compiled } from "../../../cli/compiler/compile.ts"
import { readPolicies } from "../../../cli/compiler/model/read-directory.ts"
import { PathArguments } from "../../../cli/replay/path-arguments.ts"
import type { ShownRecord } from "../../../cli/remote/decision-record.ts"
import { ObservedUse } from "../../../cli/suggest/observed-use.ts"
import { suggestionFor, type Suggestion } from "../../../cli/suggest/suggestion.ts"
import type { Subjects } from "../../../cli/suggest/agents-edits.ts"
import type { Bundle } from "../../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../../src/core/policy/bundle.ts"
import { RecordedLife } from "./recorded-life.ts"

export const DIRECTORY = join(import.meta.dirname, "../../../policies")
export const SUPPORT = "spiffe://example.org/agent/support"
export const TOOL = "crm.tickets.reply"
const NAMES = ["file", "link", "mail", "source", "price", "due", "note"]

export interface Usable {
  readonly compiled: Compiled
  readonly body: BundleBody
  readonly bundle: Bundle
}

export function usable(compiled: Compiled): Usable {
  const { body, bundle, problems } = compiled
  if (!body || !bundle) throw new Error(JSON.stringify(problems))
  return { compiled, body, bundle }
}

/** @param more further lines of `limits.cedar` */
export async function withReadArguments(more = ""): Promise<Usable> {
  const { texts, tables } = await readPolicies(DIRECTORY)
  const schema = texts.get("schema.cedarschema") ?? ""
  const declared = NAMES.map((name) => `  ${name}?: String,\n`).join("")
  const reads = NAMES.map((name) => `(context.arguments has ${name} && context.arguments.${name} == "never")`)
  const rule = `@id("reads-all")
forbid (principal, action == Action::"write", resource == Tool::"${TOOL}")
when { ${reads.join(" || ")} };`
  return usable(
    compileFiles({
      texts: new Map(texts)
        .set("schema.cedarschema", schema.replace("  to?: String,", `  to?: String,\n${declared}`))
        .set("limits.cedar", `${texts.get("limits.cedar") ?? ""}\n${rule}\n${more}\n`),
      tables,
      problems: [],
    }),
  )
}

/** One call for each, each in a task of its own. */
export function recordsOf(bundle: Bundle, calls: readonly Readonly<Record<string, unknown>>[]): readonly ShownRecord[] {
  const life = new RecordedLife(bundle)
  for (const values of calls) life.open(SUPPORT, "answer-customer", `${TOOL}:write`).call(TOOL, values)
  return life.records
}

export function useOf(records: readonly ShownRecord[], { body }: Pick<Usable, "body">): ObservedUse {
  const use = new ObservedUse(body.tools)
  const paths = new PathArguments(body.routes)
  for (const record of records) use.add(paths.shownIn(record))
  return use
}

export const SUBJECTS: Subjects = { agents: new Set([SUPPORT]), purposes: new Set(["answer-customer"]) }

export function suggested(base: Usable, records: readonly ShownRecord[], subjects = SUBJECTS): Suggestion {
  const made = suggestionFor(base, useOf(records, base), subjects)
  if ("problems" in made) throw new Error(JSON.stringify(made))
  return made
}

/** The files of the suggestion, written over those that it was made for. */
export function applied({ compiled }: Usable, files: ReadonlyMap<string, string>): Usable {
  const all = new Map([...compiled.texts, ...files])
  const isTable = (file: string): boolean => file.endsWith(".test.yaml")
  return usable(
    compileFiles({
      texts: new Map([...all].filter(([file]) => !isTable(file))),
      tables: new Map([...all].filter(([file]) => isTable(file))),
      problems: [],
    }),
  )
}

export const codeOf = (bundle: Bundle, values: Readonly<Record<string, unknown>>): string =>
  new RecordedLife(bundle).open(SUPPORT, "answer-customer", `${TOOL}:write`).call(TOOL, values).code
