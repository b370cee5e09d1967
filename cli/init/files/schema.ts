/** schema.cedarschema: the example's, with the arguments of the tools that were found. */
import { readFile } from "node:fs/promises"
import { declarationsOf, memberLines } from "../../import/schema-text.ts"
import type { Plan } from "./plan.ts"

const ARGUMENTS = /\/\/ The arguments that rules here read\.[^\n]*\ntype Arguments = \{[^}]*\};/u

export async function schemaText({ found, classes }: Plan): Promise<string> {
  const example = await readFile(new URL("../../../policies/schema.cedarschema", import.meta.url), "utf8")
  if (!ARGUMENTS.test(example)) throw new Error("the example's schema declares no arguments")
  const lines = memberLines(declarationsOf(found.tools.filter(({ name }) => classes.has(name))))
  return example.replace(ARGUMENTS, () => (lines.length === 0 ? NONE : [HEAD, ...lines, "};"].join("\n")))
}

const NONE = `\
// The arguments that rules here read: none yet. A rule on \`context.arguments.to\` needs \`to?: String,\` here.
// Whatever else a call carries is nobody's concern, so it is not declared.
type Arguments = {
};`

const HEAD = `\
// The arguments that rules can read, with the types that the server states: \`context.arguments has to\` says whether a
// call has one. A \`decimal\` is compared by methods: \`.lessThan(decimal("49.99"))\`. To declare one costs nothing.
type Arguments = {`
