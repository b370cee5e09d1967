/**
 * What a condition remembers of a call that was denied, and that an observing gateway let through all the same. The call
 * may have happened, and it has not been allowed: conditions that deny by past calls (`more`) count it, and those that deny
 * for want of one (`fewer`) do not. So whatever the condition, such a call can only deny more.
 */
import type { CallFacts } from "./field.ts"
import type { Heard } from "./kind.ts"
import type { Direction, Setting } from "./listener.ts"
import type { Memory } from "./memory.ts"
import type { Mark } from "./meter/marks.ts"
import type { Monitor } from "./monitor.ts"
import type { Note } from "./memory-update.ts"

/**
 * What one call leaves, read in a direction: with `fewer`, what cannot be known of it makes it none of those that the
 * condition names; with `more`, it makes it a denial.
 */
export type Hear = (facts: CallFacts, memory: Memory, now: number, by: Direction) => Heard

/** @param slackMs how much of a later time may be lost: none, if the order of calls matters */
export function heard(
  { owner, denies, hears }: Setting,
  spanMs: number,
  slackMs: number,
  hear: Hear,
): Pick<Monitor, "hear" | "hearDenied" | "hearAny"> {
  const hearAllowed: Monitor["hear"] = (facts, memory, now) => hear(facts, memory, now, hears)
  if (denies === "fewer") return { hear: hearAllowed, hearDenied: () => [], hearAny: () => [] }
  const anything: Note = {
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
  const orAnything = ({ denial, notes }: Heard): readonly Note[] => (denial ? [anything] : notes)
  return {
    hear: (facts, memory, now) => {
      const allowed = hearAllowed(facts, memory, now)
      // The second reading of a condition denies no call that the first one lets be.
      return hears === "fewer" ? { denial: null, notes: orAnything(allowed) } : allowed
    },
    hearDenied: (facts, memory, now) => orAnything(hear(facts, memory, now, denies)),
    hearAny: () => [anything],
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
