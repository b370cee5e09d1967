/** What is written of the endpoints is what they are: nobody has changed one and left the description behind. */
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, test } from "vitest"
import { writeDescription } from "../../dev/openapi/main.ts"

const ROOT = join(import.meta.dirname, "../..")

test("docs/reference/openapi.json and http.md are what `npm run openapi` writes", async () => {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-openapi-"))
  try {
    await writeDescription(directory)
    const page = join(directory, "http.md")
    const formatter = join(ROOT, "node_modules/oxfmt/bin/oxfmt")
    await promisify(execFile)(process.execPath, [formatter, "--config", join(ROOT, ".oxfmtrc.json"), page])
    for (const name of ["openapi.json", "http.md"]) {
      const [written, fresh] = await Promise.all(
        [join(ROOT, "docs/reference"), directory].map(async (place) => readFile(join(place, name), "utf8")),
      )
      expect(written === fresh, `docs/reference/${name} is stale: npm run openapi`).toBe(true)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test("no cell of a table of the page is longer than 200 characters", async () => {
  const page = await readFile(join(ROOT, "docs/reference/http.md"), "utf8")
  const cells = page.split("\n").flatMap((line) => (line.startsWith("|") ? line.split(/(?<!\\)\|/u) : []))
  expect(cells.map((cell) => cell.trim()).filter((cell) => cell.length > 200)).toEqual([])
})
