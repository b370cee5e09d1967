import { readFile, writeFile } from "node:fs/promises"
import { parseDocument } from "yaml"

/** Changes a YAML file of a copy of bench/policies. */
export async function edit(file: string, change: (document: ReturnType<typeof parseDocument>) => void): Promise<void> {
  const document = parseDocument(await readFile(file, "utf8"))
  change(document)
  await writeFile(file, document.toString())
}
