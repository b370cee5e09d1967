/** Where this package is, in a clone or below `node_modules`, and the packages beside it that not every user needs. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, resolve } from "node:path"
import { z } from "zod"
import { Failure } from "./terminal/failure.ts"

export const PACKAGE = resolve(import.meta.dirname, "..")

const versions = z.record(z.string(), z.string()).default({})
const manifestSchema = z.object({ version: z.string(), devDependencies: versions, tested: versions })

const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")))
export const VERSION = manifest.version

/** What the local stack needs besides. */
export const LOCAL_STACK = ["miniflare", "oidc-provider"]

/** The very version with which this one is tested. In a clone, the packages are among those of development. */
export function versionOf(name: string): string {
  if (name === "narrowgate") return VERSION
  const version = manifest.tested[name] ?? manifest.devDependencies[name]
  if (version === undefined) throw new Error(`package.json does not have ${name}`)
  return version.replace(/^\^/u, "")
}

export function installCommand(names: readonly string[]): string {
  const exact = names.map((name) => `${name}@${versionOf(name)}`)
  return `npm install --save-dev --save-exact ${exact.join(" ")}`
}

/**
 * Loads a part of the package that needs packages of which not every user has need: where one is missing, it says which to
 * install.
 */
export async function withPackages<Part>(load: () => Promise<Part>, names: readonly string[]): Promise<Part> {
  try {
    return await load()
  } catch (error) {
    const code = error instanceof Error && "code" in error && error.code
    // As an import has it, and as `require` does.
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw error
    throw new Failure(
      `this needs packages that are not installed: ${names.join(", ")}`,
      `Install them: ${installCommand(names)}`,
    )
  }
}

/** For what runs workerd, which has no build for another C library: without one it would only not be found. */
export function requireGlibc(system: unknown = process.report.getReport()): void {
  if (process.platform !== "linux") return
  const report = z.object({ header: z.looseObject({ glibcVersionRuntime: z.string().optional() }) })
  if (report.parse(system).header.glibcVersionRuntime !== undefined) return
  throw new Failure(
    "this runs workerd, which needs glibc, and this system has another C library",
    "Run it where glibc is: of images of Node, in `node:24-slim`, not in `node:24-alpine`.",
  )
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
  throw new Failure(`this needs ${name}, which is not installed`, `Install it: ${installCommand([name])}`)
}
