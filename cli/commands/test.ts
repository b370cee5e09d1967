/** `narrowgate test`: whether these policies decide as their tables say. */
import { problemAsJson } from "../compiler/source/problem.ts"
import { InvalidArgumentError, type Command } from "commander"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { jsonText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { inPolicies } from "../terminal/options.ts"
import { onEdit } from "../terminal/watch.ts"
import { compilePolicies, type Compiled } from "../compiler/compile.ts"
import { reportProblems } from "../compiler/report.ts"
import type { Case } from "../decision-tables/cases.ts"
import { mutate } from "../decision-tables/mutate.ts"
import { oracleOf } from "../decision-tables/cedar-oracle.ts"
import { withTables } from "../decision-tables/read.ts"
import { passes, runCases, type SuiteResult } from "../decision-tables/suite.ts"
import {
  coverageOf,
  percentOf,
  survivorsOf,
  tellCoverage,
  tellFailure,
  tellMutation,
  tellSuite,
  type CoveredRule,
} from "../decision-tables/render.ts"

interface Options {
  readonly filter?: string
  readonly coverage?: true
  readonly minCoverage?: number
  readonly mutate?: true
  readonly watch?: true
  readonly json?: true
}

export function addTest(program: Command): void {
  inPolicies(program.command("test"))
    .description("run the decision tables (*.test.yaml) of a policy directory, on both engines")
    .option("--filter <TEXT>", "run only tests whose name or file contains this text")
    .option("--coverage", "list the rules, and whether each determined a decision")
    .option("--min-coverage <PERCENT>", "fail if a smaller share of the rules determined a decision", readPercent)
    .option("--mutate", "change each rule in turn, and list the changes that no test detects")
    .option("--watch", "run again after each edit, until interrupted")
    .option("--json", "print the results as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate test\n  narrowgate test ../ours/policies --filter mail --watch\n  narrowgate test --mutate\n",
    )
    .action(async (directory: string, options: Options) => {
      if (options.watch && options.json) throw new Failure("--watch prints no JSON", "Leave one out.", EXIT.usage)
      if (!options.watch) process.exitCode = await once(directory, options)
      else await again(directory, options)
    })
}

function readPercent(text: string): number {
  const percent = Number(text)
  if (!/^\d+$/u.test(text) || percent > 100) throw new InvalidArgumentError("a percentage is 0 to 100")
  return percent
}

async function again(directory: string, options: Options): Promise<void> {
  const stopped = new AbortController()
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopped.abort())
  const run = async (): Promise<void> => {
    // During an edit a file may be missing, or have no tests left: no reason to stop.
    await once(directory, options).catch((failure: unknown) => {
      if (!(failure instanceof Failure)) throw failure
      console.log(`${failure.message}\n`)
    })
  }
  await onEdit(directory, stopped.signal, run, run)
}

async function once(directory: string, options: Options): Promise<number> {
  const compiled = withTables(await compilePolicies(directory))
  const { body, bundle, problems } = compiled
  if (!body || !bundle || problems.some(({ severity }) => severity === "error")) {
    console.log(
      options.json
        ? jsonText({ ok: false, problems: problems.map(problemAsJson) })
        : reportProblems(directory, compiled),
    )
    return EXIT.refused
  }
  const cases = chosen(directory, compiled.cases, options.filter)
  return report(directory, compiled, { body, bundle, cases }, options)
}

function chosen(directory: string, cases: readonly Case[], filter: string | undefined): readonly Case[] {
  const found = filter === undefined ? cases : cases.filter(({ name, file }) => `${file} ${name}`.includes(filter))
  if (found.length > 0) return found
  if (cases.length > 0) throw new Failure(`no test has \`${filter}\` in its name or file`, "Filter by another text.")
  throw new Failure(
    `${directory} has no tests`,
    "Write some into a file `*.test.yaml`: docs/guides/testing.md shows how.",
  )
}

interface Tested {
  readonly body: BundleBody
  readonly bundle: Bundle
  readonly cases: readonly Case[]
}

function report(
  directory: string,
  { written, problems }: Compiled,
  { body, bundle, cases }: Tested,
  options: Options,
): number {
  const suite = runCases(bundle, cases, oracleOf(written, body.rules, body.entities))
  const covered = coverageOf(suite, written)
  const failed = suite.outcomes.filter((outcome) => !passes(outcome))
  // For a test that already fails, it is unknown what it would detect.
  const mutation = options.mutate && failed.length === 0 ? mutate(body, bundle, suite.outcomes) : null
  const survivors = mutation && survivorsOf(mutation, written)
  const isCovered = percentOf(covered) >= (options.minCoverage ?? 0)
  const ok = failed.length === 0 && isCovered && !(survivors && survivors.length > 0)
  if (options.json) {
    const tests = suite.outcomes.map(resultAsJson)
    const broken = mutation && { mutants: mutation.mutants, survivors }
    console.log(
      jsonText({
        ok,
        problems: problems.map(problemAsJson),
        tests,
        coverage: { percent: percentOf(covered), rules: covered },
        mutation: broken,
      }),
    )
  } else {
    for (const outcome of failed) console.log(tellFailure(directory, outcome, bundle))
    if (options.coverage) console.log(tellCoverage(directory, covered))
    if (mutation && survivors) console.log(tellMutation(directory, mutation, survivors))
    console.log(tellSuite(directory, suite, covered))
    if (!isCovered) console.log(missingText(covered, options))
  }
  return ok ? EXIT.ok : EXIT.refused
}

function missingText(covered: readonly CoveredRule[], { minCoverage, coverage }: Options): string {
  const never = covered.filter(({ determined }) => !determined).map(({ rule }) => rule)
  const which = coverage ? "" : ` Without a test: ${never.join(", ")}.`
  return `Less than ${minCoverage} % of the rules.${which}`
}

function resultAsJson(outcome: SuiteResult): object {
  const { of, got, differs, disagreements } = outcome
  const { file, line, column, name, expected } = of
  return { file, line, column, name, ok: passes(outcome), expected, got, differs, disagreements }
}
