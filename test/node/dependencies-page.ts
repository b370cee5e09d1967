/** The tables of `docs/security/dependencies.md`. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { ROOT } from "./bare-workerd.ts"

export const DEPENDENCIES_PAGE = readFileSync(join(ROOT, "docs/security/dependencies.md"), "utf8")

/** The licence of each package, by its name. */
export function rowsOf(heading: string): ReadonlyMap<string, string> {
  const section = (DEPENDENCIES_PAGE.split(`\n## ${heading}\n`, 2)[1] ?? "").split("\n## ", 1)[0] ?? ""
  const rows = section.matchAll(/^\| `([^`]+)` *\|[^|]+\|[^|]+\| *([^| ]+) *\|/gm)
  return new Map(Array.from(rows, ([, name = "", licence = ""]) => [name, licence] as const))
}
