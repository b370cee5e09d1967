/** The format in which a sink gets its records. */
import type { SinkDefinition } from "../../core/policy/definition/sinks.ts"
import type { Format } from "./format.ts"
import { OCSF } from "./ocsf.ts"
import { OTLP_LOGS } from "./otlp-logs.ts"
import { RECORDS } from "./records.ts"

export function formatOf(sink: SinkDefinition): Format {
  if (sink.kind === "otlp") return OTLP_LOGS
  if (sink.kind === "ocsf") return OCSF
  return sink.format === "ocsf" ? OCSF : RECORDS
}
