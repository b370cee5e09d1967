/** `narrowgate suggest`: the least authority that would have allowed what was used, as a change of the policies. */
import { join } from "node:path"
import type { Command } from "commander"
import { summarise } from "./check.ts"
import { inPolicies } from "../terminal/options.ts"
import { atWorker } from "./worker-options.ts"
import { bundlesByDigest, fetchingFrom } from "../diff/fetched-bundles.ts"
import { compilePolicies } from "../compiler/compile.ts"
import { spooled } from "../records/in-order.ts"
import { withRecords } from "../records/options.ts"
import { recordSource, type RecordOptions } from "../records/source.ts"
import { repeated } from "../import/options.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { Subjects } from "../suggest/agents-edits.ts"
import { fit } from "../suggest/fit.ts"
import { ObservedUse } from "../suggest/observed-use.ts"
import { PathArguments } from "../replay/path-arguments.ts"
import { suggestionAsJson, suggestionText, type Told } from "../suggest/render.ts"
import type { Base, Unusable } from "../suggest/suggestion.ts"
import { writeWhole } from "../terminal/atomic-write.ts"
import { jsonText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"

interface SuggestOptions extends RecordOptions {
  readonly agent: readonly string[]
  readonly purpose: readonly string[]
  readonly write?: boolean
  readonly json?: boolean
}

export function addSuggest(program: Command): void {
  const command = atWorker(inPolicies(program.command("suggest")))
    .description("print the least authority that would have allowed what was used, as a change of the policies")
    .addOption(repeated("--agent <ID>", "fit the ceiling of this agent; may be repeated (default: of all)"))
    .addOption(
      repeated(
        "--purpose <NAME>",
        "fit the grant of this purpose; may be repeated (default: those of the agents alone)",
      ),
    )
  withRecords(command, "learn from")
    .option("--write", "change the files")
    .option("--json", "print everything as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate suggest --from-worker --url https://authz.example --agent spiffe://example.org/agent/support\n  narrowgate suggest --records export.ndjson.gz --purpose triage-ticket\n  narrowgate suggest --records export.ndjson.gz --write\n" +
        "\nExit code 1: there is no suggestion, or it would deny calls that happened.\n",
    )
    .action(suggest)
}

async function suggest(directory: string, options: SuggestOptions): Promise<void> {
  const source = await recordSource(options)
  if (!source) throw new Failure("there is nothing to learn from", "Add --records or --from-worker.", EXIT.usage)
  const base = await usableBase(directory)
  const { body } = base
  const subjects = subjectsOf(body, options)
  const bundles = await bundlesByDigest([base])
  const learn = source.worker ? fetchingFrom(source.worker.at, source.worker.bearer, bundles) : async () => undefined
  const use = new ObservedUse(body.tools)
  const paths = new PathArguments(body.routes)
  const records = await spooled(source.read())
  try {
    for await (const record of records.read()) {
      if (record.bundle && !bundles.has(record.bundle.digest)) await learn(record.bundle.digest)
      use.add(paths.shownIn(record))
    }
    if (use.calls === 0) throw new Failure("the records show no call that happened", "Give records of calls.")
    const fitted = await fit(base, use, subjects, () => records.read(), bundles)
    if ("problems" in fitted) throw refusalOf(fitted)
    await tell(directory, options, { use, ...fitted })
  } finally {
    await records.close()
  }
}

async function tell(
  directory: string,
  options: SuggestOptions,
  { use, suggestion, traffic }: Pick<Told, "use" | "suggestion" | "traffic">,
): Promise<void> {
  const report = { directory, use, suggestion, traffic, isWritten: options.write === true }
  if (options.write) {
    for (const [file, text] of suggestion.files) await writeWhole(join(directory, file), text)
  }
  console.log(options.json ? jsonText(suggestionAsJson(report)) : suggestionText(report))
  if (traffic.denied.length > 0) process.exitCode = EXIT.refused
}

function refusalOf({ problems, failing }: Unusable): Failure {
  const why = [...problems.map(({ file, message }) => `${file}: ${message}`), ...failing.map((name) => `test ${name}`)]
  return new Failure(
    `the policies would no longer check, or not pass their tests:\n  ${why.slice(0, 5).join("\n  ")}`,
    "Fit one agent after the other (--agent), or change these by hand first.",
  )
}

async function usableBase(directory: string): Promise<Base & { readonly bundle: Bundle }> {
  const compiled = await compilePolicies(directory)
  const { body, bundle } = compiled
  if (body && bundle) return { body, bundle, compiled }
  console.error(summarise(directory, compiled))
  throw new Failure(`${directory} does not check`, "Run `narrowgate check`.")
}

/** A purpose that other agents have too is fitted only if it is named: what they use is not looked at otherwise. */
function subjectsOf(body: BundleBody, { agent: agents, purpose: purposes }: SuggestOptions): Subjects {
  for (const id of agents)
    known(
      id,
      body.agents.map((each) => each.id),
      "agent",
    )
  for (const name of purposes)
    known(
      name,
      body.purposes.map((each) => each.name),
      "purpose",
    )
  if (agents.length === 0 && purposes.length === 0) {
    return {
      agents: new Set(body.agents.map(({ id }) => id)),
      purposes: new Set(body.purposes.map(({ name }) => name)),
    }
  }
  const named = new Set(agents)
  const own = body.purposes.filter(({ name }) => {
    const having = body.agents.filter((each) => each.purposes.includes(name))
    return having.length > 0 && having.every(({ id }) => named.has(id))
  })
  return { agents: named, purposes: new Set([...purposes, ...own.map(({ name }) => name)]) }
}

function known(name: string, all: readonly string[], what: string): void {
  if (!all.includes(name))
    throw new Failure(`there is no ${what} \`${name}\``, `Name one of ${all.join(", ")}.`, EXIT.usage)
}
