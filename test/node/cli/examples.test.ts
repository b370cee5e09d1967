/** The example policies: each checks, and its tables guard every rule and every guardrail. */
import { existsSync, readdirSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { mutate } from "../../../cli/decision-tables/mutate.ts"
import { withTables } from "../../../cli/decision-tables/read.ts"
import { passes, runCases } from "../../../cli/decision-tables/suite.ts"
import { coverageOf, percentOf, survivorsOf, tellFailure } from "../../../cli/decision-tables/render.ts"
import { SECTIONS } from "../../../cli/compiler/schema/guardrails.ts"
import { unitsOf } from "../../../src/core/guardrails/amount.ts"
import { KIND_NAMES, type Guardrail } from "../../../src/core/guardrails/kinds.ts"
import { guardrailsOf } from "../../../src/core/guardrails/guardrails.ts"
import { compiled, oracleFor, ROOT, type Example } from "../decision-tables/harness.ts"

const EXAMPLES = join(ROOT, "examples")

interface Broken {
  readonly what: string
  readonly instead: readonly Guardrail[]
}

function broken(one: Guardrail): readonly Broken[] {
  const dropped = { what: "dropped", instead: [] }
  const milder: Broken = { what: "denies, and nothing follows", instead: [{ ...one, consequence: "deny" }] }
  const bare = one.consequence === "deny" ? [dropped] : [dropped, milder]
  if (one.kind !== "cycle" && !("limit" in one)) return bare
  const moved = ([1, -1] as const).map((by): Broken => {
    const what = by > 0 ? "one more" : "one less"
    if (one.kind === "cycle") return { what, instead: [{ ...one, times: one.times + by }] }
    if (one.kind === "limit" && one.span.kind === "bucket") {
      return { what, instead: [{ ...one, span: { ...one.span, burst: one.span.burst + by } }] }
    }
    // Of a sum, a whole one.
    const step = one.kind === "limit" && one.measure.kind === "sum" ? by * Number(unitsOf(1)) : by
    return { what, instead: [{ ...one, limit: one.limit + step }] }
  })
  return [...bare, ...moved]
}

/** Those of policies; others are programs. */
const DIRECTORIES = readdirSync(EXAMPLES).filter((name) => existsSync(join(EXAMPLES, name, "catalog.yaml")))

describe.each(DIRECTORIES)("%s", (name) => {
  let example: Example
  beforeAll(async () => {
    example = await compiled(join(EXAMPLES, name))
  })

  it("checks, without a warning", () => {
    expect(withTables(example).problems).toEqual([])
  })

  it("decides as its tables say, on both engines, and no broken rule goes unnoticed", () => {
    const { body, bundle, written } = example
    const suite = runCases(bundle, withTables(example).cases, oracleFor(example))
    const failed = suite.outcomes.filter((outcome) => !passes(outcome))
    expect(failed.map((outcome) => tellFailure(name, outcome, bundle)).join("\n")).toBe("")
    expect(percentOf(coverageOf(suite, written))).toBe(100)
    expect(survivorsOf(mutate(body, bundle, suite.outcomes), written)).toEqual([])
  })

  it("has a test that fails without each of its guardrails, and with one that admits more or less", () => {
    const { bundle } = example
    const { cases } = withTables(example)
    const { definitions } = bundle.guardrails
    const unnoticed = definitions.flatMap((one) =>
      broken(one).flatMap(({ what, instead }) => {
        const guardrails = guardrailsOf(
          definitions.flatMap((each) => (each === one ? instead : each)),
          [],
        )
        const isNoticed = !runCases({ ...bundle, guardrails }, cases, null).outcomes.every(passes)
        return isNoticed ? [] : [`${one.id}: ${what}`]
      }),
    )
    expect(unnoticed).toEqual([])
  })
})

it("examples/guardrails has each section of guardrails.yaml, and each kind of guardrail", async () => {
  const text = await readFile(join(EXAMPLES, "guardrails/guardrails.yaml"), "utf8")
  for (const section of Object.keys(SECTIONS)) expect(text).toContain(`\n${section}:\n`)
  const { definitions } = (await compiled(join(EXAMPLES, "guardrails"))).bundle.guardrails
  expect([...new Set(definitions.map(({ kind }) => kind))].toSorted()).toEqual([...KIND_NAMES].toSorted())
})

it("each is tested by .ci/run", async () => {
  expect(await readFile(join(ROOT, ".ci/run"), "utf8")).toMatch(
    /for \w+ in policies starters\/\* examples\/guardrails;/u,
  )
})
