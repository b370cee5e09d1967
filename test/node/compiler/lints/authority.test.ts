/** What a grant covers, by its scopes together and apart: as each scope by itself says of each tool. */
import fc from "fast-check"
import { expect, test } from "vitest"
import { toolsByScope, toolsOf } from "../../../../cli/compiler/lints/authority.ts"
import { parseScope, scopeCovers } from "../../../../src/core/catalog/pattern.ts"
import { ACTIONS, SENSITIVITIES, sensitivityRank, type Tool } from "../../../../src/core/catalog/tool.ts"

const name = fc.array(fc.constantFrom("a", "b", "ab"), { minLength: 1, maxLength: 3 }).map((words) => words.join("."))
const pattern = fc.oneof(
  name,
  name.map((text) => `${text}.*`),
  fc.constant("*"),
)
const sensitivity = fc.constantFrom(...SENSITIVITIES)
const action = fc.constantFrom(...ACTIONS)
const scope = fc.tuple(pattern, action).map((parts) => parts.join(":"))

test("tools of a grant are those of its scopes, and none above its sensitivity", () => {
  fc.assert(
    fc.property(
      fc.array(scope, { maxLength: 6 }),
      sensitivity,
      fc.uniqueArray(fc.record({ name, action, sensitivity }), { maxLength: 8, selector: (tool) => tool.name }),
      (scopes, max_sensitivity, some) => {
        const tools: readonly Tool[] = some.map((tool) => Object(tool))
        const grant = { tools: scopes, max_sensitivity }
        const coveredBy = (text: string): readonly string[] => {
          const parsed = parseScope(text)
          return tools
            .filter((tool) => sensitivityRank(tool.sensitivity) <= sensitivityRank(max_sensitivity))
            .filter((tool) => parsed && scopeCovers(parsed, tool))
            .map((tool) => tool.name)
        }
        for (const text of scopes) expect([...toolsByScope(grant, tools)(text)]).toEqual(coveredBy(text))
        expect(toolsOf(grant, tools)).toEqual(new Set(scopes.flatMap(coveredBy)))
      },
    ),
    { numRuns: 500 },
  )
})
