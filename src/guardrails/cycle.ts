/** Circles: the same few calls, gone through again and again, none of which repeats the one before it. */
import type { Cycle } from "./definition.ts"
import { keyReader, readerOf, isUnread, unreadable } from "./field.ts"
import { judged, NOTHING, type Instrument } from "./instrument.ts"
import { trailOf } from "./note.ts"
import { coversCall, coversTool } from "./selector.ts"

export function cycleInstrument(cycle: Cycle): Instrument {
  const { id, of: selector, longest, times, consequence } = cycle
  const callOf = readerOf("call")
  const keyOf = keyReader([cycle.per])
  return {
    guardrail: cycle,
    judges: (tool) => coversTool(selector, tool),
    hears: () => false,
    judge: (facts, memory) => {
      if (!coversCall(selector, facts, true)) return NOTHING
      const [key, call] = [keyOf(facts), callOf(facts)]
      if (isUnread(key)) return judged(unreadable(id, key))
      if (isUnread(call)) return judged(unreadable(id, call))
      const place = { owner: `${id}:cycle`, key, longest }
      const trail = trailOf(memory, place)
      const runs = trail.runsWith(call, longest)
      // With the first time round there is nothing to be the same as; and one call over and over is no circle.
      const closed = runs.findIndex((run, index) => run >= (index + 2) * (times - 1) && !trail.isOnly(call, index + 1))
      const use = { guardrail: id, kind: cycle.kind, holds: closed < 0 }
      if (closed < 0) return judged(null, { use, notes: [{ kind: "trail", ...place, call }] })
      return judged({ reason: "calls_circle", guardrail: id, length: closed + 2, times, consequence }, { use })
    },
    hear: () => NOTHING,
  }
}
