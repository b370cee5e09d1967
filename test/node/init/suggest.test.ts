import fc from "fast-check"
import { expect, it } from "vitest"
import { sensitivityRank } from "../../../src/core/catalog/tool.ts"
import type { FoundTool } from "../../../cli/import/found-tools.ts"
import { suggestedClass } from "../../../cli/init/suggest.ts"

function tool(name: string, description: string): FoundTool {
  const suggestion = { action: "read", labels: [], because: "readOnlyHint: true" } as const
  const mark = { kind: "route", origin: "https://api.example", methods: ["GET"], path: "/", integers: [] } as const
  return {
    name,
    description,
    suggestion,
    unseen: { action: "execute", labels: [] },
    mark,
    inputs: new Map(),
    required: [],
  }
}

it.each([
  ["x.get-env", ""],
  ["x.get_env", ""],
  ["x.rotate", "Rotates the API key of an account"],
  ["x.who", "Tells users and their password hashes"],
  ["x.debug", "Returns all environment variables"],
])("takes %s for one that gives secrets away (%s)", (name, description) => {
  expect(suggestedClass(tool(name, description)).sensitivity).toBe("restricted")
})

it.each([
  ["x.environmentalists", "Lists members"],
  ["x.echo", "Echoes what it is given"],
])("takes %s for a usual one", (name, description) => {
  expect(suggestedClass(tool(name, description)).sensitivity).toBe("internal")
})

it("no words of a source make a tool less sensitive than any other", () => {
  fc.assert(
    fc.property(fc.string(), (description) => {
      const { sensitivity } = suggestedClass(tool("x.y", description))
      expect(sensitivityRank(sensitivity)).toBeGreaterThanOrEqual(sensitivityRank("internal"))
    }),
  )
})

it("what a person says of all tools holds", () => {
  expect(suggestedClass(tool("x.get-env", ""), "public").sensitivity).toBe("public")
})
