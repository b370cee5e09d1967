/**
 * What a condition remembers of a call that was denied, and that an observing gateway let through all the same. The call
 * may have happened, and it has not been allowed: conditions that deny by past calls (`more`) count it, and those that deny
 * for want of one (`fewer`) do not. So whatever the condition, such a call can only deny more.
 */
import type { CallFacts } from "./field.ts"
import type { Heard } from "./instrument.ts"
import type { Setting } from "./listener.ts"
import type { Memory } from "./memory.ts"
import type { Mark } from "./meter/marks.ts"
import type { Monitor } from "./monitor.ts"
import type { Note } from "./note.ts"

/** @param slackMs how much of a later time may be lost: none, if the order of calls matters */
export function denied(
  { owner, denies }: Setting,
  spanMs: number,
  slackMs: number,
  hear: (facts: CallFacts, memory: Memory, now: number) => Heard,
): Pick<Monitor, "hearDenied" | "hearAny"> {
  if (denies === "fewer") return { hearDenied: () => [], hearAny: () => [] }
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
  return {
    hearDenied: (facts, memory, now) => {
      const { denial, notes } = hear(facts, memory, now)
      // Which call it was cannot be read, or not be kept. It has happened, so it may have been any.
      return denial ? [anything] : notes
    },
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
