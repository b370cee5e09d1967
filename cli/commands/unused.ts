/** `narrowgate unused`: what is granted, defined or forbidden, and was not used according to decision records. */
import { InvalidArgumentError, Option, type Command } from "commander"
import { summarise } from "./check.ts"
import { inPolicies } from "../terminal/options.ts"
import { atWorker } from "./worker-options.ts"
import { compilePolicies } from "../compiler/compile.ts"
import { withRecords } from "../records/options.ts"
import { recordSource, type RecordOptions, type RecordSource } from "../records/source.ts"
import { bundlesAt } from "../remote/publications.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import { fetchBundle } from "../diff/fetched-bundles.ts"
import { colors } from "../terminal/colors.ts"
import { jsonText, printableText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { KINDS, UseCounter, withAge, type LastUse, type UsedKind } from "../unused/last-use.ts"

interface UnusedOptions extends RecordOptions {
  readonly days: number
  readonly kind?: UsedKind
  readonly all?: boolean
  readonly json?: boolean
  readonly exitCode?: boolean
}

export function addUnused(program: Command): void {
  const command = atWorker(inPolicies(program.command("unused"))).description(
    "list agents, purposes, tools, rules, guardrails and permissions that no record shows in use",
  )
  withRecords(command, "look for use in")
    .option("--days <N>", "list what was not used in the last N days of the records (default: never)", days, 0)
    .addOption(new Option("--kind <KIND>", "only of this kind").choices(KINDS))
    .option("--all", "list what was used as well, each with its last use")
    .option("--json", "print everything as JSON")
    .option("--exit-code", "exit with 1 if anything is unused")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate unused --from-worker --url https://authz.example\n  narrowgate unused --records export.ndjson.gz --kind scope\n  narrowgate unused --records export.ndjson.gz --days 90 --exit-code\n",
    )
    .action(unused)
}

const DAY = 86_400_000

async function unused(directory: string, options: UnusedOptions): Promise<void> {
  const source = await recordSource(options)
  if (!source) throw new Failure("there are no records to look in", "Add --records or --from-worker.", EXIT.usage)
  const compiled = await compilePolicies(directory)
  const { body } = compiled
  if (!body) {
    console.error(summarise(directory, compiled))
    throw new Failure(`${directory} does not check`, "Run `narrowgate check`.")
  }
  const counter = new UseCounter()
  for await (const record of source.read()) counter.add(record)
  if (counter.records === 0) throw new Failure("there are no records", "Give records of calls.")
  const isLate = ({ last }: LastUse): boolean =>
    last === null || (options.days > 0 && last < counter.to - options.days * DAY)
  const parts = withAge(counter.of(body), await earlierBundles(source))
  const found = parts.filter((one) => options.kind === undefined || one.kind === options.kind)
  const idle = found.filter(isLate)
  const listed = options.all ? found : idle
  const { records, from, to } = counter
  if (options.json) console.log(jsonText({ records, from, to, unused: idle.length, parts: listed }))
  else console.log(asText(listed, idle.length, counter))
  if (options.exitCode && idle.length > 0) process.exitCode = EXIT.refused
}

/** The most publications of which the bundles are fetched: each is large. */
const MOST_BUNDLES = 20

/** None for files: they do not say which bundles there were. */
async function earlierBundles({
  worker,
}: RecordSource): Promise<readonly { readonly at: number; readonly bundle: Bundle }[]> {
  if (!worker) return []
  const { history } = await bundlesAt(worker.at, worker.bearer)
  const decided = history.filter(({ what, done }) => what === "pointer" && done).slice(0, MOST_BUNDLES)
  const found: { at: number; bundle: Bundle }[] = []
  for (const { at, digest } of decided) {
    const bundle = await fetchBundle(worker.at, worker.bearer, digest).catch(() => null)
    // Beyond one that is gone or cannot be read, ages are not known.
    if (!bundle) break
    found.push({ at, bundle })
  }
  return found
}

/** What a use of each kind is. */
const TITLES: Readonly<Record<UsedKind, string>> = {
  agent: "agents: last task or call",
  purpose: "purposes: last task or call",
  tool: "tools: last call",
  permit: "permits: last call that it permitted",
  forbid: "forbids: last call that it denied",
  guardrail: "guardrails: last call that it denied",
  scope: "tools within the ceiling of an agent: its last call",
}

function asText(listed: readonly LastUse[], idle: number, { records, from, to }: UseCounter): string {
  const head = `${records} records, from ${day(from)} to ${day(to)}: ${idle === 0 ? "everything was used" : `${idle} unused`}`
  const parts = KINDS.flatMap((kind) => {
    const ofKind = listed.filter((one) => one.kind === kind)
    return ofKind.length === 0 ? [] : ["", colors.bold(TITLES[kind])].concat(ofKind.map(line))
  })
  return [head, ...parts].join("\n")
}

function line({ name, uses, last, since }: LastUse): string {
  const used = last === null ? colors.yellow("never".padEnd(10)) : day(last)
  const age = since === null ? "" : colors.dim(`  there since ${day(since)}`)
  return `  ${used}  ${uses > 0 ? `${uses} × ` : ""}${printableText(name)}${age}`
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 10)

function days(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 3_650) return value
  throw new InvalidArgumentError("write a whole number of days from 1 to 3650")
}
