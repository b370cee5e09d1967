/** How far a reader of a log is behind. */
import type { RecordLog } from "../audit/record-log.ts"
import type { ExporterState } from "./exporter-state.ts"

export async function lagOf(
  log: Pick<DurableObjectStub<RecordLog>, "state" | "read" | "waitingSince">,
  reader: string,
  now: number,
): Promise<Pick<ExporterState, "next" | "lag_records" | "lag_seconds">> {
  const { end, unsealed, sinks } = await log.state()
  const next = sinks.find(({ name }) => name === reader)?.next ?? end
  const [oldest] = next < end ? (await log.read(next, 1)).records : []
  const since = oldest ? Number(JSON.parse(oldest.body).at) : await log.waitingSince()
  const lag_seconds = since === null ? 0 : Math.max(0, Math.round((now - since) / 1000))
  return { next, lag_records: end + unsealed - next, lag_seconds }
}
