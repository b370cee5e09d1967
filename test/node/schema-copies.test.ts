/** Each directory of policies has a `schema.cedarschema` of its own, as a user's has: all but the arguments is the same. */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { ROOT } from "./bare-workerd.ts"

/** Without comments, and without the arguments that the rules of the directory read. */
const declarations = (file: string): string =>
  readFileSync(join(ROOT, file), "utf8")
    .replaceAll(/\/\/[^\n]*/gu, "")
    .replace(/type Arguments = \{[^}]*\};/u, "")
    .replaceAll(/\s+/gu, " ")

const copies = globSync("{examples/*,starters/*,test/assurance/policies}/schema.cedarschema", { cwd: ROOT })

test("the copies are found", () => {
  expect(copies).toContain("test/assurance/policies/schema.cedarschema")
  expect(copies.length).toBeGreaterThan(6)
})

test.each(copies)("%s declares what policies/schema.cedarschema declares", (file) => {
  expect(declarations(file)).toBe(declarations("policies/schema.cedarschema"))
})
