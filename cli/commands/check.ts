/** `narrowgate check`: would these policies become a bundle? */
import type { Command } from "commander"
import { colors } from "../colors.ts"
import type { BundleBody } from "../../src/policy/bundle.ts"
import { canonicalBytes, digestOf } from "../../src/policy/digest.ts"
import { EXIT } from "../failure.ts"
import { compilePolicies, type Compiled } from "../policies/compile.ts"
import { countProblems, reportProblems } from "../report.ts"

export function addCheck(program: Command): void {
  program
    .command("check")
    .description("check a policy directory and say what is wrong, where, and how to mend it")
    .argument("[DIR]", "the policy directory", "policies")
    .option("--json", "print the problems as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate check\n  narrowgate check ../ours/policies --json\n\nExit code 1: it would not become a bundle. Warnings do not keep it from that.\n",
    )
    .action(async (directory: string, options: { json?: boolean }) => {
      const compiled = await compilePolicies(directory)
      const { body, problems } = compiled
      if (!body) process.exitCode = EXIT.refused
      if (options.json) {
        const digest = body && (await digestOf(canonicalBytes(body)))
        console.log(JSON.stringify({ ok: body !== null, digest, problems }, null, 2))
        return
      }
      console.log(summarise(directory, compiled))
    })
}

/** The problems, and one last line that counts. */
export function summarise(directory: string, compiled: Compiled): string {
  const { body, problems } = compiled
  const report = problems.length > 0 ? `${reportProblems(directory, compiled)}\n` : ""
  const counts = countProblems(problems)
  if (!body) return `${report}${colors.red(`${directory}: ${counts}`)}`
  return `${report}${colors.green(`${directory}: ${contents(body)}; ${counts || "no problems"}`)}`
}

function contents({ rules, tools, agents, purposes, gateways }: BundleBody): string {
  const counts = { rules, tools, agents, purposes, gateways }
  return Object.entries(counts)
    .map(([name, list]) => `${list.length} ${list.length === 1 ? name.slice(0, -1) : name}`)
    .join(", ")
}
