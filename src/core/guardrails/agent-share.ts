/**
 * What one agent may take up of the memory that a user's agents share. An agent chooses the arguments of its calls, and
 * with them how many keys and values a guardrail has to remember. So what is new is counted for the agent that brings it,
 * for a span. An agent that has brought as much as one may finds the memory full as soon as it holds that much; for the
 * others it holds more. Once it is full for them too, an agent is denied more that has brought its equal part of it.
 */
import type { Field } from "./definition.ts"
import { slidingOf, type MemoryUpdate } from "./memory-update.ts"
import { WHOLE_ROOM, type Memory, type Room } from "./memory.ts"
import type { HistoryKey } from "./history-key.ts"

/** What an agent cannot choose in so many ways that it matters. */
const FEW: ReadonlySet<Field> = new Set([
  "user",
  "user_or_agent",
  "agent",
  "purpose",
  "tool",
  "server",
  "gateway",
  "environment",
])

/** Times as much as one agent alone: from when on each has an equal part, and what nobody gets beyond. */
const SHARED_FROM = 1.6
const SHARED_MOST = 6.4

/** Whether agents share the memory of a guardrail with this key, and choose how many values the key has. */
export function isCrowded(history: string, per: readonly Field[]): boolean {
  return history === "user" && per.some((field) => !FEW.has(field))
}

/** A guardrail in a memory, and for how long it remembers. */
export interface Crowded {
  readonly memory: Memory
  readonly owner: string
  readonly seconds: number
}

/** How many keys and values there may be, for this agent to bring one more. */
export function roomFor(crowded: Crowded, agent: HistoryKey, now: number): Room {
  return { keys: mostFor(crowded, agent, "keys", now), values: mostFor(crowded, agent, "values", now) }
}

function mostFor({ memory, owner, seconds }: Crowded, agent: HistoryKey, what: keyof Room, now: number): number {
  const all = WHOLE_ROOM[what]
  const brought = { owner: `${owner} ${what}`, key: agent, span: { kind: "sliding", seconds }, repeats: null } as const
  const own = slidingOf(memory, brought, now).upTo(seconds * 1000, now)
  if (own >= all) return all
  const part = (SHARED_FROM * all) / Math.max(1, memory.sliding.many(brought.owner))
  return all * (own < part ? SHARED_MOST : SHARED_FROM)
}

/** What an admitted call that brings so much that is new adds to the agent's count. */
export function brings({ owner, seconds }: Crowded, agent: HistoryKey, many: Room): readonly MemoryUpdate[] {
  return (["keys", "values"] as const).flatMap((what) =>
    many[what] === 0
      ? []
      : [
          {
            kind: "spend",
            owner: `${owner} ${what}`,
            key: agent,
            amount: many[what],
            limit: WHOLE_ROOM[what],
            span: { kind: "sliding", seconds },
            repeats: null,
          },
        ],
  )
}
