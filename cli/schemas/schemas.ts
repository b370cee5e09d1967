/**
 * JSON Schemas of the YAML files in `policies/`, for editors: made from the very schemas that `narrowgate check` reads
 * them by. What those check by code (a scope, an origin) an editor cannot: `check` remains the judge.
 */
import { z } from "zod"
import { agentsFile } from "../compiler/schema/agents.ts"
import { approversFile } from "../compiler/schema/approvers.ts"
import { catalogFile } from "../compiler/schema/catalog.ts"
import { gatewaysFile } from "../compiler/schema/gateways.ts"
import { guardrailsFile } from "../compiler/schema/guardrails.ts"
import { issuersFile } from "../compiler/schema/issuers.ts"
import { linksFile } from "../compiler/schema/links.ts"
import { operatorsFile } from "../compiler/schema/operators.ts"
import { receiversFile } from "../compiler/schema/receivers.ts"
import { streamsFile } from "../compiler/schema/streams.ts"
import { tablesFile } from "../decision-tables/schema.ts"

/** One line a kind of file; decision tables, of whatever name, are of the kind `test.yaml`. */
const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  "agents.yaml": agentsFile,
  "approvers.yaml": approversFile,
  "catalog.yaml": catalogFile,
  "gateways.yaml": gatewaysFile,
  "guardrails.yaml": guardrailsFile,
  "issuers.yaml": issuersFile,
  "links.yaml": linksFile,
  "operators.yaml": operatorsFile,
  "receivers.yaml": receiversFile,
  "streams.yaml": streamsFile,
  "test.yaml": tablesFile,
}

/** By the file's own name: `agents.schema.json` for `agents.yaml`. */
export function jsonSchemas(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(SCHEMAS).map(([file, schema]) => {
      // What is written, not what it is read as: a default may be left out.
      const json = { title: file, ...z.toJSONSchema(schema, { io: "input", target: "draft-07" }) }
      return [schemaName(file), `${JSON.stringify(json, null, 2)}\n`]
    }),
  )
}

export function hasSchema(file: string): boolean {
  return Object.hasOwn(SCHEMAS, kindOf(file))
}

export function schemaName(file: string): string {
  return kindOf(file).replace(/\.yaml$/u, ".schema.json")
}

function kindOf(file: string): string {
  return file.endsWith(".test.yaml") ? "test.yaml" : file
}
