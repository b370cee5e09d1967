/** Reads the count of a limit for a call, and returns what an admitted call adds to it. */
import { sha256Hex } from "../encoding/hash.ts"
import { isShared, type Limit } from "./limit-definition.ts"
import { MOST_KEYS, WHOLE_ROOM, type Memory, type Room } from "./memory.ts"
import { BucketMeter } from "./meter/bucket.ts"
import { readingOf, type Demand, type Reading } from "./meter/meter.ts"
import { PeriodMeter, startOf } from "./meter/period.ts"
import { bucketSizeOf, slidingOf, spanMsOf, type MemoryUpdate, type CountUpdate } from "./memory-update.ts"

/**
 * Returns the name under which a memory keeps the limit's count. If a new definition counts differently, the count
 * starts anew.
 */
export function ownerOf(limit: Limit): string {
  return isShared(limit) ? lentOwnerOf(limit) : cached(owners, limit, (each) => [each.measure, each.per])
}

/** The name for what is lent of it. Credit was lent for one definition, so a changed limit starts anew, too. */
export function lentOwnerOf(limit: Limit): string {
  return cached(lentOwners, limit, ({ measure, per, span, limit: most }) => [measure, per, span, most])
}

/** Cached, because each call needs it several times. */
const owners = new WeakMap<Limit, string>()
const lentOwners = new WeakMap<Limit, string>()

function cached(names: WeakMap<Limit, string>, limit: Limit, counted: (limit: Limit) => unknown): string {
  let name = names.get(limit)
  if (name === undefined) {
    const { id, topic, span, measure } = limit
    const kind = topic === "loop" ? REPEATS : measure.kind === "distinct" ? `distinct ${span.kind}` : span.kind
    name = `${id}:${kind} ${sha256Hex(JSON.stringify(counted(limit))).slice(0, 8)}`
    names.set(limit, name)
  }
  return name
}

/** Part of the owner's name for a guardrail on repeated calls. */
const REPEATS = "repeats"

export function ofRepeats(owner: string): boolean {
  return owner.includes(`:${REPEATS} `)
}

/**
 * Returns whether the first call of a key is stored. Most calls are never repeated, and storing each one would cost
 * more than everything else. A memory loaded from storage therefore counts one call too many, which would matter for a
 * low limit.
 */
function repeatsOf({ topic, limit }: Limit): CountUpdate["repeats"] {
  return topic !== "loop" ? null : limit >= UNWRITTEN_FROM ? "unwritten" : "kept"
}
const UNWRITTEN_FROM = 3

/** A value may have occurred later than is stored, by this part of the span. */
export const SLACK = 16

/** @param demand at least zero */
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
    // If more than one value has to leave, the wait is the whole span, after which all will have left. No denial states
    // it.
    const leaving = marks.size + fresh - limit.limit
    return leaving === 1 && marks.size > 0 ? marks.oldestAt() + spanMs - now : spanMs
  })
}

/** What has been counted of a key, for those who count it from now on. */
export function countedOf(memory: Memory, limit: Limit, key: string, now: number): Demand {
  if (limit.measure.kind !== "distinct") return readLimit(memory, limit, key, 0, now).used
  readDistinct(memory, limit, key, [], now)
  return [...memory.marksOf(ownerOf(limit), key).values()]
}

/** Returns a time in milliseconds: values that last occurred then or earlier no longer count. */
function beforeIn({ span }: Limit, now: number): number {
  const spanMs = spanMsOf(span)
  if (spanMs === null) return Number.NEGATIVE_INFINITY
  return span.kind === "fixed" ? startOf(spanMs, now) - 1 : now - spanMs
}

/** Returns the keys that have a count of their own in this memory. */
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

/** Returns what an admitted call adds; nothing for a demand of nothing. */
export function updatesOf(memory: Memory, limit: Limit, key: string, demand: Demand): readonly MemoryUpdate[] {
  const owner = ownerOf(limit)
  const { span } = limit
  if (typeof demand === "number") {
    const spent = { owner, key, amount: demand, limit: limit.limit, span }
    return demand === 0
      ? []
      : [{ kind: "spend", ...spent, repeats: repeatsOf(limit), isWindow: limit.topic === "window" }]
  }
  const spanMs = spanMsOf(span)
  const isSliding = span.kind === "sliding"
  const marks = memory.marks.find(owner, key)
  // In a fixed period a value counts once, whenever it occurred; in a sliding span it counts from its last occurrence.
  const values = isSliding ? demand : demand.filter((value) => !marks?.get(value))
  const slackMs = isSliding && spanMs !== null ? spanMs / SLACK : 0
  const most = Number.POSITIVE_INFINITY
  return values.length === 0 ? [] : [{ kind: "mark", owner, key, values, spanMs, slackMs, late: true, most }]
}

/** What an admitted call would add of keys and values that the memory does not have. */
export function freshOf(memory: Memory, limit: Limit, key: string, demand: Demand, now: number): Room {
  const owner = ownerOf(limit)
  const isNew = (cell: unknown): number => (cell === undefined ? 1 : 0)
  if (limit.measure.kind === "distinct") {
    const marks = memory.marks.find(owner, key)
    marks?.forget(beforeIn(limit, now))
    const values = typeof demand === "object" ? demand.filter((value) => !marks?.get(value)).length : 0
    return { keys: values > 0 ? isNew(marks) : 0, values }
  }
  const cells = { sliding: memory.sliding, fixed: memory.periods, life: memory.periods, bucket: memory.buckets }
  return { keys: demand === 0 ? 0 : isNew(cells[limit.span.kind].find(owner, key)), values: 0 }
}

/** Returns whether the memory has room for what an admitted call would add. */
export function hasRoom(
  memory: Memory,
  limit: Limit,
  key: string,
  demand: Demand,
  now: number,
  most = WHOLE_ROOM,
): boolean {
  const owner = ownerOf(limit)
  const { span } = limit
  const before = beforeIn(limit, now)
  if (limit.measure.kind === "distinct") {
    const { values } = freshOf(memory, limit, key, demand, now)
    const known = memory.marks.find(owner, key)?.size ?? 0
    return known + values <= MOST_KEYS && memory.hasRoomForValues(owner, key, values, before, spanMsOf(span), most)
  }
  switch (span.kind) {
    case "sliding":
      // A call that was not made before is stored as a fingerprint only.
      if (limit.topic === "loop" && !memory.onceOf(owner).has(key, before)) return true
      return memory.sliding.hasRoom(owner, key, ({ lastAt }) => lastAt <= before, most.keys)
    case "fixed":
    case "life":
      return memory.periods.hasRoom(owner, key, (meter) => meter.countedIn(spanMsOf(span), now) === 0, most.keys)
    case "bucket":
      return memory.buckets.hasRoom(owner, key, (meter) => meter.missingAt(span.seconds * 1000, now) === 0, most.keys)
    default:
      return span satisfies never
  }
}
