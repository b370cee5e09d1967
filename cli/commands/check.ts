/** `narrowgate check`: whether these policies would become a bundle, and what in them is most likely a slip. */
import { problemAsJson } from "../compiler/source/problem.ts"
import type { Command } from "commander"
import { jsonText } from "../terminal/escape.ts"
import { colors } from "../terminal/colors.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { EXIT } from "../terminal/failure.ts"
import { compilePolicies, type Compiled } from "../compiler/compile.ts"
import { useOf, type Use } from "../compiler/lints/use.ts"
import type { Problem } from "../compiler/source/problem.ts"
import { countProblems, reportProblems } from "../compiler/report.ts"
import { withTables } from "../decision-tables/read.ts"
import { withRecords } from "../records/options.ts"
import { recordSource, type RecordOptions } from "../records/source.ts"
import { inPolicies } from "../terminal/options.ts"
import { atWorker } from "./worker-options.ts"

interface CheckOptions extends RecordOptions {
  readonly json?: boolean
  readonly strict?: boolean
}

export function addCheck(program: Command): void {
  const command = inPolicies(program.command("check"))
    .description("check a policy directory; report each problem with its place and its fix")
    .option("--strict", "fail if there are warnings")
    .option("--json", "print the problems as JSON")
  withRecords(atWorker(command), "compare the ceilings of agents with")
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

async function useFrom(options: CheckOptions): Promise<Use | null> {
  const source = await recordSource(options)
  return source && useOf(source.read())
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

function contents({ rules, tools, agents, purposes, gateways, sinks }: BundleBody): string {
  const counts = { rules, tools, agents, purposes, gateways, ...(sinks.length > 0 && { sinks }) }
  return Object.entries(counts)
    .map(([name, list]) => `${list.length} ${list.length === 1 ? name.slice(0, -1) : name}`)
    .join(", ")
}
