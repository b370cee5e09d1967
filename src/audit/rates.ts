/**
 * How many recent decisions allowed and denied, by slots of time, counted where the records are. An id begins with its
 * time, so a slot is a prefix of ids, and no record has to be read.
 */
import { firstIdAt, timeOf } from "../core/encoding/ids.ts"
import { allLogs } from "./record-logs.ts"
import type { RecordQuery } from "./record-query.ts"

/** Of the ten characters of a time; each omitted character multiplies the slot by 32. */
const SLOT_CHARACTERS = 7
export const SLOT_MS = 32 ** 3
/** Not quite eleven minutes. */
export const SLOTS = 20

export interface Rates {
  /** Milliseconds that a slot lasts. */
  readonly slot_ms: number
  /** The oldest first; `at` is its beginning, in milliseconds. */
  readonly slots: readonly { readonly at: number; readonly allowed: number; readonly denied: number }[]
}

export type RateQuery = Omit<RecordQuery, "before" | "after" | "limit">

export async function countRates(env: Env, query: RateQuery, now: number): Promise<Rates> {
  const last = Math.floor(now / SLOT_MS)
  const starts = Array.from({ length: SLOTS }, (_, index) => (last - SLOTS + 1 + index) * SLOT_MS)
  const [first = 0] = starts
  const from = slotAt(first)
  const found = await Promise.all(
    allLogs(env).map((log) => log.rates({ ...query, after: from, limit: 0 }, from.length)),
  )
  const counts = new Map<number, { allowed: number; denied: number }>()
  for (const { slot, allowed, denied } of found.flat()) {
    const at = startOf(slot)
    const before = counts.get(at) ?? { allowed: 0, denied: 0 }
    counts.set(at, { allowed: before.allowed + allowed, denied: before.denied + denied })
  }
  const slots = starts.map((at) => {
    const { allowed = 0, denied = 0 } = counts.get(at) ?? {}
    return { at, allowed, denied }
  })
  return { slot_ms: SLOT_MS, slots }
}

/** The prefix of ids that are made in a slot. */
const slotAt = (at: number): string => firstIdAt("dec", at).slice(0, "dec_".length + SLOT_CHARACTERS)
const startOf = (slot: string): number => timeOf(slot.padEnd("dec_".length + 26, "0")) ?? 0
