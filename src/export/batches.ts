/** Which records of a page are sent at once. Pure. */
import type { LogPage } from "../audit/log-page.ts"
import { RECORD_KINDS, type SinkDefinition } from "../core/policy/definition/sinks.ts"
import { membersOf, type Batch } from "./formats/format.ts"
import { isSpan } from "./formats/otlp-spans.ts"
import type { Stream } from "./streams.ts"

/** Limits of one batch. */
export interface BatchLimits {
  /** Records, at most. */
  readonly records: number
  /** Of their texts as they are stored, unless the first alone has more. */
  readonly characters: number
  /** The batch ends here at the latest: a repetition has the same records as the first try. Null: it is none. */
  readonly end: number | null
}

/** The first records of the page from a position on, or null if it has none. */
export function batchOf(
  log: string,
  page: LogPage,
  from: number,
  { sink, signal }: Stream,
  limits: BatchLimits,
): Batch | null {
  const next = Math.min(endOf(page, from, limits), limits.end ?? page.next, page.next)
  if (next <= from) return null
  const inRange = page.records.filter(({ index }) => index >= from && index < next)
  const taken = sink.kinds.length === RECORD_KINDS.length ? inRange : inRange.filter((each) => takes(sink, each))
  if (signal === "traces" && sink.kind === "otlp")
    return { log, from, next, records: taken.filter((each) => isSpan(each, sink.sampler)), checkpoints: [] }
  const checkpoints = page.checkpoints.filter(({ size }) => size > from && size <= next)
  return { log, from, next, records: taken, checkpoints }
}

function endOf({ records, next }: LogPage, from: number, limits: BatchLimits): number {
  let [count, characters] = [0, 0]
  for (const { index, body } of records) {
    if (index < from) continue
    count += 1
    characters += body.length
    if (count > limits.records || (count > 1 && characters > limits.characters)) return index
  }
  return next
}

function takes({ kinds }: SinkDefinition, record: LogPage["records"][number]): boolean {
  const { kind } = membersOf(record)
  return kinds.some((each) => each === kind)
}
