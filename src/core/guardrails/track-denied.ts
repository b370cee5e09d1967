/**
 * What a condition remembers of a denied call that an observing gateway allowed. The call may have happened, but it was
 * not allowed: conditions that deny because of past calls (`more`) count it, and those that deny for lack of one
 * (`fewer`) do not. So whatever the condition, such a call can only deny more.
 */
import type { Monitor, Direction, Setting } from "./compiled-condition.ts"
import type { CallFacts } from "./field.ts"
import type { TrackResult } from "./kind.ts"
import type { Memory } from "./memory.ts"
import type { Mark } from "./meter/marks.ts"
import type { MemoryUpdate } from "./memory-update.ts"

/**
 * What one call adds, read in a direction: with `fewer`, an unknown fact means that the call does not match; with
 * `more`, it is a denial.
 */
export type Track = (facts: CallFacts, memory: Memory, now: number, by: Direction) => TrackResult

/** @param slackMs how much of a later time may be lost; none if the order of calls matters */
export function trackersOf(
  { owner, denies, tracks }: Setting,
  spanMs: number,
  slackMs: number,
  track: Track,
): Pick<Monitor, "track" | "trackDenied" | "trackAny"> {
  const trackAllowed: Monitor["track"] = (facts, memory, now) => track(facts, memory, now, tracks)
  if (denies === "fewer") return { track: trackAllowed, trackDenied: () => [], trackAny: () => [] }
  const anything: MemoryUpdate = {
    kind: "mark",
    owner: ownerOfAnything(owner),
    key: "",
    values: [""],
    spanMs,
    slackMs,
    late: true,
    most: 1,
  }
  // A call that cannot be stored as it was may have been any matching call.
  const orAnything = ({ denial, memoryUpdates }: TrackResult): readonly MemoryUpdate[] =>
    denial ? [anything] : memoryUpdates
  return {
    track: (facts, memory, now) => {
      const allowed = trackAllowed(facts, memory, now)
      // The second evaluation of a condition denies no call that the first one allows.
      return tracks === "fewer" ? { denial: null, memoryUpdates: orAnything(allowed) } : allowed
    },
    trackDenied: (facts, memory, now) => orAnything(track(facts, memory, now, denies)),
    trackAny: () => [anything],
  }
}

/** Returns the last denied call of which it is unknown what it was: it may have been any matching call. */
export function markOfAnything(memory: Memory, owner: string): Mark | undefined {
  return memory.marks.find(ownerOfAnything(owner), "")?.get("")
}

/** Returns the last occurrence of a value, or of a call that may have had it. */
export function lastMark(memory: Memory, owner: string, value: string): Mark | undefined {
  const mark = memory.marks.find(owner, "")?.get(value)
  const anything = markOfAnything(memory, owner)
  return anything && (!mark || anything.sequence > mark.sequence) ? anything : mark
}

/** No condition has such an owner. */
function ownerOfAnything(owner: string): string {
  return `${owner}*`
}
