/** What wrangler.toml says about the Worker, for programs that run it without wrangler. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { PACKAGE } from "../cli/package.ts"

/** The parts that workerd needs. */
export interface Manifest {
  readonly compatibilityDate: string
  readonly compatibilityFlags: readonly string[]
  readonly durableObjects: readonly { readonly binding: string; readonly className: string }[]
}

/** @param directory with the wrangler.toml: that of this package, or of another release */
export async function readManifest(directory = PACKAGE): Promise<Manifest> {
  const text = await readFile(join(directory, "wrangler.toml"), "utf8")
  const [, compatibilityDate] = /^compatibility_date = "(.+)"$/m.exec(text) ?? []
  const [, flags = ""] = /^compatibility_flags = \[(.*)\]$/m.exec(text) ?? []
  const compatibilityFlags = Array.from(flags.matchAll(/"([^"]+)"/g), ([, flag = ""]) => flag)
  const bindings = text.matchAll(/^\[\[durable_objects\.bindings\]\]\nname = "(.+)"\nclass_name = "(.+)"$/gm)
  const durableObjects = Array.from(bindings, ([, binding = "", className = ""]) => ({ binding, className }))
  if (compatibilityDate === undefined || durableObjects.length === 0) {
    throw new Error("wrangler.toml has another form than dev/manifest.ts reads")
  }
  return { compatibilityDate, compatibilityFlags, durableObjects }
}
