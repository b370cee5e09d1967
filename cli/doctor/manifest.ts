/** What the manifest of this package wants, in a clone or as it is installed, and what there is of it. */
import { readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { z } from "zod"
import { PACKAGE } from "../package.ts"

const versions = z.record(z.string(), z.string()).default({})
const manifestSchema = z.object({
  dependencies: versions,
  devDependencies: versions,
  /** Of the packages that not every user needs. */
  tested: versions,
})

export async function ownManifest(): Promise<z.infer<typeof manifestSchema>> {
  return manifestSchema.parse(JSON.parse(await readFile(join(PACKAGE, "package.json"), "utf8")))
}

const installedSchema = z.object({ version: z.string() })

/** The version of a package as Node finds it from a directory, in it or in one above. Null: none is installed. */
export async function installedVersion(name: string, from: string): Promise<string | null> {
  for (let directory = from; ; directory = dirname(directory)) {
    const text = await readFile(join(directory, "node_modules", name, "package.json"), "utf8").catch(() => null)
    if (text !== null) return installedSchema.parse(JSON.parse(text)).version
    if (directory === dirname(directory)) return null
  }
}
