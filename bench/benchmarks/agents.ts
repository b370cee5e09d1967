/** More agents than bench/policies has, each of which may do what the first of those may. */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parseDocument } from "yaml"

/** @param ids SPIFFE ids of the trust domain of bench/policies */
export async function addAgents(directory: string, ids: readonly string[], more: object = {}): Promise<void> {
  const path = join(directory, "agents.yaml")
  const file = parseDocument(await readFile(path, "utf8"))
  const { agents }: { readonly agents: readonly object[] } = file.toJS()
  for (const id of ids) file.addIn(["agents"], { ...agents[0], ...more, id })
  await writeFile(path, file.toString())
}
