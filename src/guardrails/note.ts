/** What an admitted call leaves in the memory of its tree: made by guardrails, applied here, kept by the ledger. */
import type { Span } from "./definition.ts"
import { MOST_KEYS, type Flight, type Flights, type Last, type Memory } from "./memory.ts"
import { BucketMeter, type BucketSize } from "./meter/bucket.ts"
import { Marks } from "./meter/marks.ts"
import { PeriodMeter } from "./meter/period.ts"
import { SlidingMeter } from "./meter/sliding.ts"
import { Tally, type Threshold } from "./meter/tally.ts"
import { Trail } from "./meter/trail.ts"

interface Placed {
  readonly owner: string
  readonly key: string
}

/** An amount of a limit. */
export interface Spend extends Placed {
  readonly kind: "spend"
  readonly amount: number
  /** Of how much, and for how long it counts. */
  readonly limit: number
  readonly span: Span
  /**
   * The first of a key need not be kept: whoever has forgotten it counts one for every key that is not known. So
   * what is never repeated is never written.
   */
  readonly lazy: boolean
  /** Nothing else of its key counts now. */
  readonly first: boolean
}

/** Of what a shared count has lent. */
export interface Crediting extends Placed {
  readonly kind: "credit"
  readonly amount: number
}

/** A value was there. */
export interface Marking extends Placed {
  readonly kind: "mark"
  readonly value: string
  /** For how long that matters; null: for ever. */
  readonly spanMs: number | null
  /** How much of a later time may be lost. */
  readonly slackMs: number
  /** Where time was lost, the value counts as having been there later, or as it was kept. */
  readonly late: boolean
  /** More values than this are not kept, the oldest go; infinity: there is always room, or the call was denied. */
  readonly most: number
}

export interface Tallying extends Placed {
  readonly kind: "tally"
  readonly amount: number
  readonly threshold: Threshold
  readonly spanMs: number
}

/** What the last call was. */
export interface Lasting extends Placed {
  readonly kind: "last"
  readonly value: string | null
  readonly spanMs: number
  readonly slackMs: number
  readonly late: boolean
}

export interface Trailing extends Placed {
  readonly kind: "trail"
  readonly call: string
  readonly longest: number
  /** It need not be kept before it has gone round once. */
  readonly lazy: boolean
}

/** It is under way. */
export interface Flying extends Placed {
  readonly kind: "flight"
  /** Of the decision. */
  readonly id: string
  readonly flight: Flight
}

export type Note = Spend | Crediting | Marking | Tallying | Lasting | Trailing | Flying

/** @param now milliseconds, of the call */
export function applyNotes(memory: Memory, notes: readonly Note[], now: number): void {
  if (notes.length === 0) return
  memory.sequence += 1
  for (const note of notes) applyNote(memory, note, now)
}

function applyNote(memory: Memory, note: Note, now: number): void {
  const { owner, key } = note
  switch (note.kind) {
    case "spend":
      return spend(memory, note, now)
    case "credit":
      return useCredit(memory, note)
    case "mark":
      return mark(memory, note, now)
    case "tally": {
      const tally = memory.tallies.find(owner, key) ?? new Tally()
      tally.add(note.amount, note.threshold, note.spanMs, now)
      return memory.tallies.set(owner, key, tally)
    }
    case "last":
      return memory.lasts.set(owner, key, { value: note.value, at: now } satisfies Last)
    case "trail": {
      const trail = trailOf(memory, note)
      trail.add(note.call, note.longest)
      return memory.trails.set(owner, key, trail)
    }
    case "flight": {
      const flights: Flights = memory.flights.find(owner, key) ?? new Map()
      return memory.flights.set(owner, key, flights.set(note.id, note.flight))
    }
    default:
      return note satisfies never
  }
}

/** The spans of a memory that has woken begin with what it may have forgotten. */
export function trailOf(memory: Memory, { owner, key, longest, lazy }: Omit<Trailing, "kind" | "call">): Trail {
  const known = memory.trails.find(owner, key)
  if (known) return known
  const isAll = !lazy || memory.forgottenAt(owner) === Number.NEGATIVE_INFINITY
  return isAll ? Trail.empty() : Trail.unknown(longest)
}

function spend(memory: Memory, { owner, key, limit, span, amount, lazy }: Spend, now: number): void {
  switch (span.kind) {
    case "sliding": {
      let meter = memory.sliding.find(owner, key)
      if (!meter) {
        if (lazy && !memory.sliding.hasRoom(owner, key, () => false)) forgetOne(memory, owner, now)
        memory.sliding.set(owner, key, (meter = slidingOf(memory, owner, key, lazy)))
      }
      return meter.admit(amount, now)
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

/** A key of which nothing is known may have been counted once, where that is remembered lazily. */
export function slidingOf(memory: Memory, owner: string, key: string, lazy: boolean): SlidingMeter {
  const known = memory.sliding.find(owner, key)
  if (known) return known
  const meter = new SlidingMeter()
  const forgottenAt = lazy ? memory.forgottenAt(owner) : Number.NEGATIVE_INFINITY
  if (forgottenAt !== Number.NEGATIVE_INFINITY) meter.admit(1, forgottenAt)
  return meter
}

/** One that was counted once; from now on every key that is not known counts as such a one. */
function forgetOne(memory: Memory, owner: string, now: number): void {
  const spared = spareKey(memory, owner)
  if (spared === undefined) return
  memory.sliding.drop(owner, spared)
  memory.forgotten.set(owner, now)
}

export function spareKey(memory: Memory, owner: string): string | undefined {
  return memory.sliding.spare(owner, ({ total }) => total <= 1)
}

function useCredit(memory: Memory, { owner, key, amount }: Crediting): void {
  const credit = memory.credits.find(owner, key)
  if (!credit) throw new Error("credit is used that was never lent")
  memory.credits.set(owner, key, { left: credit.left - amount, used: credit.used + amount, refused: null, over: null })
}

function mark(memory: Memory, { owner, key, value, most }: Marking, now: number): void {
  const marks = memory.marks.find(owner, key) ?? new Marks()
  marks.set(value, { at: now, sequence: memory.sequence })
  while (marks.size > Math.min(most, MOST_KEYS)) marks.dropOldest()
  memory.marks.set(owner, key, marks)
}

/** Null: without end. */
export function spanMsOf(span: Span): number | null {
  return span.kind === "life" ? null : span.seconds * 1000
}

export function bucketSizeOf(limit: number, { seconds, burst }: Extract<Span, { kind: "bucket" }>): BucketSize {
  return { limit, burst, spanMs: seconds * 1000 }
}
