/** Where this package is, in a clone or below `node_modules`, and the tools beside it that not every user needs. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, resolve } from "node:path"
import { z } from "zod"
import { Failure } from "../cli/terminal/failure.ts"

export const PACKAGE = resolve(import.meta.dirname, "..")

const versions = z.record(z.string(), z.string()).default({})
const manifestSchema = z.object({ version: z.string(), peerDependencies: versions, devDependencies: versions })

const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")))
export const VERSION = manifest.version
/** Exact versions of packages that not every user needs; in a clone, of those that it was tested with. */
export const PEERS = { ...manifest.devDependencies, ...manifest.peerDependencies }

/**
 * Loads a part of the package that needs packages of which not every user has need: where one is missing, it says which to
 * install.
 */
export async function withPackages<Part>(load: () => Promise<Part>, names: readonly string[]): Promise<Part> {
  try {
    return await load()
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error
    const wanted = names.map((name) => `${name}@${PEERS[name] ?? "latest"}`)
    throw new Failure(
      `this needs packages that are not installed: ${names.join(", ")}`,
      `Install them: npm install --save-dev ${wanted.join(" ")}`,
    )
  }
}

/** A file of a tool that is installed beside this package, or where the command runs. */
export function toolAt(name: string, file: string): string {
  for (const from of [import.meta.filename, resolve("package.json")]) {
    try {
      return join(dirname(createRequire(from).resolve(`${name}/package.json`)), file)
    } catch {
      continue
    }
  }
  throw new Failure(`this needs ${name}, which is not installed`, `Install it: npm install --save-dev ${name}`)
}
