/** What the manifest of this package wants, in a clone or as it is installed, and what there is of it. */
import { readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { z } from "zod"
import { PACKAGE } from "../package.ts"

const versions = z.record(z.string(), z.string()).default({})
const manifestSchema = z.object({
  /** A range of one bound, such as `>=22.12`. */
  engines: z.object({ node: z.string().regex(/^>=\d+(?:\.\d+)*$/u) }),
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

/** @param wanted an exact version, or one with `^`: that one, or a later one with the same first number */
export function fits(version: string, wanted: string): boolean {
  if (!wanted.startsWith("^")) return version === wanted
  const least = wanted.slice(1)
  return Number.parseInt(version, 10) === Number.parseInt(least, 10) && isAtLeast(version, least)
}

/** Letters, which mark a version before the release, are not compared. */
export function isAtLeast(version: string, least: string): boolean {
  const [numbers, wanted] = [numbersOf(version), numbersOf(least)]
  const differing = wanted.findIndex((number, index) => number !== (numbers[index] ?? 0))
  return differing === -1 || (numbers[differing] ?? 0) > (wanted[differing] ?? 0)
}

const numbersOf = (version: string): readonly number[] => version.split(".").map((part) => Number.parseInt(part, 10))
