import fc from "fast-check"
import { expect, test } from "vitest"
import { anyCovers, coveredBy, formatScope, scopeCovers } from "../../../src/core/catalog/pattern.ts"
import { ACTIONS } from "../../../src/core/catalog/tool.ts"

const word = fc.constantFrom("a", "b", "ab", "a-b")
const name = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join("."))
const action = fc.constantFrom(...ACTIONS)
const scope = fc.record({
  pattern: fc.oneof(
    name,
    name.map((text) => `${text}.*`),
    fc.constant("*"),
  ),
  action,
})
const tool = fc.record({ name, action })

test("many scopes cover what one of them covers, and each what it covers by itself", () => {
  fc.assert(
    fc.property(fc.array(scope, { maxLength: 12 }), fc.array(tool, { maxLength: 12 }), (scopes, tools) => {
      const [covers, byScope] = [anyCovers(scopes), coveredBy(scopes, tools)]
      for (const each of tools) expect(covers(each)).toBe(scopes.some((one) => scopeCovers(one, each)))
      for (const one of scopes)
        expect(byScope.get(formatScope(one))).toEqual(tools.filter((each) => scopeCovers(one, each)))
    }),
    { numRuns: 2_000 },
  )
})
