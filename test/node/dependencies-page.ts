/** The tables of `docs/security/dependencies.md`. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { ROOT } from "./bare-workerd.ts"

/** The licence of each package, by its name, in the order of the names. */
export function rowsOf(heading: string): ReadonlyMap<string, string> {
  const page = readFileSync(join(ROOT, "docs/security/dependencies.md"), "utf8")
  const section = (page.split(`\n## ${heading}\n`, 2)[1] ?? "").split("\n## ", 1)[0] ?? ""
  const rows = Array.from(
    section.matchAll(/^\| `([^`]+)` *\|[^|]+\|[^|]+\| *([^| ]+) *\|/gm),
    ([, name = "", licence = ""]) => [name, licence] as const,
  )
  return new Map(rows.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
