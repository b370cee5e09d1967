/** Changes of a YAML file leave the rest as it is written, and a diff shows nothing that is the same in both. */
import { describe, expect, test } from "vitest"
import { spliced, unifiedDiff } from "../../../cli/import/text-edits.ts"
import { YamlText } from "../../../cli/suggest/yaml-edits.ts"

const ITEMS = ["  - name: a\n    is: 1\n", "  - name: b\n    is: 2\n", "  - name: c\n    is: 3\n"]
const textOf = (items: readonly string[]): string => `tests:\n${items.join("\n")}`

describe("an item that is taken out of a list", () => {
  test.each([0, 1, 2])("leaves no empty line more than the others had: the one at %i", (index) => {
    const text = textOf(ITEMS)
    const splice = new YamlText(text).without(["tests", index])
    expect(spliced(text, splice ? [splice] : [])).toBe(textOf(ITEMS.toSpliced(index, 1)))
  })

  test("does so with the next one", () => {
    const text = textOf(ITEMS)
    const yaml = new YamlText(text)
    const splices = [1, 2].flatMap((index) => yaml.without(["tests", index]) ?? [])
    expect(spliced(text, splices)).toBe(textOf(ITEMS.slice(0, 1)))
  })
})

test("a line to which others are added is no change", () => {
  const text = "windows:\n  - id: a\n    within: 1h\n"
  const item = new YamlText(text).item(["windows"], ["- id: b", "  within: 1m"])
  expect(unifiedDiff("guardrails.yaml", text, item ? [item] : [])).toBe(
    `--- guardrails.yaml
+++ guardrails.yaml
@@ -1,3 +1,6 @@
 windows:
   - id: a
     within: 1h
+
+  - id: b
+    within: 1m`,
  )
})
