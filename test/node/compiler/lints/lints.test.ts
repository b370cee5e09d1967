import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { compileFiles } from "../../../../cli/compiler/compile.ts"
import { LINT_NAMES } from "../../../../cli/compiler/lints/table.ts"
import { useOf } from "../../../../cli/compiler/lints/use.ts"
import type { Problem } from "../../../../cli/compiler/source/problem.ts"
import { LINT_CASES, type Edit, type LintCase } from "./cases.ts"

const ROOT = join(import.meta.dirname, "../../../..")
const EXAMPLE = new Map(
  readdirSync(join(ROOT, "policies")).map(
    (file) => [file, readFileSync(join(ROOT, "policies", file), "utf8")] as const,
  ),
)

/** Of other agents the records know nothing, and what the example excuses may be gone. */
function isOfCase({ lint, file, line }: Problem, one: LintCase, texts: ReadonlyMap<string, string>): boolean {
  if (lint === "idle-allow") return one.lint === lint
  // What is told of a ceiling stands four lines below the agent's id.
  return lint !== "unused-authority" || texts.get(file)?.split("\n")[line - 5]?.includes("agent/nightly") === true
}

describe("a lint tells of", () => {
  it.each(LINT_CASES.map((one) => [`${one.lint}: ${one.name}`, one] as const))("%s", async (_name, one) => {
    const { lint, file, at, message, fix } = one
    const texts = edited(one.edits)
    const { problems, body } = compileFiles(
      { texts, tables: new Map(), problems: [] },
      one.records ? await useOf(one.records) : null,
    )
    expect(problems.filter((each) => isOfCase(each, one, texts))).toMatchObject([
      { lint, file, message, fix: fix, ...placeOf(texts.get(file) ?? "", at), end: expect.anything() },
    ])
    expect(body).not.toBeNull()
  })
})

describe("a lint is silent on what is nearly", () => {
  it.each(LINT_CASES.map((one) => [`${one.lint}: ${one.name}`, one] as const))("%s", async (_name, one) => {
    const texts = edited(fixed(one))
    const { problems, body } = compileFiles(
      { texts, tables: new Map(), problems: [] },
      one.records ? await useOf(one.records) : null,
    )
    expect(problems.filter((each) => isOfCase(each, one, texts))).toEqual([])
    expect(body).not.toBeNull()
  })
})

function fixed({ edits, but }: LintCase): readonly Edit[] {
  const changed = edits.map((edit) => ({ ...edit, replace: edit.replace.replace(but.find, () => but.replace) }))
  expect(changed, "the case changes nothing").not.toEqual(edits)
  return changed
}

function edited(edits: readonly Edit[]): Map<string, string> {
  const texts = new Map(EXAMPLE)
  for (const { file, find, replace } of edits) {
    const text = texts.get(file) ?? ""
    if (find !== undefined) expect(text, `${file} has no such text`).toContain(find)
    texts.set(file, find === undefined ? replace : text.replace(find, () => replace))
  }
  return new Map([...texts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function placeOf(text: string, at: string): { line: number; column: number } {
  const offset = text.indexOf(at)
  expect(offset, `no \`${at}\``).toBeGreaterThanOrEqual(0)
  const before = text.slice(0, offset).split("\n")
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}

it("each lint has a case, and a section in docs/guides/linting.md", () => {
  const all = [...LINT_NAMES, "idle-allow"].toSorted()
  const documented = readFileSync(join(ROOT, "docs/guides/linting.md"), "utf8").matchAll(/^### (\S+)$/gmu)
  expect(Array.from(documented, ([, name = ""]) => name).toSorted()).toEqual(all)
  expect([...new Set(LINT_CASES.map(({ lint }) => lint))].toSorted()).toEqual(all)
})
