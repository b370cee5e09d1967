import { expect, test } from "vitest"
import { titlesIn } from "./claimed-tests.ts"

test("a title is that of a test or of a group, whole", () => {
  const source = `
    describe("a group", () => {
      it("is \\"one\\"", () => expect("no title").toBe("no title"))
      test.each(rows)("each %s", () => {})
      test(\`\${COUNT} at once\`, () => {})
    })`
  expect([...titlesIn(source)].filter(Boolean)).toEqual(["a group", 'is "one"', "each %s", "at once"])
})

test.each([
  ["in a comment", '// test("a title", () => {})'],
  ["in a comment of several lines", '/* it("a title", () => {}) */'],
  ["in a text", 'test("other", () => expect("a title").toBe(1))'],
  ["in a part of another one", 'test("not a title", () => {})'],
  ["of what is skipped", 'test.skip("a title", () => {})'],
  ["of what is yet to do", 'it.todo("a title")'],
  ["in a group that is skipped", 'describe.skip("a group", () => test("a title", () => {}))'],
])("none stands %s", (_where, source) => {
  expect(titlesIn(source).has("a title")).toBe(false)
})
