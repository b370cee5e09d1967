/**
 * What a condition remembers of a call that was denied, and that an observing gateway let through all the same. The call
 * may have happened, and it has not been allowed: conditions that deny by past calls (`more`) count it, and those that deny
 * for want of one (`fewer`) do not. So whatever the condition, such a call can only deny more.
 */
import type { Monitor, Direction, Setting } from "./compiled-condition.ts"
import type { CallFacts } from "./field.ts"
import type { TrackResult } from "./kind.ts"
import type { Memory } from "./memory.ts"
import type { Mark } from "./meter/marks.ts"
import type { MemoryUpdate } from "./memory-update.ts"

/**
 * What one call leaves, read in a direction: with `fewer`, what cannot be known of it makes it none of those that the
 * condition names; with `more`, it makes it a denial.
 */
export type Track = (facts: CallFacts, memory: Memory, now: number, by: Direction) => TrackResult

/** @param slackMs how much of a later time may be lost: none, if the order of calls matters */
export function heard(
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
  // What cannot be kept as the call that it was may have been any.
  const orAnything = ({ denial, memoryUpdates }: TrackResult): readonly MemoryUpdate[] =>
    denial ? [anything] : memoryUpdates
  return {
    track: (facts, memory, now) => {
      const allowed = trackAllowed(facts, memory, now)
      // The second reading of a condition denies no call that the first one lets be.
      return tracks === "fewer" ? { denial: null, memoryUpdates: orAnything(allowed) } : allowed
    },
    trackDenied: (facts, memory, now) => orAnything(track(facts, memory, now, denies)),
    trackAny: () => [anything],
  }
}

/** When a denied call was there of which it is not known what it was: it may have been any that the condition names. */
export function markOfAnything(memory: Memory, owner: string): Mark | undefined {
  return memory.marks.find(ownerOfAnything(owner), "")?.get("")
}

/** When a value was last there, or may have been. */
export function lastMark(memory: Memory, owner: string, value: string): Mark | undefined {
  const known = memory.marks.find(owner, "")?.get(value)
  const anything = markOfAnything(memory, owner)
  return anything && (!known || anything.sequence > known.sequence) ? anything : known
}

/** No condition is called so. */
function ownerOfAnything(owner: string): string {
  return `${owner}*`
}
