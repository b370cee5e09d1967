/** `/v1/sinks`: how far each sink of decision records is, and sending records once more. URLs and secrets are not shown. */
import type { SinkProgress, SinkReading } from "../core/metrics/samples.ts"
import type { SinkDefinition } from "../core/policy/definition/sinks.ts"
import type { ExporterState } from "../export/exporter-state.ts"
import { exporterOf, logsOf } from "../export/exporter-stub.ts"
import { logEvent } from "../platform/log.ts"
import type { Handler } from "./handler.ts"

export const listSinks: Handler<"listSinks"> = async ({ bundle, context: { env } }) => {
  const sinks = await Promise.all(
    bundle.sinks.map(async (sink) => {
      const { id, kind } = sink
      return { id, kind, logs: await Promise.all(logsOf(sink).map(async (log) => stateOf(env, id, log))) }
    }),
  )
  return { answer: { sinks } }
}

/** Returns an error for an exporter whose state cannot be read, so that it does not hide the others. */
async function stateOf(env: Env, sink: string, log: string) {
  try {
    return await exporterOf(env, sink, log).state()
  } catch (error) {
    logEvent("export_failed", { exporter: `${sink}/${log}`, error: String(error) })
    return { log, error: "unavailable" as const }
  }
}

/** How far each sink is, for the metrics. */
export async function sinkReadings(env: Env, sinks: readonly SinkDefinition[]): Promise<readonly SinkReading[]> {
  const pairs = sinks.flatMap((sink) => logsOf(sink).map((log) => [sink.id, log] as const))
  return Promise.all(
    pairs.map(async ([sink, log]) => {
      const state = await stateOf(env, sink, log)
      return { sink, log, state: "error" in state ? null : progressOf(state) }
    }),
  )
}

function progressOf(state: ExporterState): SinkProgress {
  const { lag_records, lag_seconds, lost_records, last_failure, succeeded_at } = state
  const isFailing = last_failure !== null && last_failure.at > (succeeded_at ?? 0)
  return { lagRecords: lag_records, lagSeconds: lag_seconds, lost: lost_records, isFailing }
}

export const backfillSink: Handler<"backfillSink"> = async ({ parameters, body, bundle, context: { env } }) => {
  const { from, log: named } = body
  const record = { arguments: { sink: parameters.sink.slice(0, 64), ...body } }
  const sink = bundle.sinks.find(({ id }) => id === parameters.sink)
  const logs = sink ? logsOf(sink).filter((log) => named === undefined || log === named) : []
  if (!sink || logs.length === 0) {
    const denial = { reason: "not_found", what: parameters.sink.slice(0, 64) } as const
    return { error: "not_found", description: "There is no such sink, or it does not read this log.", denial, record }
  }
  try {
    const { id } = sink
    const begun = await Promise.all(
      logs.map(async (log) => ({ log, next: await exporterOf(env, id, log).backfill(from) })),
    )
    return { answer: { id, logs: begun }, record }
  } catch (error) {
    logEvent("export_failed", { exporter: sink.id, error: String(error) })
    return { error: "unavailable", description: "It is not certain for which logs this holds: send it again.", record }
  }
}
