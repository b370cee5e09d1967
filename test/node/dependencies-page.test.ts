/** `docs/security/dependencies.md` has what package.json has. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { z } from "zod"
import { ROOT } from "./bare-workerd.ts"
import { rowsOf } from "./dependencies-page.ts"

const entry = z.object({
  license: z.string().optional(),
  dependencies: z.record(z.string(), z.string()).default({}),
})
const lock = z
  .object({ packages: z.record(z.string(), entry) })
  .parse(JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"))).packages

const licencesOf = (names: Iterable<string>): ReadonlyMap<string, string | undefined> =>
  new Map(Array.from(names, (name) => [name, lock[`node_modules/${name}`]?.license]))

test("the page has each package that the Worker contains, and its licence", () => {
  const names = new Set(Object.keys(lock[""]?.dependencies ?? {}))
  for (const name of names)
    for (const next of Object.keys(lock[`node_modules/${name}`]?.dependencies ?? {})) names.add(next)
  expect(names.size).toBeGreaterThan(8)
  expect(rowsOf("In the Worker")).toEqual(licencesOf(names))
})

// Whether these are all of them, test/package/sbom.test.ts knows by the packed file.
test("and the licence of each package that the command needs besides", () => {
  const rows = rowsOf("In the command and the published package")
  expect(rows.size).toBeGreaterThan(6)
  expect(rows).toEqual(licencesOf(rows.keys()))
})
