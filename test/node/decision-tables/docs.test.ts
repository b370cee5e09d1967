/** What docs/guides/testing.md shows is true. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, it } from "vitest"
import { compiled, ROOT, told } from "./harness.ts"

it("the tables of docs/guides/testing.md pass on the example", async () => {
  const text = await readFile(join(ROOT, "docs/guides/testing.md"), "utf8")
  const [whole = "", ...more] = Array.from(text.matchAll(/```yaml\n(.*?)```/gs), ([, block = ""]) => block)
  expect(more).toHaveLength(2)
  const example = await compiled()
  expect(told(example, whole)).toBe("")
  const given = /^given:\n(?: .*\n)+/mu.exec(whole)?.[0] ?? ""
  for (const tests of more) expect(told(example, `${given}tests:\n${tests}`)).toBe("")
})
