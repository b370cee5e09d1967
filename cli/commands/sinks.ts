/** `narrowgate sinks`: how far each sink of decision records is, and sending records once more. */
import { Option, type Command } from "commander"
import type { z } from "zod"
import {
  areKnown,
  currentFailure,
  exporterTitle,
  healthOf,
  isKnown,
  lagInWords,
  sinks,
  type Exporter,
  type SinkHealth,
} from "../../src/api/contract/sinks.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { requestApi, type WorkerOptions } from "../remote/worker.ts"
import { colors } from "../terminal/colors.ts"
import { jsonText, printableText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { atWorker } from "./worker-options.ts"

type Sink = z.infer<ReturnType<typeof sinks.listSinks.answer>>["sinks"][number]
type Metrics = NonNullable<Sink["metrics"]>

export function addSinks(program: Command): void {
  const command = atWorker(program.command("sinks"))
    .description("show how far each sink of decision records is, and why it is not farther")
    .option("--json", "print the result as JSON")
    .addHelpText("after", "\nExample:\n  narrowgate sinks\n\nExit code 1: a sink fails, or lacks records for ever.\n")
    .action(show)
  atWorker(command.command("backfill"))
    .description("send records from a number on, once more or for the first time")
    .argument("<SINK>", "the id of the sink in sinks.yaml")
    .requiredOption("--from <N>", "the number of the first record, or `start`", position)
    .option("--log <NAME>", "only this log, such as records-0 (default: all that the sink reads)")
    .addOption(new Option("--signal <SIGNAL>", "only this signal (default: all)").choices(["logs", "traces"]))
    .option("--json", "print the result as JSON")
    .addHelpText("after", "\nExample:\n  narrowgate sinks backfill archive --from 120000 --log records-0\n")
    .action(backfill)
}

async function show(options: WorkerOptions & { readonly json?: boolean }): Promise<void> {
  const input = { parameters: {}, schema: sinks.listSinks.answer() }
  const answer = await requestApi(options, await operatorBearer(options), "listSinks", input)
  if (answer.sinks.some(isInTrouble)) process.exitCode = EXIT.refused
  if (options.json) return console.log(jsonText(answer))
  if (answer.sinks.length === 0) return console.log("The policies have no sinks: records stay in their logs.")
  console.log(answer.sinks.flatMap(linesOf).join("\n"))
}

function linesOf({ id, kind, logs, metrics }: Sink): readonly string[] {
  return [
    `${printableText(id)} (${printableText(kind)})`,
    ...logs.flatMap(exporterLines),
    ...(metrics ? metricsLines(metrics) : []),
  ]
}

const nameOf = (name: string): string => `  ${printableText(name).padEnd(10)}`

function metricsLines(metrics: Metrics): readonly string[] {
  if (!areKnown(metrics)) return [`${nameOf("metrics")} ${colors.red("not sent yet, or the state could not be read")}`]
  const success = `last success ${when(metrics.succeeded_at)}`
  return [
    `${nameOf("metrics")} ${currentFailure(metrics) ? colors.red(success) : success}`,
    ...failureLines(metrics.last_failure),
  ]
}

const failureLines = (failure: SinkHealth["failure"]): readonly string[] =>
  failure ? [`             last failure ${when(failure.at)}: ${printableText(failure.says)}`] : []

function exporterLines(exporter: Exporter): readonly string[] {
  const name = nameOf(exporterTitle(exporter))
  if (!isKnown(exporter)) return [`${name} ${colors.red("its state could not be read")}`]
  const { next, lag_records, lag_seconds, succeeded_at, last_failure, waits_until, lost, lost_records, denies } =
    exporter
  const lag = lagInWords(lag_records, lag_seconds)
  return [
    `${name} ${currentFailure(exporter) ? colors.red(lag) : lag}; next is ${next}; last success ${when(succeeded_at)}`,
    ...failureLines(last_failure),
    ...(waits_until === null
      ? []
      : [`             next try ${when(waits_until)}, or at once by a backfill from ${next}`]),
    ...(denies ? [colors.red("             calls are denied, because the log has no room for their records")] : []),
    ...(lost_records > 0 ? [colors.red(`             ${lost_records} records were not exported:`)] : []),
    ...lost.map(({ from, to, why }) => `               from ${from} to before ${to}: ${printableText(why)}`),
  ]
}

const when = (at: number | null): string => (at === null ? "never" : new Date(at).toISOString().slice(0, 19))

/** A sink fails, lacks records for ever, or nobody knows. */
function isInTrouble(sink: Sink): boolean {
  const { failure, lostRecords, unknown } = healthOf(sink)
  return failure !== null || lostRecords > 0 || unknown.length > 0
}

interface BackfillOptions extends WorkerOptions {
  readonly from: number | "start"
  readonly log?: string
  readonly signal?: "logs" | "traces"
  readonly json?: boolean
}

async function backfill(sink: string, options: BackfillOptions): Promise<void> {
  const { from, log, signal } = options
  const body = { from, ...(log !== undefined && { log }), ...(signal !== undefined && { signal }) }
  const input = { parameters: { sink }, body, schema: sinks.backfillSink.answer() }
  const answer = await requestApi(options, await operatorBearer(options), "backfillSink", input)
  if (options.json) return console.log(jsonText(answer))
  for (const { log: name, signal: sent, next } of answer.logs)
    console.log(`${printableText(name)} (${sent}): sends from ${next} on`)
}

function position(text: string): number | "start" {
  if (text === "start") return text
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new Failure(`--from cannot be ${text}`, "Write the number of a record, or `start`.", EXIT.usage)
}
