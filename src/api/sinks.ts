/** `/v1/sinks`: how far each sink of decision records is, and sending records once more. URLs and secrets are not shown. */
import type { SinkDefinition } from "../core/policy/definition/sinks.ts"
import { exporterOf } from "../export/exporter-stub.ts"
import { logStates, metricsState } from "../export/sink-states.ts"
import { readersOf, signalsOf } from "../export/streams.ts"
import { logEvent } from "../platform/log.ts"
import type { Handler } from "./handler.ts"

export const listSinks: Handler<"listSinks"> = async ({ bundle, context: { env } }) => ({
  answer: { sinks: await Promise.all(bundle.sinks.map(async (sink) => shown(env, sink))) },
})

const UNAVAILABLE = { error: "unavailable" } as const

async function shown(env: Env, sink: SinkDefinition) {
  const { id, kind } = sink
  const takesMetrics = signalsOf(sink).includes("metrics")
  const [logs, metrics] = await Promise.all([logStates(env, sink), takesMetrics ? metricsState(env, sink) : null])
  return {
    id,
    kind,
    logs: logs.map(({ signal, log, state }) => Object.assign({ signal, log }, state ?? UNAVAILABLE)),
    ...(takesMetrics && { metrics: metrics ?? UNAVAILABLE }),
  }
}

export const backfillSink: Handler<"backfillSink"> = async ({ parameters, body, bundle, context: { env } }) => {
  const { from, log: named, signal: chosen } = body
  const record = { arguments: { sink: parameters.sink.slice(0, 64), ...body } }
  const sink = bundle.sinks.find(({ id }) => id === parameters.sink)
  const all = sink ? readersOf(sink) : []
  const readers = all.filter(({ log, signal }) => (named ?? log) === log && (chosen ?? signal) === signal)
  if (!sink || readers.length === 0) {
    const denial = { reason: "not_found", what: parameters.sink.slice(0, 64) } as const
    const description = "There is no such sink, or it does not read this log, or does not send this signal."
    return { error: "not_found", description, denial, record }
  }
  try {
    const begun = await Promise.all(
      readers.map(async ({ name, signal, log }) => {
        return { signal, log, next: await exporterOf(env, name, log).backfill(from) }
      }),
    )
    return { answer: { id: sink.id, logs: begun }, record }
  } catch (error) {
    logEvent("export_failed", { exporter: sink.id, error: String(error) })
    return { error: "unavailable", description: "It is not certain for which logs this holds: send it again.", record }
  }
}
