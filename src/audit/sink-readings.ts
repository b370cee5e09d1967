/** How far each sink is with each log, for the metrics. */
import type { SinkReading } from "../core/metrics/samples.ts"

/** There are no sinks yet. */
export async function sinkReadings(_env: Env): Promise<readonly SinkReading[]> {
  return []
}
