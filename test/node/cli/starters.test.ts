/** The starter policies: each checks, is guarded rule by rule by its tests, and has a page that tells all of it. */
import { readdirSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { mutate } from "../../../cli/decision-tables/mutate.ts"
import { withTables } from "../../../cli/decision-tables/read.ts"
import { passes, runCases } from "../../../cli/decision-tables/suite.ts"
import { coverageOf, percentOf, survivorsOf, tellFailure } from "../../../cli/decision-tables/render.ts"
import { compiled, oracleFor, ROOT, type Example } from "../decision-tables/harness.ts"

const STARTERS = join(ROOT, "starters")
const PAGES = join(ROOT, "docs/guides/starters")
const names = readdirSync(STARTERS)

it("there are some", () => {
  expect(names.length).toBeGreaterThanOrEqual(6)
})

describe.each(names)("%s", (name) => {
  let starter: Example
  beforeAll(async () => {
    starter = await compiled(join(STARTERS, name))
  })

  it("checks, without a warning", () => {
    expect(withTables(starter).problems).toEqual([])
  })

  it("decides as its tables say, on both engines, and no broken rule goes unnoticed", () => {
    const { body, bundle, written } = starter
    const suite = runCases(bundle, withTables(starter).cases, oracleFor(starter))
    const failed = suite.outcomes.filter((outcome) => !passes(outcome))
    expect(failed.map((outcome) => tellFailure(name, outcome, bundle)).join("\n")).toBe("")
    expect(suite.unput).toBe(0)
    expect(percentOf(coverageOf(suite, written))).toBe(100)
    const mutation = mutate(body, bundle, suite.outcomes)
    expect(survivorsOf(mutation, written)).toEqual([])
    expect(mutation.mutants).toBeGreaterThan(body.rules.length)
  })

  it("has a test for each of its guardrails and purposes", () => {
    const { body } = starter
    const tables = [...starter.tables.values()].join("\n")
    expect(body.guardrails.filter(({ id }) => !tables.includes(`: ${id}`))).toEqual([])
    const agentsFirst = new Set(body.agents.map(({ purposes: [first] }) => first))
    const unasked = body.purposes.filter(({ name: of }) => !agentsFirst.has(of) && !tables.includes(`purpose: ${of}`))
    expect(unasked).toEqual([])
  })

  it("has a page that names each rule with a test of it, and each guardrail", async () => {
    const page = await readFile(join(PAGES, `${name}.md`), "utf8")
    const index = await readFile(join(PAGES, "README.md"), "utf8")
    // The rules that all starters have stand in the index.
    const rows = [page, index].flatMap((text) => text.split("\n")).filter((line) => line.startsWith("|"))
    const tests = withTables(starter).cases.map((one) => one.name.replace(/ \[\d+\]$/u, ""))
    for (const { id } of starter.body.rules) {
      const row = rows.find((line) => line.startsWith(`| \`${id}\``)) ?? ""
      expect(row, `a row about ${id}`).not.toBe("")
      expect(
        tests.some((test) => row.includes(test)),
        `a test of ${id} in ${row}`,
      ).toBe(true)
    }
    for (const { id } of starter.body.guardrails) expect(page).toContain(`\`${id}\``)
    expect(page).toContain(`npx narrowgate dev --policies starters/${name}`)
  })

  it("stands in the index, with how many rules and tests it has", async () => {
    const index = await readFile(join(PAGES, "README.md"), "utf8")
    const row = index.split("\n").find((line) => line.includes(`(${name}.md)`)) ?? ""
    const cells = row.split("|").map((cell) => cell.trim())
    const tests = withTables(starter).cases.length
    expect(cells.slice(-3, -1)).toEqual([String(starter.body.rules.length), String(tests)])
  })
})

it("each is tested by .ci/run", async () => {
  expect(await readFile(join(ROOT, ".ci/run"), "utf8")).toMatch(/for \w+ in policies starters\/\*/u)
})
