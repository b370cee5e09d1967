/** Denies calls for a sink that wants that, while its log has no room to keep their records. */
import { MAX_LOG_BYTES } from "../audit/log-sinks.ts"
import type { RecordLog } from "../audit/record-log.ts"
import type { SinkDefinition } from "../core/policy/definition/sinks.ts"
import { switchboard } from "../revocation/switchboard.ts"
import type { ExporterMemory } from "./exporter-memory.ts"

/** Of the log's bound: some records come after the denial, of calls in flight and of others that go on. */
const FULL_AT = 0.9
const ROOM_AGAIN_AT = 0.8
/** A sink is behind if what it lacks is so much of the log: another sink may be what fills it. */
const BEHIND = 0.5
/** If nobody says so again: an exporter that is out of order must not deny calls for ever. */
const DENIES_FOR_MS = 600_000
export const LOOK_AGAIN_AT_FULL_MS = 60_000

/**
 * @param sink null: it is gone, or the log has no records of calls
 * @returns whether calls are denied for it
 */
export async function denyWhileFull(
  env: Env,
  name: string,
  sink: SinkDefinition | null,
  log: Pick<DurableObjectStub<RecordLog>, "state">,
  memory: ExporterMemory,
): Promise<boolean> {
  const wasDenying = memory.now.deniesUntil > 0
  const denies = sink?.denies ?? []
  if (!wasDenying && denies.length === 0) return false
  const isFull = denies.length > 0 && sink !== null && (await hasNoRoom(sink.id, log, wasDenying))
  if (!isFull && !wasDenying) return false
  const until = isFull ? Date.now() + DENIES_FOR_MS : 0
  await switchboard(env).denyUnrecorded(name, isFull ? denies : [], until)
  memory.keep({ deniesUntil: until })
  return isFull
}

async function hasNoRoom(
  sink: string,
  log: Pick<DurableObjectStub<RecordLog>, "state">,
  wasFull: boolean,
): Promise<boolean> {
  const { bytes, oldest, end, sinks } = await log.state()
  const next = sinks.find(({ name }) => name === sink)?.next ?? end
  const isBehind = end - next > (end - oldest) * BEHIND
  return isBehind && bytes >= MAX_LOG_BYTES * (wasFull ? ROOM_AGAIN_AT : FULL_AT)
}
