/** Where a limit's count is, what it says of a call, and what an admission adds to it. */
import { sha256Hex } from "../hash.ts"
import { isShared, type Limit } from "./definition.ts"
import { MOST_KEYS, type Memory } from "./memory.ts"
import { BucketMeter } from "./meter/bucket.ts"
import { Marks } from "./meter/marks.ts"
import { readingOf, type Demand, type Reading } from "./meter/meter.ts"
import { PeriodMeter, startOf } from "./meter/period.ts"
import { bucketSizeOf, slidingOf, spanMsOf, type Marking, type Note } from "./note.ts"

/** As a memory knows it: where a definition comes to count in another way, it begins anew. */
export function ownerOf(limit: Limit): string {
  let owner = owners.get(limit)
  if (owner === undefined) {
    const { id, span, measure, per, limit: most } = limit
    const kind = measure.kind === "distinct" ? `distinct ${span.kind}` : span.kind
    // What was lent is of the definition that it was lent by; a bucket counts in units of its span.
    const counted = isShared(limit) || span.kind === "bucket" ? [measure, per, span, most] : [measure, per]
    owner = `${id}:${kind} ${sha256Hex(JSON.stringify(counted)).slice(0, 8)}`
    owners.set(limit, owner)
  }
  return owner
}
/** Asked for several times on the way of each call. */
const owners = new WeakMap<Limit, string>()

/**
 * Whether the first of a key need not be kept. Most calls are never repeated: to write each of them down, in case it
 * is, would cost more than all else.
 */
export function isLazy({ topic, limit, span }: Limit): boolean {
  return topic === "loop" && span.kind === "sliding" && limit >= LAZY_FROM
}
/** Whoever has forgotten what was counted counts one too many; of fewer that would be felt. */
const LAZY_FROM = 3

/** How much later a value may have been there than is kept, as a part of the span. */
export const SLACK = 16

/** @param demand never below zero */
export function readLimit(memory: Memory, limit: Limit, key: string, demand: Demand, now: number): Reading {
  const owner = ownerOf(limit)
  const { span, limit: most } = limit
  if (typeof demand === "object") return readDistinct(memory, limit, key, demand, now)
  switch (span.kind) {
    case "sliding":
      return slidingOf(memory, owner, key, isLazy(limit)).read(most, span.seconds * 1000, demand, now)
    case "fixed":
    case "life":
      return (memory.periods.find(owner, key) ?? new PeriodMeter()).read(most, spanMsOf(span), demand, now)
    case "bucket":
      return (memory.buckets.find(owner, key) ?? new BucketMeter()).read(bucketSizeOf(most, span), demand, now)
    default:
      return span satisfies never
  }
}

function readDistinct(
  memory: Memory,
  { limit, span, ...rest }: Limit,
  key: string,
  values: readonly string[],
  now: number,
): Reading {
  const marks = memory.marks.find(ownerOf({ limit, span, ...rest }), key) ?? new Marks()
  const spanMs = spanMsOf(span)
  if (span.kind === "sliding") marks.forget(now - span.seconds * 1000)
  else if (spanMs !== null) marks.forget(startOf(spanMs, now) - 1)
  const fresh = values.filter((value) => !marks.get(value)).length
  return readingOf(marks.size, fresh, limit, () => {
    if (spanMs === null) return Number.POSITIVE_INFINITY
    if (span.kind !== "sliding") return startOf(spanMs, now) + spanMs - now
    const leaving = [...marks.times()][marks.size + fresh - limit - 1] ?? now
    return leaving + spanMs - now
  })
}

/** What has a count of its own in this memory. */
export function keysOf(memory: Memory, limit: Limit): readonly string[] {
  const owner = ownerOf(limit)
  const { measure, span } = limit
  const cells: ReadonlyMap<string, unknown> =
    measure.kind === "distinct"
      ? memory.marks.of(owner)
      : span.kind === "sliding"
        ? memory.sliding.of(owner)
        : span.kind === "bucket"
          ? memory.buckets.of(owner)
          : memory.periods.of(owner)
  return [...cells.keys()]
}

/** What an admission adds: nothing where nothing is asked. */
export function notesOf(memory: Memory, limit: Limit, key: string, demand: Demand, reading: Reading): readonly Note[] {
  const owner = ownerOf(limit)
  if (typeof demand === "number") {
    const lazy = isLazy(limit)
    const spent = { owner, key, amount: demand, limit: limit.limit, span: limit.span }
    return demand === 0 ? [] : [{ kind: "spend", ...spent, lazy, first: reading.used === 0 }]
  }
  const spanMs = spanMsOf(limit.span)
  const isSliding = limit.span.kind === "sliding"
  const marks = memory.marks.find(owner, key)
  // In a period a value counts once, whenever it was there; in a sliding span from when it was there last.
  const counted = isSliding ? demand : demand.filter((value) => !marks?.get(value))
  const slackMs = isSliding && spanMs !== null ? spanMs / SLACK : 0
  return counted.map((value): Marking => {
    return { kind: "mark", owner, key, value, spanMs, slackMs, late: true, most: Number.POSITIVE_INFINITY }
  })
}

/** Whether what an admission would add can be kept in mind. */
export function hasRoom(memory: Memory, limit: Limit, key: string, demand: Demand, now: number): boolean {
  const owner = ownerOf(limit)
  const { span } = limit
  const spanMs = spanMsOf(span)
  const before =
    spanMs === null ? Number.NEGATIVE_INFINITY : span.kind === "sliding" ? now - spanMs : startOf(spanMs, now) - 1
  if (limit.measure.kind === "distinct") {
    const marks = memory.marks.find(owner, key)
    marks?.forget(before)
    const values = typeof demand === "object" ? demand.filter((value) => !marks?.get(value)).length : 0
    return (
      (marks?.size ?? 0) + values <= MOST_KEYS && memory.marks.hasRoom(owner, key, (marks) => marks.lastAt() <= before)
    )
  }
  switch (span.kind) {
    case "sliding":
      return memory.sliding.hasRoom(owner, key, ({ lastAt }) => lastAt <= before)
    case "fixed":
    case "life":
      return memory.periods.hasRoom(owner, key, ({ start }) => spanMs !== null && start <= before)
    case "bucket":
      return memory.buckets.hasRoom(owner, key, (meter) => meter.missingAt(bucketSizeOf(limit.limit, span), now) === 0)
    default:
      return span satisfies never
  }
}
