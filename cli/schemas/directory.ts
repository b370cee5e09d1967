/** The schemas as files beside the policies, and the line by which an editor finds them there. */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { writeWhole } from "../terminal/atomic-write.ts"
import { hasSchema, jsonSchemas, schemaName } from "./schemas.ts"

/** Hidden, so that it is no part of the policies; beside them, so that an editor needs no network. */
export const SCHEMAS_DIRECTORY = ".schemas"

/** @returns the names of the files */
export async function writeSchemas(directory: string): Promise<readonly string[]> {
  await mkdir(directory, { recursive: true })
  const schemas = [...jsonSchemas()]
  for (const [name, text] of schemas) await writeWhole(join(directory, name), text)
  return schemas.map(([name]) => name)
}

/** The first line of `file`; empty where there is no schema of it. */
export function modeline(file: string): string {
  return hasSchema(file) ? `# yaml-language-server: $schema=${SCHEMAS_DIRECTORY}/${schemaName(file)}\n` : ""
}
