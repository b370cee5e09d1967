/**
 * What one exporter sends of each log: a signal of a sink that is made of records. Each is a reader of the log of its own,
 * so a collector that takes one and refuses the other has the one without repetitions, and each has its own failures.
 */
import type { RecordSignal, Signal, SinkDefinition, SinkLog } from "../core/policy/definition/sinks.ts"

export interface Stream {
  /** Of the reader: the sink's id, for traces with `.traces` behind it. */
  readonly name: string
  readonly sink: SinkDefinition
  readonly signal: RecordSignal
}

/** The record logs (audit/record-logs.ts), by what sinks.yaml calls them. */
const LOGS: Readonly<Record<SinkLog, readonly string[]>> = {
  records: ["records-0", "records-1", "records-2", "records-3"],
  looks: ["looks"],
  strangers: ["strangers"],
}

export const ALL_LOGS = Object.values(LOGS).flat()

/** Whether records of calls are there. */
export const hasCalls = (log: string): boolean => LOGS.records.includes(log)

/** Every kind but OTLP sends records alone, which are logs in OpenTelemetry's words. */
export function signalsOf(sink: SinkDefinition): readonly Signal[] {
  return sink.kind === "otlp" ? sink.signals : ["logs"]
}

export function streamsOf(sink: SinkDefinition): readonly Stream[] {
  return signalsOf(sink).flatMap((signal) =>
    signal === "metrics" ? [] : [{ name: signal === "logs" ? sink.id : `${sink.id}.${signal}`, sink, signal }],
  )
}

/** The logs that it reads: what operators look at is no span. */
export function logsOf({ sink, signal }: Stream): readonly string[] {
  return sink.logs.flatMap((each) => (signal === "traces" && each === "looks" ? [] : LOGS[each]))
}

export interface LogReader {
  readonly name: string
  readonly signal: RecordSignal
  readonly log: string
}

/** One for each log that each stream of a sink reads. */
export function readersOf(sink: SinkDefinition): readonly LogReader[] {
  return streamsOf(sink).flatMap((stream) => {
    const { name, signal } = stream
    return logsOf(stream).map((log) => ({ name, signal, log }))
  })
}

/** Null if no sink sends it. */
export function streamIn(sinks: readonly SinkDefinition[], name: string, log: string): Stream | null {
  const stream = sinks.flatMap(streamsOf).find((each) => each.name === name)
  return stream && logsOf(stream).includes(log) ? stream : null
}
