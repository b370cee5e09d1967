/** What the Worker reports to its log, and what `docs/reference/log-events.md` explains to its operators. */
import { glob, readFile } from "node:fs/promises"
import { expect, test } from "vitest"

test("docs/reference/log-events.md has each event of the log, and no other", async () => {
  const logged = new Set<string>()
  for await (const path of glob("src/**/*.{ts,tsx}")) {
    const text = await readFile(path, "utf8")
    // One may be chosen of two: every text before the fields is a name.
    for (const [, first = ""] of text.matchAll(/logEvent\(([^{]*)/g)) {
      for (const [, name = ""] of first.matchAll(/"([a-z_]+)"/g)) logged.add(name)
    }
  }
  expect(logged.size).toBeGreaterThan(40)
  const page = await readFile("docs/reference/log-events.md", "utf8")
  const explained = Array.from(page.matchAll(/^\| `([a-z_]+)`/gm), ([, name = ""]) => name)
  expect(explained.toSorted()).toEqual([...logged].toSorted())
})
