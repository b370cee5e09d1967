/**
 * Files of `policies/`, one at a time changed in many ways: whatever stands in it, the command names what is wrong and
 * where, and what it makes a bundle of has each rule that the official engine finds there, and each tool, and no other.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { policySetTextToParts, policyToJson } from "@cedar-policy/cedar-wasm/nodejs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parse as parseYaml } from "yaml"
import { compileFiles, type Compiled } from "../../../cli/compiler/compile.ts"
import { rulesIn, sortFiles } from "../../../cli/compiler/model/read-directory.ts"
import { withTables } from "../../../cli/decision-tables/read.ts"
import { runCases } from "../../../cli/decision-tables/suite.ts"
import { mutated } from "../../fuzz/mutation.ts"
import { fuzzSeed, readCorpus } from "../fuzz-corpus.ts"

const EXAMPLE = join(import.meta.dirname, "../../../policies")
const FILES = readdirSync(EXAMPLE).toSorted()
const { texts: TEXTS, tables: TABLES } = await sortFiles(EXAMPLE, FILES, async (path) =>
  readFileSync(join(EXAMPLE, path), "utf8"),
)
const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 1)

const YAML_WORDS = [
  "- ",
  "&a ",
  "*a",
  "<<: *a",
  "!!str ",
  "!!js/function ",
  "? ",
  "|",
  ">-",
  "{",
  "}",
  "[",
  "]",
  ": ",
  "# lint-allow",
  "---\n",
  "%YAML 1.1\n",
  "~",
  "yes",
  "0o17",
  ".inf",
  "2026-01-01",
  '"*"',
  "tools:",
  "name:",
  "limit:",
  "\t",
]
const CEDAR_WORDS = [
  "permit",
  "forbid",
  "when",
  "unless",
  "principal",
  "resource",
  "context",
  '@id("x")',
  "@remedy(",
  "has ",
  "like ",
  "in [",
  "// ",
  "/*",
  "*/",
  "\\0",
  "\\u{0}",
  'decimal("1.0")',
  "::",
  "&&",
  "||",
  "!",
  "9223372036854775808",
  "?principal",
  "if true then ",
  ".contains(",
]

const TABLE_WORDS = [...YAML_WORDS, "tests:", "call:", "expect:", "allow", "deny", "given:", "at: ", "then:"]

const corpus = readCorpus()
const BUILT = compileFiles({ texts: TEXTS, tables: TABLES, problems: [] })

describe.each([...TEXTS.keys()])("%s", (path) => {
  it(
    "is read, or named with a place in it, whatever stands in it",
    () => {
      const isCedar = path.endsWith(".cedar") || path.endsWith(".cedarschema")
      const seeds = [TEXTS.get(path) ?? "", ...(corpus[path.replaceAll(".", "-")] ?? [])]
      let built = 0
      const property = fc.property(mutated(seeds, isCedar ? CEDAR_WORDS : YAML_WORDS), (text) => {
        const texts = new Map([...TEXTS, [path, text]])
        const { body, problems } = compileFiles({ texts, tables: TABLES, problems: [] })
        expectPlaces({ problems, texts })
        const isWrong = problems.some(({ severity }) => severity === "error")
        expect(body === null).toBe(isWrong)
        if (!body) return
        built += 1
        expect(body.rules.map(effectOf).toSorted()).toEqual(
          rulesIn(texts)
            .flatMap(({ text }) => effectsIn(text))
            .toSorted(),
        )
        const tools = body.tools.map(({ name, action, sensitivity }) => `${name} ${action} ${sensitivity}`)
        expect(tools).toEqual(expect.arrayContaining(toolsIn(texts.get("catalog.yaml") ?? "")))
      })
      fc.assert(property, {
        seed: fuzzSeed(),
        numRuns: Math.round(4 * RUNS),
        examples: seeds.map((seed) => [seed]),
      })
      expect(built).toBeGreaterThan(0)
    },
    60_000 * Math.max(1, RUNS),
  )
})

describe.each([...TABLES.keys()])("%s", (path) => {
  it(
    "holds cases that can be run, or what is wrong in it is named with its place",
    () => {
      const seed = TABLES.get(path) ?? ""
      let run = 0
      const property = fc.property(mutated([seed], TABLE_WORDS), (text) => {
        const compiled = withTables({ ...BUILT, tables: new Map([...TABLES, [path, text]]) })
        expectPlaces(compiled)
        if (!compiled.bundle) throw new Error("a table keeps no bundle from being built")
        run += runCases(compiled.bundle, compiled.cases, null).outcomes.length
      })
      fc.assert(property, { seed: fuzzSeed(), numRuns: Math.round(10 * RUNS), examples: [[seed]] })
      expect(run).toBeGreaterThan(0)
    },
    60_000 * Math.max(1, RUNS),
  )
})

/** Each problem is at a place of its file, and says what is wrong and what to do. */
function expectPlaces({ problems, texts }: Pick<Compiled, "problems" | "texts">): void {
  for (const { file, line, column, message, fix } of problems) {
    const lines = (texts.get(file) ?? "").split(/\r\n|\r|\n/).length
    expect(line).toBeGreaterThanOrEqual(1)
    expect(line).toBeLessThanOrEqual(lines)
    expect(column).toBeGreaterThanOrEqual(1)
    expect(message === "" || fix === "").toBe(false)
  }
}

/** Its `@id`, and whether it permits or forbids. */
function effectOf({ id, policy }: { readonly id: string; readonly policy: unknown }): string {
  return `${id} ${String(Object(policy).effect)}`
}

/** What the official engine finds in a text. */
function effectsIn(text: string): readonly string[] {
  const parts = policySetTextToParts(text)
  if (parts.type === "failure") throw new Error("the engine does not read what was built from")
  return parts.policies.map((policy) => {
    const json = policyToJson(policy)
    if (json.type === "failure") throw new Error("the engine does not read its own policy")
    return `${json.json.annotations?.["id"] ?? ""} ${json.json.effect}`
  })
}

interface WrittenTool {
  readonly name: string
  readonly action: string
  readonly sensitivity: string
}

function toolsIn(catalog: string): string[] {
  const { tools }: { readonly tools: readonly WrittenTool[] } = parseYaml(catalog)
  return tools.map(({ name, action, sensitivity }) => `${name} ${action} ${sensitivity}`)
}
