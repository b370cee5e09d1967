/**
 * What a log's records add up to. Only the record is read, and each label has few values, whatever callers send: a tool is
 * one of a catalog, a gateway one that is registered, a code one of a table. Catalogs change over the years, so the
 * series of one log are bounded too.
 */
import { UNKNOWN, waitsOf } from "../record/span.ts"
import type { DecisionRecord } from "../record/record.ts"
import { BOUNDS_MS, type Distribution } from "./metric.ts"

/** Of one log. */
const MAX_SERIES = 5_000
/** Instead of a tool for which there is no room. */
const OTHER = "other"

/** As it is stored. Keys are JSON of the values of the labels. */
export interface Counts {
  /** Milliseconds since the epoch: the earliest decision of those that were counted first. Null: none was. */
  readonly since: number | null
  readonly records: number
  readonly folded: number
  readonly decisions: Readonly<Record<string, number>>
  readonly durations: Readonly<Record<string, Distribution>>
  readonly waits: Readonly<Record<string, Distribution>>
}

export const NO_COUNTS: Counts = { since: null, records: 0, folded: 0, decisions: {}, durations: {}, waits: {} }

/** What is counted of a record. */
export type Countable = Pick<
  DecisionRecord,
  "at" | "kind" | "decision" | "code" | "gateway" | "tool" | "number" | "total_ms" | "steps"
>

/** Returns the counts with these records. */
export function counted(before: Counts, records: readonly Countable[]): Counts {
  const decisions = new Map(Object.entries(before.decisions))
  const durations = tallies(before.durations)
  const waits = tallies(before.waits)
  let { folded } = before
  for (const record of records) {
    const { kind, decision, code, total_ms } = record
    const gateway = record.gateway ?? UNKNOWN
    const tool = kind === "call" ? (record.tool ?? UNKNOWN) : ""
    const labels = [kind, decision, code, kind === "call" ? gateway : (record.gateway ?? "")]
    const own = JSON.stringify([...labels, tool])
    const isFull = !decisions.has(own) && decisions.size >= MAX_SERIES
    const key = isFull ? JSON.stringify([...labels, OTHER]) : own
    if (isFull) folded += 1
    decisions.set(key, (decisions.get(key) ?? 0) + 1)
    if (kind !== "call") continue
    tally(durations, gateway, total_ms)
    for (const [step, ms] of Object.entries(waitsOf(record))) tally(waits, step, ms)
  }
  const first = records.reduce((earliest, { at }) => Math.min(earliest, at), Number.POSITIVE_INFINITY)
  return {
    since: before.since ?? (records.length > 0 ? first : null),
    records: before.records + records.length,
    folded,
    decisions: Object.fromEntries(decisions),
    durations: Object.fromEntries(durations),
    waits: Object.fromEntries(waits),
  }
}

interface Tally {
  readonly buckets: number[]
  sumMs: number
}

/** Copies that records are counted into. */
function tallies(of: Readonly<Record<string, Distribution>>): Map<string, Tally> {
  return new Map(Object.entries(of).map(([key, { buckets, sumMs }]) => [key, { buckets: [...buckets], sumMs }]))
}

function tally(into: Map<string, Tally>, key: string, ms: number): void {
  let one = into.get(key)
  if (!one) into.set(key, (one = { buckets: Array.from({ length: BOUNDS_MS.length + 1 }, () => 0), sumMs: 0 }))
  const bucket = BOUNDS_MS.findIndex((bound) => ms <= bound)
  const at = bucket < 0 ? BOUNDS_MS.length : bucket
  one.buckets[at] = (one.buckets[at] ?? 0) + 1
  one.sumMs += ms
}

/** Returns what several logs add up to. */
export function summed(all: readonly Counts[]): Counts {
  const beginnings = all.flatMap(({ since }) => since ?? [])
  return {
    since: beginnings.length > 0 ? Math.min(...beginnings) : null,
    records: all.reduce((sum, { records }) => sum + records, 0),
    folded: all.reduce((sum, { folded }) => sum + folded, 0),
    decisions: merged(
      all.map(({ decisions }) => decisions),
      (one, other) => one + other,
    ),
    durations: merged(
      all.map(({ durations }) => durations),
      added,
    ),
    waits: merged(
      all.map(({ waits }) => waits),
      added,
    ),
  }
}

function added(one: Distribution, other: Distribution): Distribution {
  return {
    buckets: one.buckets.map((count, at) => count + (other.buckets[at] ?? 0)),
    sumMs: one.sumMs + other.sumMs,
  }
}

function merged<Value>(
  tables: readonly Readonly<Record<string, Value>>[],
  add: (one: Value, other: Value) => Value,
): Record<string, Value> {
  const all = new Map<string, Value>()
  for (const [key, value] of tables.flatMap((table) => Object.entries(table))) {
    const before = all.get(key)
    all.set(key, before === undefined ? value : add(before, value))
  }
  return Object.fromEntries(all)
}
