/** The example policies with tables of a test's own, in this very process. */
import { join } from "node:path"
import { compilePolicies, type Compiled } from "../../../cli/compiler/compile.ts"
import { oracleOf, type Oracle } from "../../../cli/decision-tables/cedar-oracle.ts"
import { withTables } from "../../../cli/decision-tables/read.ts"
import { runCases, type Suite } from "../../../cli/decision-tables/suite.ts"
import { tellFailure } from "../../../cli/decision-tables/render.ts"
import type { Bundle } from "../../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../../src/core/policy/bundle.ts"

export const ROOT = join(import.meta.dirname, "../../..")
export const EXAMPLE = join(ROOT, "policies")

export interface Example extends Compiled {
  readonly body: BundleBody
  readonly bundle: Bundle
}

export async function compiled(directory: string = EXAMPLE): Promise<Example> {
  const { body, bundle, ...rest } = await compilePolicies(directory)
  if (!body || !bundle) throw new Error(`does not compile: ${JSON.stringify(rest.problems)}`)
  return { ...rest, body, bundle }
}

/** The same policies with one table, or as many as are given. */
export function read(example: Compiled, ...texts: readonly string[]): ReturnType<typeof withTables> {
  return withTables({ ...example, tables: new Map(texts.map((text, index) => [`${index}.test.yaml`, text])) })
}

export const oracleFor = ({ written, body }: Example): Oracle => oracleOf(written, body.rules, body.entities)

export function run(example: Example, text: string, bundle: Bundle = example.bundle): Suite {
  const { cases, problems } = read(example, text)
  if (problems.some(({ severity }) => severity === "error")) throw new Error(JSON.stringify(problems))
  return runCases(bundle, cases, oracleFor(example))
}

/** What is told of the tests that fail; none: all pass. */
export function told(example: Example, text: string): string {
  const { outcomes } = run(example, text)
  const failed = outcomes.filter(({ differs, disagreements }) => differs.length > 0 || disagreements.length > 0)
  return failed.map((outcome) => tellFailure("policies", outcome, example.bundle)).join("\n")
}
