/** Calls of the past that a condition looks back at: whether a call is such, and what ties it to one that is judged. */
import type { Tool } from "../catalog/tool.ts"
import type { Denial } from "../denials/denial.ts"
import type { Monitor, Direction, Setting, Compile } from "./compiled-condition.ts"
import type { Pattern } from "./condition.ts"
import { isUnread, keyReader, unreadable, type CallFacts } from "./field.ts"
import type { Memory } from "./memory.ts"
import { coversCall, coversTool } from "./selector.ts"

/** Under a `not`, an `at_most` or what undoes: there an error in the other direction denies. */
export function turned(setting: Setting): Setting {
  return { ...setting, denies: other(setting.denies), tracks: other(setting.tracks) }
}
const other = (direction: Direction): Direction => (direction === "fewer" ? "more" : "fewer")

/** Whether a call is such as a pattern says, and what ties it to one that is judged. */
export interface Listener {
  readonly covers: (tool: Tool) => boolean
  /** Null: it is none. A denial: it cannot be known, and not to know would be to admit too much. */
  readonly tie: (facts: CallFacts, memory: Memory, now: number, by: Direction) => string | null | Denial
  /**
   * What ties it, if it may be such although `tie` says that it is none: `when` can hang on a call that was denied, and
   * such a call must not be why something of this one need not be read.
   */
  readonly possibleTie: (facts: CallFacts, memory: Memory, now: number) => string | null
  /** Of a call that is judged. */
  readonly ask: (facts: CallFacts) => string | Denial
  readonly monitors: readonly Monitor[]
}

/** @param reads whether something of such calls has to be read: an amount, or values */
export function listen(pattern: Pattern, setting: Setting, compile: Compile, reads = false): Listener {
  const { guardrail, owner, denies, tracks } = setting
  const past = keyReader(pattern.where.map((tie) => tie.past))
  const present = keyReader(pattern.where.map((tie) => tie.present))
  const when = pattern.when && compile(pattern.when, { ...setting, owner: `${owner}?` })
  const possibly =
    pattern.when && reads && denies === "fewer"
      ? compile(pattern.when, { guardrail, owner: `${owner}?+`, denies: "more", tracks })
      : null
  return {
    covers: (tool) => coversTool(pattern, tool),
    monitors: [...(when?.monitors ?? []), ...(possibly?.monitors ?? [])],
    tie: (facts, memory, now, by) => {
      if (!coversTool(pattern, facts.tool) || !coversCall(pattern, facts, by === "more")) return null
      const answer = when ? when.ask(facts, memory, now) : true
      if (answer === false) return null
      if (typeof answer === "object") return by === "more" ? answer : null
      const key = past(facts)
      if (!isUnread(key)) return key
      // A value that does not exist is never asked for; one that exists, and cannot be seen, may be.
      return by === "more" && key.because !== "absent" && key.because !== "unasserted"
        ? unreadable(guardrail, key)
        : null
    },
    possibleTie: (facts, memory, now) => {
      if (!possibly || !coversTool(pattern, facts.tool) || !coversCall(pattern, facts, false)) return null
      if (possibly.ask(facts, memory, now) !== true) return null
      const key = past(facts)
      return isUnread(key) ? null : key
    },
    ask: (facts) => {
      const key = present(facts)
      return isUnread(key) ? unreadable(guardrail, key) : key
    },
  }
}
