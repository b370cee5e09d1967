/** Which exporters there are: one for each log that a sink reads. */
import type { SinkDefinition, SinkLog } from "../core/policy/definition/sinks.ts"

/** The record logs (audit/record-logs.ts), by what sinks.yaml calls them. */
const LOGS: Readonly<Record<SinkLog, readonly string[]>> = {
  records: ["records-0", "records-1", "records-2", "records-3"],
  looks: ["looks"],
  strangers: ["strangers"],
}

export const ALL_LOGS = Object.values(LOGS).flat()

/** The logs that a sink reads. */
export const logsOf = ({ logs }: SinkDefinition): readonly string[] => logs.flatMap((each) => LOGS[each])

/** Whether records of calls are there. */
export const hasCalls = (log: string): boolean => LOGS.records.includes(log)

export const exporterName = (sink: string, log: string): string => `${sink}/${log}`

export function exporterOf(env: Env, sink: string, log: string) {
  return env.EXPORTER.getByName(exporterName(sink, log))
}
