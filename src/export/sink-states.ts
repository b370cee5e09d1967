/** How far each sink is, as its exporters say. One whose state cannot be read does not hide the others. */
import type { SinkProgress, SinkReading } from "../core/metrics/samples.ts"
import type { RecordSignal, SinkDefinition } from "../core/policy/definition/sinks.ts"
import { logEvent } from "../platform/log.ts"
import type { ExporterState } from "./exporter-state.ts"
import { exporterOf } from "./exporter-stub.ts"
import { metricsExporterOf } from "./metrics-exporter-stub.ts"
import type { MetricsState } from "./metrics-state.ts"
import { readersOf, signalsOf } from "./streams.ts"

/** Null if it could not be read. */
interface LogStates {
  readonly signal: RecordSignal
  readonly log: string
  readonly state: ExporterState | null
}

/** In the order of its signals. */
export async function logStates(env: Env, sink: SinkDefinition): Promise<readonly LogStates[]> {
  return Promise.all(
    readersOf(sink).map(async ({ name, signal, log }) => {
      const state = await read(`${name}/${log}`, async () => exporterOf(env, name, log).state())
      return { signal, log, state }
    }),
  )
}

/** Null if it could not be read, or has not begun. */
export async function metricsState(env: Env, { id }: SinkDefinition): Promise<MetricsState | null> {
  return read(`${id}.metrics`, async () => metricsExporterOf(env, id).state())
}

async function read<State>(exporter: string, state: () => Promise<State>): Promise<State | null> {
  try {
    return await state()
  } catch (error) {
    logEvent("export_failed", { exporter, error: String(error) })
    return null
  }
}

/** For the metrics. */
export async function sinkReadings(env: Env, sinks: readonly SinkDefinition[]): Promise<readonly SinkReading[]> {
  const readings = await Promise.all(
    sinks.map(async (sink) => {
      const [logs, metrics] = await Promise.all([logStates(env, sink), metricsReading(env, sink)])
      const ofLogs = logs.map(({ signal, log, state }) => ({
        sink: sink.id,
        signal,
        log,
        state: state && progressOf(state),
      }))
      return [...ofLogs, ...metrics]
    }),
  )
  return readings.flat()
}

async function metricsReading(env: Env, sink: SinkDefinition): Promise<readonly SinkReading[]> {
  if (!signalsOf(sink).includes("metrics")) return []
  const state = await metricsState(env, sink)
  const last = state && (state.succeeded_at ?? state.since)
  const progress = state && {
    records: null,
    lagSeconds: Math.max(0, Math.round((Date.now() - (last ?? 0)) / 1000)),
    isFailing: isFailing(state),
  }
  return [{ sink: sink.id, signal: "metrics", log: "", state: progress }]
}

function progressOf(state: ExporterState): SinkProgress {
  const { lag_records: lag, lag_seconds: lagSeconds, lost_records: lost } = state
  return { records: { lag, lost }, lagSeconds, isFailing: isFailing(state) }
}

function isFailing({ last_failure, succeeded_at }: Pick<ExporterState, "last_failure" | "succeeded_at">): boolean {
  return last_failure !== null && last_failure.at > (succeeded_at ?? 0)
}
