/** Where a limit's count is, what it says of a call, and what an admission adds to it. */
import { sha256Hex } from "../encoding/hash.ts"
import { isShared, type Limit } from "./limit-definition.ts"
import { MOST_KEYS, type Memory } from "./memory.ts"
import { BucketMeter } from "./meter/bucket.ts"
import { readingOf, type Demand, type Reading } from "./meter/meter.ts"
import { PeriodMeter, startOf } from "./meter/period.ts"
import { bucketSizeOf, slidingOf, spanMsOf, type MemoryUpdate, type CountUpdate } from "./memory-update.ts"

/** As a memory knows it: where a definition comes to count in another way, it begins anew. */
export function ownerOf(limit: Limit): string {
  let owner = owners.get(limit)
  if (owner === undefined) {
    const { id, topic, span, measure, per, limit: most } = limit
    const kind = topic === "loop" ? REPEATS : measure.kind === "distinct" ? `distinct ${span.kind}` : span.kind
    // What was lent is of the definition that it was lent by.
    const counted = isShared(limit) ? [measure, per, span, most] : [measure, per]
    owner = `${id}:${kind} ${sha256Hex(JSON.stringify(counted)).slice(0, 8)}`
    owners.set(limit, owner)
  }
  return owner
}
/** Asked for several times on the way of each call. */
const owners = new WeakMap<Limit, string>()

/** In the name by which a memory knows a guardrail on repeated calls. */
const REPEATS = "repeats"

export function ofRepeats(owner: string): boolean {
  return owner.includes(`:${REPEATS} `)
}

/**
 * Whether the first of a key is written down. Most calls are never repeated: to write each of them down, in case it is,
 * would cost more than all else. Once it has woken, the memory counts one too many, which of a lower limit would be felt.
 */
function repeatsOf({ topic, limit }: Limit): CountUpdate["repeats"] {
  return topic !== "loop" ? null : limit >= UNWRITTEN_FROM ? "unwritten" : "kept"
}
const UNWRITTEN_FROM = 3

/** How much later a value may have been there than is kept, as a part of the span. */
export const SLACK = 16

/** @param demand never below zero */
export function readLimit(memory: Memory, limit: Limit, key: string, demand: Demand, now: number): Reading {
  const owner = ownerOf(limit)
  const { span, limit: most } = limit
  if (typeof demand === "object") return readDistinct(memory, limit, key, demand, now)
  switch (span.kind) {
    case "sliding":
      return slidingOf(memory, { owner, key, span, repeats: repeatsOf(limit) }, now).read(
        most,
        span.seconds * 1000,
        demand,
        now,
      )
    case "fixed":
    case "life":
      return (memory.periods.find(owner, key) ?? new PeriodMeter()).read(most, spanMsOf(span), demand, now)
    case "bucket":
      return (memory.buckets.find(owner, key) ?? new BucketMeter()).read(bucketSizeOf(most, span), demand, now)
    default:
      return span satisfies never
  }
}

function readDistinct(memory: Memory, limit: Limit, key: string, values: readonly string[], now: number): Reading {
  const marks = memory.marksOf(ownerOf(limit), key)
  const spanMs = spanMsOf(limit.span)
  marks.forget(beforeIn(limit, now))
  const fresh = values.filter((value) => !marks.get(value)).length
  return readingOf(marks.size, fresh, limit.limit, () => {
    if (spanMs === null) return Number.POSITIVE_INFINITY
    if (limit.span.kind !== "sliding") return startOf(spanMs, now) + spanMs - now
    // Where more than one has to leave, only that all will have left after a span: no denial tells it.
    const leaving = marks.size + fresh - limit.limit
    return leaving === 1 && marks.size > 0 ? marks.oldestAt() + spanMs - now : spanMs
  })
}

/** Milliseconds: what was there then, or before, counts no more. */
function beforeIn({ span }: Limit, now: number): number {
  const spanMs = spanMsOf(span)
  if (spanMs === null) return Number.NEGATIVE_INFINITY
  return span.kind === "fixed" ? startOf(spanMs, now) - 1 : now - spanMs
}

/** What has a count of its own in this memory. */
export function keysOf(memory: Memory, limit: Limit): readonly string[] {
  const owner = ownerOf(limit)
  const { measure, span } = limit
  const cells: Iterable<readonly [string, unknown]> =
    measure.kind === "distinct"
      ? memory.marks.of(owner)
      : span.kind === "sliding"
        ? memory.sliding.of(owner)
        : span.kind === "bucket"
          ? memory.buckets.of(owner)
          : memory.periods.of(owner)
  return Array.from(cells, ([key]) => key)
}

/** What an admission adds: nothing where nothing is asked. */
export function notesOf(memory: Memory, limit: Limit, key: string, demand: Demand): readonly MemoryUpdate[] {
  const owner = ownerOf(limit)
  const { span } = limit
  if (typeof demand === "number") {
    const spent = { owner, key, amount: demand, limit: limit.limit, span }
    return demand === 0 ? [] : [{ kind: "spend", ...spent, repeats: repeatsOf(limit) }]
  }
  const spanMs = spanMsOf(span)
  const isSliding = span.kind === "sliding"
  const marks = memory.marks.find(owner, key)
  // In a period a value counts once, whenever it was there; in a sliding span from when it was there last.
  const values = isSliding ? demand : demand.filter((value) => !marks?.get(value))
  const slackMs = isSliding && spanMs !== null ? spanMs / SLACK : 0
  const most = Number.POSITIVE_INFINITY
  return values.length === 0 ? [] : [{ kind: "mark", owner, key, values, spanMs, slackMs, late: true, most }]
}

/** Whether what an admission would add can be kept in mind. */
export function hasRoom(memory: Memory, limit: Limit, key: string, demand: Demand, now: number): boolean {
  const owner = ownerOf(limit)
  const { span } = limit
  const before = beforeIn(limit, now)
  if (limit.measure.kind === "distinct") {
    const marks = memory.marks.find(owner, key)
    marks?.forget(before)
    const values = typeof demand === "object" ? demand.filter((value) => !marks?.get(value)).length : 0
    return (
      (marks?.size ?? 0) + values <= MOST_KEYS && memory.hasRoomForValues(owner, key, values, before, spanMsOf(span))
    )
  }
  switch (span.kind) {
    case "sliding":
      // Of a call that was not made before a fingerprint is kept.
      if (limit.topic === "loop" && !memory.onceOf(owner).has(key, before)) return true
      return memory.sliding.hasRoom(owner, key, ({ lastAt }) => lastAt <= before)
    case "fixed":
    case "life":
      return memory.periods.hasRoom(owner, key, ({ lastAt }) => lastAt <= before)
    case "bucket":
      return memory.buckets.hasRoom(owner, key, (meter) => meter.missingAt(span.seconds * 1000, now) === 0)
    default:
      return span satisfies never
  }
}
