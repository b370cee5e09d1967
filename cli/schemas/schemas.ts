/**
 * JSON Schemas of the YAML files in `policies/`, for editors. They are made from the schemas with which `narrowgate check`
 * reads the files. An editor cannot check what those check by code, such as a scope or an origin.
 */
import { z } from "zod"
import { POLICY_FILES } from "../compiler/model/policy-files.ts"
import { tablesFile } from "../decision-tables/schema.ts"

interface DescribedSchema {
  readonly schema: z.ZodType
  readonly doc: string
}

export const DECISION_TABLES: DescribedSchema = {
  schema: tablesFile,
  doc: "Decision tables: queries to the policies, and the expected decisions. docs/guides/testing.md explains them.",
}

/** By file. Decision tables, whatever their name, are `test.yaml`. */
const SCHEMAS: ReadonlyMap<string, DescribedSchema> = new Map<string, DescribedSchema>([
  ...Object.values(POLICY_FILES)
    .filter(({ file }) => file.endsWith(".yaml"))
    .map((row): [string, DescribedSchema] => [row.file, row]),
  ["test.yaml", DECISION_TABLES],
])

/** By the file's own name: `agents.schema.json` for `agents.yaml`. */
export function jsonSchemas(): ReadonlyMap<string, string> {
  return new Map(
    Array.from(SCHEMAS, ([file, { schema, doc }]) => {
      // The schema of what is written: a member with a default may be left out.
      const json = { title: file, description: doc, ...z.toJSONSchema(schema, { io: "input", target: "draft-07" }) }
      return [schemaName(file), `${JSON.stringify(json, null, 2)}\n`]
    }),
  )
}

export function hasSchema(file: string): boolean {
  return SCHEMAS.has(kindOf(file))
}

export function schemaName(file: string): string {
  return kindOf(file).replace(/\.yaml$/u, ".schema.json")
}

function kindOf(file: string): string {
  return file.endsWith(".test.yaml") ? "test.yaml" : file
}
