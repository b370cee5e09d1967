/** `narrowgate diff`: which decisions would change if these policies were published. */
import { stat } from "node:fs/promises"
import type { Command } from "commander"
import { changesBetween } from "../diff/changes.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import { bundlesByDigest, fetchingFrom } from "../diff/fetched-bundles.ts"
import { reviewRecords } from "../diff/records.ts"
import { asMarkdown, asText, flipsIn, type Comparison } from "../diff/render.ts"
import { compareTests, type Usable } from "../diff/tests.ts"
import { jsonText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { compileFiles, compilePolicies, type Compiled } from "../compiler/compile.ts"
import { readCommitted } from "../compiler/model/read-commit.ts"
import { withTables } from "../decision-tables/read.ts"
import { withRecords } from "../records/options.ts"
import { recordSource, type RecordOptions, type RecordSource } from "../records/source.ts"
import { inOrder } from "../records/in-order.ts"
import { inPolicies } from "../terminal/options.ts"
import { atWorker } from "./worker-options.ts"
import { summarise } from "./check.ts"

interface DiffOptions extends RecordOptions {
  readonly base?: string
  readonly markdown?: boolean
  readonly json?: boolean
  readonly exitCode?: boolean
}

export function addDiff(program: Command): void {
  const command = atWorker(inPolicies(program.command("diff"), "the policy directory to compare"))
    .description("list the recorded decisions and the tests that would change under a policy directory")
    .option("--base <DIR|COMMIT>", "compare with another directory, or with this one at a commit of git")
  withRecords(command, "decide again")
    .option("--markdown", "print a summary for a pull request")
    .option("--json", "print everything as JSON")
    .option("--exit-code", "exit with 1 if any decision or test would change")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate diff --base main\n  narrowgate diff --from-worker --url https://authz.example\n  narrowgate diff --base origin/main --records records.jsonl --markdown --exit-code\n",
    )
    .action(diff)
}

async function diff(directory: string, options: DiffOptions): Promise<void> {
  const { base: named } = options
  const source = await recordSource(options)
  if (named === undefined && !source) {
    throw new Failure("there is nothing to compare with", "Add --base, --records or --from-worker.", EXIT.usage)
  }
  const candidate = usable(directory, await compilePolicies(directory))
  const base = named === undefined ? null : usable(named, await compileBase(directory, named))
  const bundles = await bundlesByDigest(base ? [base, candidate] : [candidate])
  const comparison: Comparison = {
    base: named ?? "what was decided",
    candidate: directory,
    changes: base && changesBetween(base.body, candidate.body),
    tests: base && compareTests(base, candidate),
    records: source && (await reviewed(source, candidate.bundle, bundles)),
  }
  const report = options.json ? jsonText(comparison) : options.markdown ? asMarkdown(comparison) : asText(comparison)
  console.log(report)
  if (options.exitCode && flipsIn(comparison) > 0) process.exitCode = EXIT.refused
}

async function compileBase(directory: string, named: string): Promise<Compiled> {
  const isDirectory = await stat(named).then(
    (found) => found.isDirectory(),
    () => false,
  )
  return isDirectory ? compilePolicies(named) : compileFiles(await readCommitted(directory, named))
}

function usable(named: string, compiled: Compiled): Usable {
  const { body, bundle } = compiled
  // Tests that cannot be read would otherwise be missing from the comparison without a message.
  const tested = withTables(compiled)
  const isWrong = tested.problems.some(({ severity }) => severity === "error")
  if (body && bundle && !isWrong) return { compiled, body, bundle }
  console.error(summarise(named, tested))
  throw new Failure(`${named} does not check`, "Run `narrowgate check`.")
}

async function reviewed(
  { read, worker }: RecordSource,
  bundle: Bundle,
  bundles: Map<string, Bundle>,
): Promise<Comparison["records"]> {
  const learn = worker ? fetchingFrom(worker.at, worker.bearer, bundles) : undefined
  return reviewRecords(inOrder(read()), bundle, bundles, learn)
}
