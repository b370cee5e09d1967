/** `docs/security/hardening.md` names checks of doctor, lints and alerts that there are. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { LINT_NAMES } from "../../cli/compiler/lints/table.ts"
import { CHECKS } from "../../cli/doctor/table.ts"
import { ROOT } from "./bare-workerd.ts"

const page = readFileSync(join(ROOT, "docs/security/hardening.md"), "utf8")
const [, ...sections] = page.split("\n## ")
const items = sections.join("\n")

const namesIn = (text: string, pattern: RegExp): readonly string[] =>
  Array.from(text.matchAll(pattern), ([, name = ""]) => name)

test("each check of doctor is one", () => {
  const named = namesIn(items, /\*\*([a-z]+)\*\*/g)
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((name) => !CHECKS.has(name))).toEqual([])
})

test("each lint is one", () => {
  const named = namesIn(items, /lint `([^`]+)`/g)
  expect(named.length).toBeGreaterThan(3)
  expect(named.filter((name) => !LINT_NAMES.includes(name))).toEqual([])
})

test("each alert is one", () => {
  const alerts = readFileSync(join(ROOT, "docs/operate/alerts.yaml"), "utf8")
  const named = namesIn(items, /alert `([^`]+)`/g)
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter((name) => !alerts.includes(`alert: ${name}\n`))).toEqual([])
})
