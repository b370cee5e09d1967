/** The manifest of this package, in a clone or as it is installed. */
import { readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { z } from "zod"

const versions = z.record(z.string(), z.string()).default({})
const manifestSchema = z.object({
  version: z.string(),
  /** A range of one bound, such as `>=22.12`. */
  engines: z.object({ node: z.string().regex(/^>=\d+(?:\.\d+)*$/u) }),
  dependencies: versions,
  devDependencies: versions,
  peerDependencies: versions,
})
export type Manifest = z.infer<typeof manifestSchema>

export const PACKAGE = join(import.meta.dirname, "../..")

export async function ownManifest(): Promise<Manifest> {
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
