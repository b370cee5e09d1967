/** `policies/` as read: every file parsed and validated against its schema, and not yet compared with the others. */
import { parseSource } from "../source/parse-source.ts"
import type { Problem } from "../source/problem.ts"
import { absent, parseJson, parseYaml, type Source } from "../source/source.ts"
import { FILE_KEYS, policyFile, type FileKey, type FileValues, type PolicyValues } from "./policy-files.ts"
import { rulesIn } from "./read-directory.ts"

type Sources = { readonly [Name in FileKey]: Source<FileValues[Name]> }

export interface Policies extends Sources {
  /** Cedar text: the files of rules, and schema.cedarschema. */
  readonly rules: readonly { readonly path: string; readonly text: string }[]
  readonly schema: string
}

export interface ParsedPolicies {
  /**
   * Null if a file is missing or does not fit its schema. A comparison of the others would only report what follows from
   * that.
   */
  readonly policies: Policies | null
  readonly problems: readonly Problem[]
}

export function parsePolicies(texts: ReadonlyMap<string, string>): ParsedPolicies {
  const problems: Problem[] = []
  const sources = new Map<FileKey, Source<unknown>>()
  for (const name of FILE_KEYS) {
    const { file, schema, absent: without } = policyFile(name)
    const text = texts.get(file)
    if (text !== undefined) {
      const parsed = parseSource(file.endsWith(".json") ? parseJson(file, text) : parseYaml(file, text), schema)
      if (parsed.ok) sources.set(name, parsed.source)
      else problems.push(...parsed.problems)
    } else if (without !== null) sources.set(name, absent(file, without))
  }
  const schema = texts.get("schema.cedarschema")
  if (schema === undefined || FILE_KEYS.some((name) => !sources.has(name))) return { policies: null, problems }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each name has a source, by the schema of its own row
  const all = Object.fromEntries(sources) as unknown as Sources
  return { policies: { ...all, rules: rulesIn(texts), schema }, problems }
}

export function valuesOf(policies: Policies): PolicyValues {
  const values = Object.fromEntries(FILE_KEYS.map((name) => [name, policies[name].value]))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each name has the value of its own source
  return { ...values, schema: policies.schema } as unknown as PolicyValues
}
