/** The format in which a sink gets its records. */
import type { RecordSignal, SinkDefinition } from "../../core/policy/definition/sinks.ts"
import type { Format } from "./format.ts"
import { OCSF } from "./ocsf.ts"
import { OTLP_LOGS } from "./otlp-logs.ts"
import { OTLP_SPANS } from "./otlp-spans.ts"
import { RECORDS } from "./records.ts"

export function formatOf(sink: SinkDefinition, signal: RecordSignal): Format {
  if (sink.kind === "otlp") return signal === "traces" ? OTLP_SPANS : OTLP_LOGS
  if (sink.kind === "ocsf") return OCSF
  return sink.format === "ocsf" ? OCSF : RECORDS
}
