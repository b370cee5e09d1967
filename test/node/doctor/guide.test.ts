/** The page names each check, in the order in which they are shown. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, it } from "vitest"
import { CHECKS } from "../../../cli/doctor/table.ts"
import { ROOT } from "../bare-workerd.ts"

it("docs/guides/doctor.md explains every check", async () => {
  const page = await readFile(join(ROOT, "docs/guides/doctor.md"), "utf8")
  const named = Array.from(page.matchAll(/^\| `([a-z]+)` +\|/gm), ([, name]) => name)
  expect(named).toEqual([...CHECKS.keys()])
})
