/** What the Worker tells its log, docs/guides/deploy.md tells its operators. */
import { glob, readFile } from "node:fs/promises"
import { expect, test } from "vitest"

test("each event of the log is in docs/guides/deploy.md", async () => {
  const told = new Set<string>()
  for await (const path of glob("src/**/*.{ts,tsx}")) {
    const text = await readFile(path, "utf8")
    // One may be chosen of two: every text before the fields is a name.
    for (const [, first = ""] of text.matchAll(/logEvent\(([^{]*)/g)) {
      for (const [, name = ""] of first.matchAll(/"([a-z_]+)"/g)) told.add(name)
    }
  }
  expect(told.size).toBeGreaterThan(40)
  const page = await readFile("docs/guides/deploy.md", "utf8")
  const described = [...told].filter((name) => page.includes(`\`${name}\``))
  expect(described.toSorted()).toEqual([...told].toSorted())
})
