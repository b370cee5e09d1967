/** Circles: the same few calls, gone through again and again, none of which repeats the one before it. */
import type { Cycle } from "./definition.ts"
import { keyReader, readerOf, isUnread, unreadable } from "./field.ts"
import { judged, NOTHING, type GuardrailKind } from "./kind.ts"
import { trailOf } from "./memory-update.ts"
import { coversCall, coversTool } from "./selector.ts"

/** Where the second time round is one too many, nothing may be forgotten: any call might be it. */
const LAZY_FROM = 3

export function cycleInstrument(cycle: Cycle): GuardrailKind {
  const { id, of: selector, longest, times, consequence } = cycle
  const callOf = readerOf("call")
  const keyOf = keyReader([cycle.per])
  return {
    guardrail: cycle,
    appliesTo: (tool) => coversTool(selector, tool),
    tracks: () => false,
    evaluate: (facts, memory) => {
      if (!coversCall(selector, facts, true)) return NOTHING
      const [key, call] = [keyOf(facts), callOf(facts)]
      if (isUnread(key)) return judged(unreadable(id, key))
      if (isUnread(call)) return judged(unreadable(id, call))
      const lazy = times >= LAZY_FROM
      const place = { owner: `${id}:cycle`, key, lazy }
      const trail = trailOf(memory, place)
      // With the first time round there is nothing to be the same as. One call again and again is no circle.
      const closed = trail
        .runsWith(call)
        .slice(0, longest - 1)
        .findIndex((run, index) => run >= (index + 2) * (times - 1) && !trail.repeats(call, index + 1))
      const use = { guardrail: id, kind: cycle.kind, holds: closed < 0 }
      if (closed < 0) return judged(null, { use, memoryUpdates: [{ kind: "trail", ...place, call }] })
      const memoryUpdates = consequence === "approve" ? [{ kind: "trail", ...place, call } as const] : []
      return judged(
        { reason: "calls_circle", guardrail: id, length: closed + 2, times, consequence },
        { use, memoryUpdates },
      )
    },
    track: () => NOTHING,
  }
}
