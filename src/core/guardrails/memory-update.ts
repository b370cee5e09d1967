/** What an admitted call leaves in the memory of its tree: made by guardrails, applied here, kept by the ledger. */
import type { Span } from "./limit-definition.ts"
import type { Flight, CallsInFlight, Last, Memory } from "./memory.ts"
import { BucketMeter, type BucketSize } from "./meter/bucket.ts"
import { PeriodMeter } from "./meter/period.ts"
import { precisionOf, SlidingMeter, type Precision } from "./meter/sliding.ts"
import { Trail } from "./meter/trail.ts"

interface Placed {
  readonly owner: string
  readonly key: string
}

/** An amount of a limit. */
export interface CountUpdate extends Placed {
  readonly kind: "spend"
  readonly amount: number
  /** Of how much, and for how long it counts. */
  readonly limit: number
  readonly span: Span
  /** Of a guardrail on repeated calls: whether what was called once is written down. Null: of any other. */
  readonly repeats: "kept" | "unwritten" | null
}

/** Of what a shared count has lent. */
export interface CreditUpdate extends Placed {
  readonly kind: "credit"
  readonly amount: number
}

/** Values were there, each once. */
export interface MarkUpdate extends Placed {
  readonly kind: "mark"
  readonly values: readonly string[]
  /** For how long that matters; null: for ever. */
  readonly spanMs: number | null
  /** How much of a later time may be lost. */
  readonly slackMs: number
  /** Where time was lost, the value counts as having been there later, or as it was kept. */
  readonly late: boolean
  /** More values than this are not kept, the oldest go; infinity: there is always room, or the call was denied. */
  readonly most: number
}

export interface TallyUpdate extends Placed {
  readonly kind: "tally"
  readonly amount: number
  readonly spanMs: number
}

/** What the last call was. */
export interface LastUpdate extends Placed {
  readonly kind: "last"
  readonly value: string | null
  readonly spanMs: number
  readonly slackMs: number
  readonly late: boolean
}

/** A call that was denied, and let through all the same, may have been the last. */
export interface DeniedLast extends Placed {
  readonly kind: "denied"
  /** Null: it may be any. */
  readonly value: string | null
  readonly spanMs: number
}

export interface TrailUpdate extends Placed {
  readonly kind: "trail"
  readonly call: string
  /** It need not be kept before it has gone round twice. */
  readonly lazy: boolean
}

/** It is under way. */
export interface InFlightUpdate extends Placed {
  readonly kind: "flight"
  /** Of the decision. */
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

/** @param now milliseconds, of the call */
export function applyUpdates(memory: Memory, memoryUpdates: readonly MemoryUpdate[], now: number): void {
  if (memoryUpdates.length === 0) return
  memory.sequence += 1
  for (const note of memoryUpdates) applyNote(memory, note, now)
}

function applyNote(memory: Memory, note: MemoryUpdate, now: number): void {
  const { owner, key } = note
  switch (note.kind) {
    case "spend":
      return spend(memory, note, now)
    case "credit":
      return useCredit(memory, note)
    case "mark":
      return mark(memory, note, now)
    case "tally": {
      const tally = memory.tallies.find(owner, key) ?? new SlidingMeter()
      tally.upTo(note.spanMs, now)
      tally.admit(note.amount, now, tallyPrecision(memory, note))
      const surplus = memory.tallies.surplus(owner, key)
      if (surplus !== undefined) memory.tallies.drop(owner, surplus)
      return memory.tallies.set(owner, key, tally)
    }
    case "last":
      return memory.lasts.set(owner, key, { value: note.value, at: now, denied: [] })
    case "denied":
      return memory.lasts.set(owner, key, withDenied(memory, note, now))
    case "trail": {
      const trail = trailOf(memory, note)
      trail.add(note.call)
      return memory.trails.set(owner, key, trail)
    }
    case "flight": {
      const flights: CallsInFlight = memory.flights.find(owner, key) ?? new Map()
      return memory.flights.set(owner, key, flights.set(note.id, note.inFlight))
    }
    default:
      return note satisfies never
  }
}

/** More than a client makes by mistake; beyond it, the last call may have been any. */
const MOST_DENIED = 16

export function withDenied(memory: Memory, { owner, key, value, spanMs }: DeniedLast, now: number): Last {
  const last = memory.lasts.find(owner, key) ?? { value: null, at: now, denied: [] }
  const others = last.denied.filter((each) => each.value !== value && each.at > now - spanMs)
  const denied = others.length < MOST_DENIED ? [...others, { value, at: now }] : [{ value: null, at: now }]
  return { ...last, denied }
}

/** Of a memory that has woken: what was before may have been anything. */
export function trailOf(memory: Memory, { owner, key, lazy }: Omit<TrailUpdate, "kind" | "call">): Trail {
  const known = memory.trails.find(owner, key)
  if (known) return known
  const isAll = !lazy || memory.wokenAt === Number.NEGATIVE_INFINITY
  return isAll ? Trail.empty() : Trail.unknown()
}

/** Entries of a count or a sum that are kept apart: each is a row. */
const TALLIED_APART = 256

export function tallyPrecision(memory: Memory, { owner, spanMs }: Pick<TallyUpdate, "owner" | "spanMs">): Precision {
  return precisionOf(memory.tallies.many(owner), spanMs, TALLIED_APART)
}

function spend(memory: Memory, note: CountUpdate, now: number): void {
  const { owner, key, limit, span, amount } = note
  switch (span.kind) {
    case "sliding": {
      const spanMs = span.seconds * 1000
      if (isFirst(memory, note, now)) {
        const isWritten = writesFirst(memory, note, now)
        memory.sliding.drop(owner, key)
        return memory.onceOf(owner).add(key, now, now - spanMs, isWritten)
      }
      const meter = slidingOf(memory, note, now)
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

/** Whether it is a call of which nothing is known, or that was not made in this span: a fingerprint of it is enough. */
export function isFirst(memory: Memory, { owner, key, span, repeats }: CountUpdate, now: number): boolean {
  const spanMs = spanMsOf(span)
  if (repeats === null || spanMs === null) return false
  const meter = memory.sliding.find(owner, key)
  return meter ? meter.upTo(spanMs, now) === 0 : !memory.onceOf(owner).has(key, now - spanMs)
}

/** Whether a call that was not made before is written down: so it is where one that is not known may have been made. */
export function writesFirst(memory: Memory, { owner, span, repeats }: CountUpdate, now: number): boolean {
  return repeats === "kept" || memory.onceOf(owner).hides(now - (spanMsOf(span) ?? 0))
}

/** What was counted of the key; of a call that may be repeated, what may have been. */
export function slidingOf(
  memory: Memory,
  { owner, key, span, repeats }: Pick<CountUpdate, "owner" | "key" | "span" | "repeats">,
  now: number,
): SlidingMeter {
  const known = memory.sliding.find(owner, key)
  if (known) return known
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

function mark(memory: Memory, note: MarkUpdate, now: number): void {
  const { owner, key, values, most } = note
  for (const surplus of surplusCells(memory, note)) {
    memory.marks.find(owner, surplus)?.clear()
    memory.marks.drop(owner, surplus)
  }
  const marks = memory.marksOf(owner, key)
  for (const value of values) marks.set(value, { at: now, sequence: memory.sequence })
  while (marks.size > most) marks.dropOldest()
  memory.marks.set(owner, key, marks)
}

/** Keys that have to go as the values come. */
export function surplusCells(memory: Memory, { owner, key, values }: MarkUpdate): readonly string[] {
  const marks = memory.marks.find(owner, key)
  const fresh = values.filter((value) => !marks?.get(value)).length
  return memory.surplusOfValues(owner, key, fresh)
}

/** Null: without end. */
export function spanMsOf(span: Span): number | null {
  return span.kind === "life" ? null : span.seconds * 1000
}

export function bucketSizeOf(limit: number, { seconds, burst }: Extract<Span, { kind: "bucket" }>): BucketSize {
  return { limit, burst, spanMs: seconds * 1000 }
}
