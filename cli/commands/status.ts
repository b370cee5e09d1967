/** `narrowgate status` and `narrowgate history`: which bundle decides, how its sinks are, and what was published before. */
import type { Command } from "commander"
import type { z } from "zod"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { jsonText, printableText } from "../terminal/escape.ts"
import { colors } from "../terminal/colors.ts"
import { exists } from "../terminal/exists.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { compilePolicies } from "../compiler/compile.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { liveAt } from "../remote/publish.ts"
import type { Bundles, Publication } from "../../src/api/contract/bundles.ts"
import { healthOf, lagInWords, sinks } from "../../src/api/contract/sinks.ts"
import { bundlesAt } from "../remote/publications.ts"
import { isLoopback, requestApi, type WorkerOptions } from "../remote/worker.ts"
import { inPolicies } from "../terminal/options.ts"
import { atWorker } from "./worker-options.ts"

export function addStatus(program: Command): void {
  atWorker(inPolicies(program.command("status")))
    .description(
      "show the live bundle of a Worker, since when and why; whether a policy directory is the same; and how each sink of decision records is",
    )
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExample:\n  narrowgate status --url https://authz.example\n\nExit code 1: there is no live bundle.\n",
    )
    .action(status)
  atWorker(program.command("history"))
    .description("list the publications: when, by whom and why")
    .option("--limit <N>", "the most publications", limit, 20)
    .option("--json", "print the result as JSON")
    .addHelpText("after", "\nExample:\n  narrowgate history --limit 100\n")
    .action(async (options: WorkerOptions & { limit: number; json?: boolean }) => {
      const { history, live } = await bundlesAt(options, await operatorBearer(options), options.limit)
      if (options.json) return console.log(jsonText(history))
      if (history.length === 0) return console.log("Nothing was published by `narrowgate publish`.")
      for (const each of history) console.log(line(each, live))
    })
}

async function status(directory: string, options: WorkerOptions & { json?: boolean }): Promise<void> {
  const ready = await liveAt(options.url)
  // Without a bundle there are no operators.
  const bearer = ready && (await operatorBearer(options))
  const publications = bearer === null ? null : await bundlesAt(options, bearer, 100)
  const exported = bearer === null ? null : await sinksAt(options, bearer)
  const here = await digestIn(directory, options)
  if (!ready) process.exitCode = EXIT.refused
  if (options.json) {
    console.log(
      jsonText({
        ready: ready !== null,
        ...publications,
        ...(exported && { sinks: exported instanceof Failure ? null : exported.sinks }),
        directory: {
          path: directory,
          digest: here && here[0],
          decides: here?.includes(publications?.deciding.digest ?? "") ?? false,
        },
      }),
    )
  } else
    console.log(
      ready && publications
        ? [summary(publications, directory, here), ...sinkLines(exported)].join("\n")
        : colors.red(`${options.url} has nothing to decide by`),
    )
}

function summary({ deciding, live, history }: Bundles, directory: string, here: readonly string[] | null): string {
  const tried = history.find(({ what, done }) => what !== "pointer" && done)
  const lines = [
    `decides    bundle ${deciding.seq}, ${printableText(deciding.digest.slice(0, 12))}${live?.seq === deciding.seq ? since(live) : ""}`,
    ...(live && live.seq !== deciding.seq ? [`published  bundle ${live.seq}${since(live)}, not here yet`] : []),
    ...(tried?.what === "candidate"
      ? [`tried      bundle ${tried.seq}, ${printableText(tried.digest.slice(0, 12))}${since(tried)}`]
      : []),
    `${directory.padEnd(10)} ${same(here, deciding.digest)}`,
  ]
  return lines.join("\n")
}

type Sinks = z.infer<ReturnType<typeof sinks.listSinks.answer>>

/** An operator who may read bundles need not be permitted to read sinks. */
async function sinksAt(options: WorkerOptions, bearer: string): Promise<Sinks | Failure> {
  try {
    return await requestApi(options, bearer, "listSinks", { parameters: {}, schema: sinks.listSinks.answer() })
  } catch (error) {
    if (error instanceof Failure) return error
    throw error
  }
}

/** One of each. */
function sinkLines(exported: Sinks | Failure | null): readonly string[] {
  if (!exported) return []
  if (exported instanceof Failure)
    return [colors.yellow(`sinks      could not be read: ${printableText(exported.message)}`)]
  return exported.sinks.map((sink) => {
    const { lagRecords, lagSeconds, failure, lostRecords, denies, unknown } = healthOf(sink)
    const troubles = [
      ...(failure ? [`last failure ${new Date(failure.at).toISOString()}: ${printableText(failure.says)}`] : []),
      ...(lostRecords > 0 ? [`${lostRecords} records were not exported`] : []),
      ...(denies ? ["full: calls are denied"] : []),
      ...(unknown.length > 0 ? [`not known of ${unknown.map((log) => printableText(log)).join(", ")}`] : []),
    ]
    const text = [lagInWords(lagRecords, lagSeconds), ...troubles].join("; ")
    const seen = troubles.length > 0 ? colors.red(text) : lagRecords > 0 ? text : colors.green(text)
    return `sink       ${printableText(sink.id)} (${printableText(sink.kind)}) ${seen}`
  })
}

function same(here: readonly string[] | null, deciding: string): string {
  if (here === null) return "is not there, or does not check"
  const [written = "", fitted] = here
  if (written === deciding) return colors.green("is what decides")
  return fitted === deciding
    ? colors.green("is what decides, with the keys and ports of the local stack")
    : colors.yellow(`differs: ${written.slice(0, 12)}`)
}

const since = ({ at, by, why }: Publication): string =>
  `, since ${new Date(at).toISOString()}, by ${printableText(by)}: ${printableText(why)}`

function line(each: Publication, live: Publication | null): string {
  const { seq, what, digest, at, by, why, done } = each
  const state = done ? (seq === live?.seq ? colors.green("decides") : KIND[what]) : colors.red("cut off")
  const when = new Date(at).toISOString().slice(0, 19)
  return `${String(seq).padStart(5)}  ${when}  ${printableText(digest.slice(0, 12))}  ${state.padEnd(9)}  ${printableText(by)}: ${printableText(why)}`
}

const KIND = { pointer: "decided", candidate: "tried", withdrawal: "withdrawn" }

/** A local stack gives each gateway a development key, and replaces the origins of the policies by its own ports. */
async function digestIn(directory: string, { url, idp }: WorkerOptions): Promise<readonly string[] | null> {
  const isThere = await exists(directory)
  const body = isThere ? (await compilePolicies(directory)).body : null
  if (!body) return null
  const digest = await digestOf(canonicalBytes(body))
  if (!isLoopback(url)) return [digest]
  const { fitToStack, WRITTEN_PROVIDER, WRITTEN_WORKER } = await import("../remote/local-stack-policies.ts")
  const origins = new Map([
    [WRITTEN_WORKER, new URL(url).origin],
    [WRITTEN_PROVIDER, new URL(idp).origin],
  ])
  return [digest, await digestOf(canonicalBytes(fitToStack(body, origins)))]
}

function limit(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 1_000) return value
  throw new Failure(`--limit cannot be ${text}`, "Write a whole number from 1 to 1000.", EXIT.usage)
}
