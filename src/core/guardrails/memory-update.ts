/**
 * What an admitted call adds to the memory of its tree. Guardrails create updates, this file applies them, and the
 * ledger stores them.
 */
import type { Span } from "./limit-definition.ts"
import type { Flight, CallsInFlight, Last, Memory } from "./memory.ts"
import { BucketMeter, type BucketSize } from "./meter/bucket.ts"
import { PeriodMeter } from "./meter/period.ts"
import { precisionOf, SlidingMeter, type Precision } from "./meter/sliding.ts"
import { Trail } from "./meter/trail.ts"

interface CellRef {
  readonly owner: string
  readonly key: string
}

/** Adds an amount to a limit's count. */
export interface CountUpdate extends CellRef {
  readonly kind: "spend"
  readonly amount: number
  /** The limit and its span. */
  readonly limit: number
  readonly span: Span
  /** For a guardrail on repeated calls: whether a call that was made once is stored. Null for any other. */
  readonly repeats: "kept" | "unwritten" | null
  /** Whether it is a window's, of calls or of their cost. Absent: it is not. */
  readonly isWindow?: boolean
}

/** Uses an amount of the credit that a shared count has lent. */
export interface CreditUpdate extends CellRef {
  readonly kind: "credit"
  readonly amount: number
}

/** Records the occurrence of values, each once. */
export interface MarkUpdate extends CellRef {
  readonly kind: "mark"
  readonly values: readonly string[]
  /** For how long they matter. Null if for ever. */
  readonly spanMs: number | null
  /** How much of a later time may be lost. */
  readonly slackMs: number
  /** Whether a value whose exact time was lost counts as later than stored, or as stored. */
  readonly late: boolean
  /**
   * If there are more values than this, the oldest are dropped. Infinity if there is always room, or the call was
   * denied otherwise.
   */
  readonly most: number
}

export interface TallyUpdate extends CellRef {
  readonly kind: "tally"
  readonly amount: number
  readonly spanMs: number
}

/** Records what the last call was. */
export interface LastUpdate extends CellRef {
  readonly kind: "last"
  readonly value: string | null
  readonly spanMs: number
  readonly slackMs: number
  readonly late: boolean
}

/** Records that a denied call, which an observing gateway allowed, may have been the last. */
export interface DeniedLast extends CellRef {
  readonly kind: "denied"
  /** Null if it may have been any call. */
  readonly value: string | null
  readonly spanMs: number
}

export interface TrailUpdate extends CellRef {
  readonly kind: "trail"
  readonly call: string
  /** Whether the trail need not be stored before it has gone round twice. */
  readonly lazy: boolean
  /** After so many milliseconds without a call, the trail begins anew. Null: never. */
  readonly pauseMs: number | null
}

/** Records that a call is in flight. */
export interface InFlightUpdate extends CellRef {
  readonly kind: "flight"
  /** The id of the decision. */
  readonly id: string
  readonly inFlight: Flight
}

export type MemoryUpdate =
  | CountUpdate
  | CreditUpdate
  | MarkUpdate
  | TallyUpdate
  | LastUpdate
  | DeniedLast
  | TrailUpdate
  | InFlightUpdate

/** @param now milliseconds, the time of the call */
export function applyUpdates(memory: Memory, memoryUpdates: readonly MemoryUpdate[], now: number): void {
  if (memoryUpdates.length === 0) return
  memory.sequence += 1
  for (const update of memoryUpdates) applyUpdate(memory, update, now)
}

function applyUpdate(memory: Memory, update: MemoryUpdate, now: number): void {
  const { owner, key } = update
  switch (update.kind) {
    case "spend":
      return spend(memory, update, now)
    case "credit":
      return useCredit(memory, update)
    case "mark":
      return mark(memory, update, now)
    case "tally": {
      const tally = memory.tallies.find(owner, key) ?? new SlidingMeter()
      tally.upTo(update.spanMs, now)
      tally.admit(update.amount, now, tallyPrecision(memory, update))
      const surplus = memory.tallies.surplus(owner, key)
      if (surplus !== undefined) memory.tallies.drop(owner, surplus)
      return memory.tallies.set(owner, key, tally)
    }
    case "last":
      return memory.lasts.set(owner, key, { value: update.value, at: now, denied: [] })
    case "denied":
      return memory.lasts.set(owner, key, withDenied(memory, update, now))
    case "trail": {
      const trail = trailOf(memory, update, now)
      trail.add(update.call, now)
      return memory.trails.set(owner, key, trail)
    }
    case "flight": {
      const flights: CallsInFlight = memory.flights.find(owner, key) ?? new Map()
      return memory.flights.set(owner, key, flights.set(update.id, update.inFlight))
    }
    default:
      return update satisfies never
  }
}

/** More denied calls than a client makes by mistake; beyond this number, the last call may have been any. */
const MOST_DENIED = 16

export function withDenied(memory: Memory, { owner, key, value, spanMs }: DeniedLast, now: number): Last {
  const last = memory.lasts.find(owner, key) ?? { value: null, at: now, denied: [] }
  const others = last.denied.filter((each) => each.value !== value && each.at > now - spanMs)
  const denied = others.length < MOST_DENIED ? [...others, { value, at: now }] : [{ value: null, at: now }]
  return { ...last, denied }
}

/**
 * Returns the trail; in a memory loaded from storage, an unknown one if the last life may have lost it, because any
 * calls may have come before.
 */
export function trailOf(
  memory: Memory,
  { owner, key, lazy, pauseMs }: Omit<TrailUpdate, "kind" | "call">,
  now: number,
): Trail {
  const existing = memory.trails.find(owner, key)
  const isPast = (at: number): boolean => pauseMs !== null && now - at >= pauseMs
  if (existing) return isPast(existing.lastAt) ? Trail.empty() : existing
  if (!lazy) return Trail.empty()
  const isLost =
    pauseMs === null
      ? memory.wokenAt !== Number.NEGATIVE_INFINITY
      : memory.lostTrails.has(owner) && !isPast(memory.wokenAt)
  return isLost ? Trail.unknown() : Trail.empty()
}

/** How many entries of a count or a sum are kept individually; each is a row. */
const TALLIED_APART = 256

export function tallyPrecision(memory: Memory, { owner, spanMs }: Pick<TallyUpdate, "owner" | "spanMs">): Precision {
  return precisionOf(memory.tallies.many(owner), spanMs, TALLIED_APART)
}

function spend(memory: Memory, update: CountUpdate, now: number): void {
  const { owner, key, limit, span, amount } = update
  switch (span.kind) {
    case "sliding": {
      const spanMs = span.seconds * 1000
      if (isFirst(memory, update, now)) {
        const isWritten = writesFirst(memory, update, now)
        memory.sliding.drop(owner, key)
        return memory.onceOf(owner).add(key, now, now - spanMs, isWritten)
      }
      const meter = slidingOf(memory, update, now)
      meter.admit(amount, now, precisionOf(memory.sliding.many(owner), spanMs))
      return memory.sliding.set(owner, key, meter)
    }
    case "fixed":
    case "life": {
      const meter = memory.periods.find(owner, key) ?? new PeriodMeter()
      meter.admit(amount, spanMsOf(span), now)
      return memory.periods.set(owner, key, meter)
    }
    case "bucket": {
      const meter = memory.buckets.find(owner, key) ?? new BucketMeter()
      meter.admit(bucketSizeOf(limit, span), amount, now)
      return memory.buckets.set(owner, key, meter)
    }
    default:
      return span satisfies never
  }
}

/** Returns whether the call is unknown, or was not made in this span, so that a fingerprint of it suffices. */
export function isFirst(memory: Memory, { owner, key, span, repeats }: CountUpdate, now: number): boolean {
  const spanMs = spanMsOf(span)
  if (repeats === null || spanMs === null) return false
  const meter = memory.sliding.find(owner, key)
  return meter ? meter.upTo(spanMs, now) === 0 : !memory.onceOf(owner).has(key, now - spanMs)
}

/** Returns whether a call that was not made before is stored. It is if a forgotten call may have been the same. */
export function writesFirst(memory: Memory, { owner, span, repeats }: CountUpdate, now: number): boolean {
  return repeats === "kept" || memory.onceOf(owner).hides(now - (spanMsOf(span) ?? 0))
}

/**
 * Returns the count of the key; for a guardrail on repeated calls, including what may have been counted and forgotten.
 */
export function slidingOf(
  memory: Memory,
  { owner, key, span, repeats }: Pick<CountUpdate, "owner" | "key" | "span" | "repeats">,
  now: number,
): SlidingMeter {
  const existing = memory.sliding.find(owner, key)
  if (existing) return existing
  const meter = new SlidingMeter()
  const spanMs = spanMsOf(span)
  if (repeats === null || spanMs === null) return meter
  for (const at of memory.onceOf(owner).timesOf(key, now - spanMs)) meter.admit(1, at)
  return meter
}

function useCredit(memory: Memory, { owner, key, amount }: CreditUpdate): void {
  const credit = memory.credits.find(owner, key)
  if (!credit) throw new Error("credit is used that was never lent")
  memory.credits.set(owner, key, { left: credit.left - amount, used: credit.used + amount, refused: null, over: null })
}

function mark(memory: Memory, update: MarkUpdate, now: number): void {
  const { owner, key, values, most } = update
  for (const surplus of surplusCells(memory, update)) {
    memory.marks.find(owner, surplus)?.clear()
    memory.marks.drop(owner, surplus)
  }
  const marks = memory.marksOf(owner, key)
  for (const value of values) marks.set(value, { at: now, sequence: memory.sequence })
  while (marks.size > most) marks.dropOldest()
  memory.marks.set(owner, key, marks)
}

/** Returns the keys that must be dropped to make room for the values. */
export function surplusCells(memory: Memory, { owner, key, values, most }: MarkUpdate): readonly string[] {
  if (most === Number.POSITIVE_INFINITY) return []
  const marks = memory.marks.find(owner, key)
  const fresh = values.filter((value) => !marks?.get(value)).length
  return memory.surplusOfValues(owner, key, fresh)
}

/** Null if the span has no end. */
export function spanMsOf(span: Span): number | null {
  return span.kind === "life" ? null : span.seconds * 1000
}

export function bucketSizeOf(limit: number, { seconds, burst }: Extract<Span, { kind: "bucket" }>): BucketSize {
  return { limit, burst, spanMs: seconds * 1000 }
}
