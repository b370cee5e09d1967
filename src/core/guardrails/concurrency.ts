/**
 * Calls in flight: so many at once for each key. Nobody tells an authorizer when a call has ended; so each counts from
 * its admission for as long as its tool takes at most, or until one who sees the end says so (`settle`).
 */
import type { Concurrency } from "./definition.ts"
import { isUnread, keyReader, unreadable } from "./field.ts"
import { judged, NOTHING, type GuardrailKind } from "./kind.ts"
import type { CallsInFlight, Memory } from "./memory.ts"
import type { MemoryUpdate } from "./memory-update.ts"
import { coversCall, coversTool } from "./selector.ts"

/** Of a tool whose calls take nobody knows how long; whoever sees their ends says so much sooner. Seconds. */
const LONGEST_CALL = 3_600

export function concurrencyInstrument(concurrency: Concurrency): GuardrailKind {
  const { id: guardrail, kind, of: selector, limit, consequence } = concurrency
  const keyOf = keyReader(concurrency.per)
  return {
    guardrail: concurrency,
    appliesTo: (tool) => coversTool(selector, tool),
    tracks: () => false,
    evaluate: (facts, memory, now) => {
      if (!coversCall(selector, facts, true)) return NOTHING
      const key = keyOf(facts)
      if (isUnread(key)) return judged(unreadable(guardrail, key))
      const owner = flightsOwner(concurrency)
      const flights = memory.flights.find(owner, key)
      if (!flights && !memory.flights.hasRoom(owner, key, (each) => latest(each) <= now)) {
        return judged({ reason: "history_full", guardrail })
      }
      const ends: number[] = []
      for (const [call, { until }] of flights ?? []) {
        if (until > now) ends.push(until)
        else flights?.delete(call)
      }
      const used = ends.length
      const use = { guardrail, kind, holds: used < limit, used, asked: 1, limit }
      const until = now + (facts.tool.duration ?? LONGEST_CALL) * 1000
      const inFlight = { until, gateway: facts.gateway }
      const memoryUpdates: readonly MemoryUpdate[] = [{ kind: "flight", owner, key, id: facts.decision, inFlight }]
      if (used < limit) return judged(null, { use, memoryUpdates })
      const retry_after = Math.max(1, Math.ceil((Math.min(...ends) - now) / 1000))
      const denial = { reason: "too_many_at_once", guardrail, limit, retry_after, consequence } as const
      return judged(denial, { use, memoryUpdates: consequence === "approve" ? memoryUpdates : [] })
    },
    track: () => NOTHING,
  }
}

/** As a memory knows it. */
export function flightsOwner({ id }: Concurrency): string {
  return `${id}:flights`
}

/** A call has ended. @returns whether the gateway had let it through, and it was still under way */
export function settleCall(memory: Memory, decision: string, gateway: string): boolean {
  let found = false
  for (const [, , flights] of memory.flights) {
    if (flights.get(decision)?.gateway === gateway) found = flights.delete(decision) || found
  }
  return found
}

function latest(flights: CallsInFlight): number {
  let latest = Number.NEGATIVE_INFINITY
  for (const { until: time } of flights.values()) latest = Math.max(latest, time)
  return latest
}
