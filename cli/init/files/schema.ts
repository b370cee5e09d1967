/** schema.cedarschema: the example's, without the arguments that the example's policies read. */
import { readFile } from "node:fs/promises"

const ARGUMENTS = /\/\/ The arguments that rules here read\.[^\n]*\ntype Arguments = \{[^}]*\};/u

export async function schemaText(): Promise<string> {
  const example = await readFile(new URL("../../../policies/schema.cedarschema", import.meta.url), "utf8")
  if (!ARGUMENTS.test(example)) throw new Error("the example's schema declares no arguments")
  return example.replace(ARGUMENTS, OWN)
}

const OWN = `\
// The arguments that rules here read: none yet. A rule on \`context.arguments.to\` needs \`to?: String,\` here.
// Whatever else a call carries is nobody's concern, so it is not declared.
type Arguments = {
};`
