/**
 * Calls in flight: at most so many at once for each key. An authorizer does not see the end of a call, so each call
 * counts until a gateway that sees its end settles it, or until the tool's longest duration has passed.
 */
import { brings, isCrowded, roomFor } from "./agent-share.ts"
import type { Field, GuardrailDefinition } from "./definition.ts"
import { isUnread, keyReader, unreadable } from "./field.ts"
import { evaluationOf, NOTHING, TRACKS_NOTHING, type CompiledGuardrail, type GuardrailKind } from "./kind.ts"
import { historyOf, isOfFleet } from "./limit-definition.ts"
import { WHOLE_ROOM, type CallsInFlight, type Memory } from "./memory.ts"
import type { MemoryUpdate } from "./memory-update.ts"
import { coversCall, coversTool } from "./selector.ts"

export interface Concurrency extends GuardrailDefinition {
  readonly kind: "concurrency"
  readonly limit: number
  /** Contains `task`, `tree` or the user. */
  readonly per: readonly Field[]
}

export const concurrency: GuardrailKind<Concurrency> = {
  doc: "At most so many calls in flight at once. A call counts until its gateway reports its end, or until the longest duration of its tool has passed.",
  gauges: { concurrency: "at once" },
  compile,
  coversLifecycle: () => false,
  count: ({ per }) => ({ per, of: null }),
  conditionArguments: () => [],
  gauge: (definition) => ({
    kind: "concurrency",
    measure: "calls",
    limit: definition.limit,
    seconds: null,
    history: historyOf(definition),
    isShared: false,
    isSharedByFleet: false,
    per: definition.per,
    counts: (memory, now) =>
      [...memory.flights.of(ownerOf(definition))].map(([key, calls]) => [
        key,
        [...calls.values()].filter(({ until }) => until > now).length,
      ]),
  }),
  written: (definition) => definition,
  recordedDenial: ({ id: guardrail, limit, consequence }) => ({
    reason: "too_many_at_once",
    guardrail,
    limit,
    retry_after: 1,
    consequence,
  }),
}

/** Seconds, for a tool without a duration. A gateway that settles calls ends them much sooner. */
const LONGEST_CALL = 3_600

function compile(concurrency: Concurrency): CompiledGuardrail<Concurrency> {
  const { id: guardrail, kind, of: selector, limit, consequence } = concurrency
  const keyOf = keyReader(concurrency.per)
  const owner = ownerOf(concurrency)
  const history = historyOf(concurrency)
  const crowded = isCrowded(history, concurrency.per)
  const ofFleet = isOfFleet(concurrency)
  return {
    ...TRACKS_NOTHING,
    guardrail: concurrency,
    history,
    countsObserved: true,
    denialObserver: null,
    appliesTo: (tool) => coversTool(selector, tool),
    evaluate: (facts, memory, now) => {
      if (!coversCall(selector, facts, true)) return NOTHING
      const key = keyOf(facts)
      if (isUnread(key)) return evaluationOf(unreadable(guardrail, key))
      // Calls in flight are not lent, and no ledger of the agent knows those of the others.
      if (ofFleet && facts.fleet?.isSplit) return evaluationOf({ reason: "limit_unavailable", guardrail })
      const flights = memory.flights.find(owner, key)
      const share = { memory, owner, seconds: LONGEST_CALL }
      const most = crowded ? roomFor(share, facts.historyKey, now) : WHOLE_ROOM
      if (!memory.flights.hasRoom(owner, key, (each) => latest(each) <= now, most.keys)) {
        return evaluationOf({ reason: "history_full", guardrail })
      }
      const ends: number[] = []
      for (const [call, { until }] of flights ?? []) {
        if (until > now) ends.push(until)
        else flights?.delete(call)
      }
      const used = ends.length
      const use = { asked: 1, guardrail, holds: used < limit, kind, limit, used }
      const until = now + (facts.tool.duration ?? LONGEST_CALL) * 1000
      const inFlight = { until, gateway: facts.gateway, task: facts.task }
      const brought = crowded ? brings(share, facts.historyKey, { keys: flights ? 0 : 1, values: 0 }) : []
      const memoryUpdates: readonly MemoryUpdate[] = [
        { kind: "flight", owner, key, id: facts.decision, inFlight },
        ...brought,
      ]
      if (used < limit) return evaluationOf(null, { use, memoryUpdates })
      const retry_after = Math.max(1, Math.ceil((Math.min(...ends) - now) / 1000))
      const denial = { reason: "too_many_at_once", guardrail, limit, retry_after, consequence } as const
      return evaluationOf(denial, { use, memoryUpdates: consequence === "approve" ? memoryUpdates : [] })
    },
  }
}

/** The name of the memory's owner. */
function ownerOf({ id }: Concurrency): string {
  return `${id}:flights`
}

/**
 * Records that a call has ended.
 * @param task that made the call, as the gateway states it. Null: any task
 * @returns whether this gateway had allowed the call, and it was still in flight
 */
export function settleCall(memory: Memory, decision: string, gateway: string, task: string | null): boolean {
  let found = false
  for (const [, , flights] of memory.flights) {
    const flight = flights.get(decision)
    if (flight?.gateway !== gateway) continue
    if (task !== null && flight.task !== task) continue
    found = flights.delete(decision) || found
  }
  return found
}

function latest(flights: CallsInFlight): number {
  let latest = Number.NEGATIVE_INFINITY
  for (const { until: time } of flights.values()) latest = Math.max(latest, time)
  return latest
}
