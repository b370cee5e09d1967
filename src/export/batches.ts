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
  // Those of a page follow each other without gaps.
  const [first] = page.records
  const rest = page.records.slice(first ? Math.max(0, from - first.index) : 0)
  const end = rest[countOf(rest, limits)]?.index ?? page.next
  const next = Math.min(end, limits.end ?? end)
  if (next <= from) return null
  const inRange = rest.slice(0, next - (rest[0]?.index ?? next))
  const taken = sink.kinds.length === RECORD_KINDS.length ? inRange : inRange.filter((each) => takes(sink, each))
  if (signal === "traces" && sink.kind === "otlp")
    return { log, from, next, records: taken.filter((each) => isSpan(each, sink.sampler)), checkpoints: [] }
  const checkpoints = page.checkpoints.filter(({ size }) => size > from && size <= next)
  return { log, from, next, records: taken, checkpoints }
}

/** How many of these, one at least. */
function countOf(records: LogPage["records"], limits: BatchLimits): number {
  let characters = 0
  const most = records.findIndex(({ body }, at) => {
    characters += body.length
    return at > 0 && (at >= limits.records || characters > limits.characters)
  })
  return most < 0 ? records.length : most
}

function takes({ kinds }: SinkDefinition, record: LogPage["records"][number]): boolean {
  const { kind } = membersOf(record)
  return kinds.some((each) => each === kind)
}
