/** `narrowgate schemas`: JSON Schemas of the YAML files, for an editor. */
import { join } from "node:path"
import type { Command } from "commander"
import { jsonText } from "../terminal/escape.ts"
import { SCHEMAS_DIRECTORY, writeSchemas } from "../schemas/directory.ts"

export function addSchemas(program: Command): void {
  program
    .command("schemas")
    .description("write JSON Schemas of the policy files, with which an editor completes and explains them")
    .option("--out <DIR>", "the directory to write", join("policies", SCHEMAS_DIRECTORY))
    .option("--json", "print the names of the files as JSON")
    .addHelpText("after", HELP)
    .action(async ({ out, json }: { out: string; json?: boolean }) => {
      const files = (await writeSchemas(out)).map((name) => join(out, name))
      console.log(json ? jsonText(files) : files.join("\n"))
    })
}

const HELP = `
Examples:
  narrowgate schemas --out policies/.schemas
  narrowgate schemas --out schemas --json

An editor with the YAML language server finds the schema by the first line of a file:
  # yaml-language-server: $schema=.schemas/catalog.schema.json
`
