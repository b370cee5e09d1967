/** Objects that all ledgers share: the record logs, and those that each isolate calls. */
import { NO_USE, type ObjectUse } from "./use.ts"

/** By the hash of its ledger's id a record is in one of them: `SHARDS` of src/audit/record-logs.ts. */
export const LOGS = 4
/** A cycle begins with the first record that waits: `SEAL_AFTER_MS`, `SEAL_AT` and the size of a segment. */
const SEAL_AFTER_SECONDS = 60
const SEAL_AT_RECORDS = 2_000
const SEGMENT_RECORDS = 500

const ROWS = {
  append: 1,
  /** Alarm, counters, checkpoint. */
  cycle: 3,
  /** The segment and its index. */
  segment: 2,
  /** Alarm, and the batches that the log has already. */
  repeatedCycle: 2,
  readWhenWaking: 15,
  readInAppend: 3,
  readInCycle: 12,
} as const

export interface LogLoad {
  /** Of one log, a second. */
  readonly appends: number
  readonly records: number
  /** Whether the log has as many records as it keeps: then each batch that comes has another one deleted. */
  readonly isFull: boolean
}

/** Cycles a second of one log. */
export function cyclesOf({ appends, records }: LogLoad): number {
  if (appends <= 0) return 0
  return Math.max(1 / (SEAL_AFTER_SECONDS + 1 / appends), records / SEAL_AT_RECORDS)
}

/** What one log takes a second. */
export function logUse(load: LogLoad): ObjectUse {
  const { appends, records, isFull } = load
  const cycles = cyclesOf(load)
  const segments = Math.max(cycles, records / SEGMENT_RECORDS)
  const events = appends + cycles
  const wakings = events * Math.exp(-events * HIBERNATES_AFTER_SECONDS)
  const dropped = isFull ? appends * ROWS.append + segments * ROWS.segment : 0
  return {
    ...NO_USE,
    requests: events,
    alarms: cycles,
    wakings,
    written: appends * ROWS.append + cycles * ROWS.cycle + segments * ROWS.segment + dropped,
    read: appends * ROWS.readInAppend + cycles * ROWS.readInCycle + wakings * ROWS.readWhenWaking,
  }
}
const HIBERNATES_AFTER_SECONDS = 10

/** What one log takes for appends at these times, in milliseconds. */
export function logUseOf(appends: readonly { readonly at: number; readonly isRepeated: boolean }[]): ObjectUse {
  let [sealAt, fresh, awakeUntil] = [Number.NEGATIVE_INFINITY, false, Number.NEGATIVE_INFINITY]
  const use: { -readonly [What in keyof ObjectUse]: number } = { ...NO_USE }
  const request = (at: number): void => {
    use.requests += 1
    if (at > awakeUntil) use.wakings += 1
    awakeUntil = at + HIBERNATES_AFTER_SECONDS * 1000
  }
  const seal = (): void => {
    request(sealAt)
    use.alarms += 1
    use.written += fresh ? ROWS.cycle + ROWS.segment : ROWS.repeatedCycle
  }
  for (const { at, isRepeated } of appends.toSorted((a, b) => a.at - b.at)) {
    if (at > sealAt) {
      if (Number.isFinite(sealAt)) seal()
      ;[sealAt, fresh] = [at + SEAL_AFTER_SECONDS * 1000, false]
    }
    fresh ||= !isRepeated
    request(at)
    use.written += ROWS.append
  }
  if (Number.isFinite(sealAt)) seal()
  use.read = appends.length * ROWS.readInAppend + use.alarms * ROWS.readInCycle + use.wakings * ROWS.readWhenWaking
  return use
}

/** An isolate requests switches if those that it has are a second old, and looks for a newer bundle after 30. */
const LEASE_SECONDS = 1
const BUNDLE_SECONDS = 30
const SIGNING_KEY_SECONDS = 60
const KV_READS_OF_A_CHECK = 2
const ROWS_READ_OF_A_LEASE = 3
const ROWS_READ_OF_A_CHECK = 2

/** How often a second what is renewed after so many seconds, with the next request, is renewed. */
const renewals = (seconds: number, perSecond: number): number => (perSecond > 0 ? 1 / (seconds + 1 / perSecond) : 0)

export interface EdgeUse {
  readonly switchboard: ObjectUse
  readonly publications: ObjectUse
  readonly kvReads: number
}

/**
 * What isolates take a second.
 * @param perSecond requests of all of them, and those for a token among them
 * @param checkpoints that all logs sign
 */
export function edgeUse(isolates: number, perSecond: number, tokensPerSecond: number, checkpoints: number): EdgeUse {
  const each = perSecond / isolates
  const leases = isolates * renewals(LEASE_SECONDS, each)
  const keys = isolates * renewals(SIGNING_KEY_SECONDS, tokensPerSecond / isolates)
  const checks = isolates * renewals(BUNDLE_SECONDS, each)
  return {
    switchboard: { ...NO_USE, requests: leases + keys + checkpoints, read: leases * ROWS_READ_OF_A_LEASE },
    publications: { ...NO_USE, requests: checks, read: checks * ROWS_READ_OF_A_CHECK },
    kvReads: checks * KV_READS_OF_A_CHECK,
  }
}
