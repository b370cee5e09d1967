/**
 * Delivers records to a log, in batches that it accepts. A rejected batch is halved, so that one rejected record does
 * not keep others back. A record that no log will ever accept is dropped, and the Worker's log says which it was, not
 * what was in it.
 */
import { byteLength } from "../core/encoding/bytes.ts"
import { logEvent } from "../platform/log.ts"
import { TimedOut, within } from "../platform/timeout.ts"
import { batchOf, type StoredRecord } from "../core/record/record.ts"
import { MAX_BATCH_BYTES, type Taken } from "./record-log.ts"

/**
 * Rejections in a row, without a reason: the log as a whole is out of order, and the rest is tried another time.
 * Halving 500 records down to the rejected one takes nine.
 */
const MAX_REJECTIONS = 20

/** In UTF-8. */
const MAX_BYTES_OF_CHARACTER = 3

/** A log that hangs must not hold the waiting records for ever, because they are bounded. */
const TIMEOUT_MS = 5_000

/** The part of a record log that accepts records. */
export interface RecordSink {
  append(count: number, batch: string): Promise<Taken>
}

/**
 * Throws the log's error if anything is left.
 * @param settled receives the records that are delivered or dropped
 */
export async function deliver(
  log: RecordSink,
  records: readonly StoredRecord[],
  settled: (records: readonly StoredRecord[]) => void,
): Promise<void> {
  const waiting = batchesOf(records)
  const rejected: StoredRecord[] = []
  let inARow = 0
  let failure: unknown
  for (let batch = waiting.shift(); batch; batch = waiting.shift()) {
    const outcome = await append(log, batch)
    if (outcome === "kept") {
      settled(batch)
      inARow = 0
      continue
    }
    if (batch.length > 1) waiting.unshift(...halvesOf(batch))
    else if (outcome === "too_long") settled(dropped(batch))
    else rejected.push(...batch)
    if (outcome === "too_long") continue
    failure = outcome.error
    inARow += 1
    if (isUnavailable(failure) || inARow >= MAX_REJECTIONS) throw failure
  }
  for (const { id } of rejected) logEvent("record_refused", { id, error: String(failure) })
  if (rejected.length > 0) throw failure
}

async function append(log: RecordSink, batch: readonly StoredRecord[]): Promise<Taken | { readonly error: unknown }> {
  try {
    // The log may still store them later: a batch that is sent twice is stored once.
    return await within(log.append(batch.length, batchOf(batch)), TIMEOUT_MS, "the record log")
  } catch (error) {
    return { error }
  }
}

/** In their order, each as long as a log accepts; the log itself decides on a record that is longer alone. */
function batchesOf(records: readonly StoredRecord[]): StoredRecord[][] {
  const most = records.reduce((sum, { body }) => sum + body.length * MAX_BYTES_OF_CHARACTER + 1, 2)
  if (most <= MAX_BATCH_BYTES) return records.length === 0 ? [] : [[...records]]
  const batches: StoredRecord[][] = []
  // Of the current batch, including its brackets.
  let bytes = MAX_BATCH_BYTES
  for (const record of records) {
    const more = byteLength(record.body) + 1
    if (bytes + more > MAX_BATCH_BYTES) {
      batches.push([])
      bytes = 2
    }
    batches.at(-1)?.push(record)
    bytes += more
  }
  return batches
}

function halvesOf(batch: readonly StoredRecord[]): readonly StoredRecord[][] {
  const middle = Math.ceil(batch.length / 2)
  return [batch.slice(0, middle), batch.slice(middle)]
}

function dropped(records: readonly StoredRecord[]): readonly StoredRecord[] {
  for (const { id } of records) logEvent("record_dropped", { id, reason: "too_long" })
  return records
}

/** As the platform marks it: neither an immediate retry nor a smaller batch would help. */
function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof TimedOut) return true
  return ("retryable" in error && error.retryable === true) || ("overloaded" in error && error.overloaded === true)
}
