/** `narrowgate check`: whether these policies would become a bundle, and what in them is most likely a slip. */
import { problemAsJson } from "../compiler/source/problem.ts"
import { readFile } from "node:fs/promises"
import type { Command } from "commander"
import { decisionPages } from "../remote/decision-pages.ts"
import { jsonText } from "../terminal/escape.ts"
import { colors } from "../terminal/colors.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { compilePolicies, type Compiled } from "../compiler/compile.ts"
import { readRecords, useOf, type Use } from "../compiler/lints/use.ts"
import type { Problem } from "../compiler/source/problem.ts"
import { countProblems, reportProblems } from "../compiler/report.ts"
import { withTables } from "../decision-tables/read.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { type WorkerOptions } from "../remote/worker.ts"
import { atWorker } from "./worker-options.ts"

interface CheckOptions extends WorkerOptions {
  readonly json?: boolean
  readonly strict?: boolean
  readonly records?: string
  readonly fromWorker?: boolean
}

export function addCheck(program: Command): void {
  const command = program
    .command("check")
    .description("check a policy directory; report each problem with its place and its fix")
    .argument("[DIR]", "the policy directory", "policies")
    .option("--strict", "fail if there are warnings")
    .option("--records <FILE>", "compare the ceilings of agents with the decision records in this file, one per line")
    .option("--from-worker", "compare them with the newest records of a Worker")
    .option("--json", "print the problems as JSON")
  atWorker(command)
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate check\n  narrowgate check ../ours/policies --strict --json\n" +
        "  narrowgate decisions tail --limit 1000 --json > records.jsonl; narrowgate check --records records.jsonl\n" +
        "\nExit code 1: the directory cannot become a bundle. Warnings do not prevent a bundle, unless --strict is given.\n",
    )
    .action(async (directory: string, options: CheckOptions) => {
      const compiled = withTables(await compilePolicies(directory, await useFrom(options)))
      const { body, problems } = compiled
      const isWrong = (severity: Problem["severity"]): boolean =>
        problems.some((problem) => problem.severity === severity)
      const isRefused = !body || isWrong("error") || (options.strict === true && isWrong("warning"))
      if (isRefused) process.exitCode = EXIT.refused
      if (options.json) {
        const digest = body && (await digestOf(canonicalBytes(body)))
        console.log(jsonText({ ok: !isRefused, digest, problems: problems.map(problemAsJson) }))
        return
      }
      console.log(summarise(directory, compiled))
    })
}

const NEWEST = 1000

async function useFrom(options: CheckOptions): Promise<Use | null> {
  const { records: file, fromWorker } = options
  if (file !== undefined && fromWorker) {
    throw new Failure("--records and --from-worker are two sources", "Name one of them.", EXIT.usage)
  }
  if (fromWorker) {
    const bearer = await operatorBearer(options)
    return useOf(
      (await Array.fromAsync(decisionPages(options, bearer, {}, NEWEST))).flatMap(({ decisions }) => decisions),
    )
  }
  if (file === undefined) return null
  const text = await readFile(file, "utf8").catch((failure: unknown) => {
    const why = failure instanceof Error ? failure.message : String(failure)
    throw new Failure(`cannot read the records: ${why}`, "Name a file by `--records`.", EXIT.usage)
  })
  const records = readRecords(text)
  if (typeof records !== "number") return useOf(records)
  const fix = "Write one record a line, as `narrowgate decisions tail --json` prints them."
  throw new Failure(`${file}:${records} is no decision record`, fix, EXIT.usage)
}

/** The problems, and one last line that counts them. */
export function summarise(directory: string, compiled: Compiled): string {
  const { body, problems } = compiled
  const report = problems.length > 0 ? `${reportProblems(directory, compiled)}\n` : ""
  const counts = countProblems(problems)
  if (!body || problems.some(({ severity }) => severity === "error"))
    return `${report}${colors.red(`${directory}: ${counts}`)}`
  return `${report}${colors.green(`${directory}: ${contents(body)}; ${counts || "no problems"}`)}`
}

function contents({ rules, tools, agents, purposes, gateways }: BundleBody): string {
  const counts = { rules, tools, agents, purposes, gateways }
  return Object.entries(counts)
    .map(([name, list]) => `${list.length} ${list.length === 1 ? name.slice(0, -1) : name}`)
    .join(", ")
}
