/** Changes of a copy of `policies/`. */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parse, stringify } from "yaml"
import { z } from "zod"

export type Entry = Record<string, unknown>

const file = z.record(z.string(), z.array(z.looseObject({})))

/** @param change gets the lists of one file by their names, an empty one where there is none, and may change them */
export async function edit(
  policies: string,
  name: string,
  change: (lists: (list: string) => Entry[]) => void,
): Promise<void> {
  const path = join(policies, name)
  const lists = file.parse(parse(await readFile(path, "utf8")))
  change((list) => (lists[list] ??= []))
  await writeFile(path, stringify(lists))
}
