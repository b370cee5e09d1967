/**
 * Matches past calls against the pattern of a condition, and computes the key that ties a past call to the call under
 * evaluation.
 */
import type { Tool } from "../catalog/tool.ts"
import type { Denial } from "../denials/denial.ts"
import type { Monitor, Direction, Setting, Compile } from "./compiled-condition.ts"
import type { Pattern } from "./condition.ts"
import { isUnread, keyReader, unreadable, type CallFacts } from "./field.ts"
import type { Memory } from "./memory.ts"
import { coversCall, coversTool } from "./selector.ts"

/**
 * Reverses the directions, for a `not`, an `at_most` or an undoing event, in which an error of the other kind denies.
 */
export function reversed(setting: Setting): Setting {
  return { ...setting, denies: other(setting.denies), tracks: other(setting.tracks) }
}
const other = (direction: Direction): Direction => (direction === "fewer" ? "more" : "fewer")

/** Matches calls against a pattern, and computes the key that ties them to the call under evaluation. */
export interface EventMatcher {
  readonly covers: (tool: Tool) => boolean
  /**
   * Null if the call does not match. A denial if that cannot be determined, because ignoring the call would allow too
   * much.
   */
  readonly tie: (facts: CallFacts, memory: Memory, now: number, by: Direction) => string | null | Denial
  /**
   * The key, if the call may match although `tie` returns null: `when` can depend on a denied call, and such a call
   * must not be the reason why a field of this one need not be read.
   */
  readonly possibleTie: (facts: CallFacts, memory: Memory, now: number) => string | null
  /** Returns the key of the call under evaluation. */
  readonly ask: (facts: CallFacts) => string | Denial
  readonly monitors: readonly Monitor[]
}

/** @param reads whether a field of matching calls must be read: an amount, or values */
export function matcherOf(pattern: Pattern, setting: Setting, compile: Compile, reads = false): EventMatcher {
  const { guardrail, owner, denies, isOfTree } = setting
  const past = keyReader(
    pattern.where.map((tie) => tie.past),
    isOfTree,
  )
  const present = keyReader(
    pattern.where.map((tie) => tie.present),
    isOfTree,
  )
  const when = pattern.when && compile(pattern.when, { ...setting, owner: `${owner}?` })
  const possibly =
    pattern.when && reads && denies === "fewer"
      ? compile(pattern.when, { ...setting, owner: `${owner}?+`, denies: "more" })
      : null
  return {
    covers: (tool) => coversTool(pattern, tool),
    monitors: [...(when?.monitors ?? []), ...(possibly?.monitors ?? [])],
    tie: (facts, memory, now, by) => {
      facts.arguments.draw(UNITS_OF_PATTERN)
      if (!coversTool(pattern, facts.tool) || !coversCall(pattern, facts, by === "more")) return null
      const answer = when ? when.ask(facts, memory, now) : true
      if (answer === false) return null
      if (typeof answer === "object") return by === "more" ? answer : null
      const key = past(facts)
      if (!isUnread(key)) return key
      // A value that does not exist is never compared; one that exists and is not visible may be.
      return by === "more" && key.because !== "absent" && key.because !== "unasserted"
        ? unreadable(guardrail, key)
        : null
    },
    possibleTie: (facts, memory, now) => {
      facts.arguments.draw(UNITS_OF_PATTERN)
      if (!possibly || !coversTool(pattern, facts.tool) || !coversCall(pattern, facts, false)) return null
      if (possibly.ask(facts, memory, now) !== true) return null
      const key = past(facts)
      return isUnread(key) ? null : key
    },
    ask: (facts) => {
      facts.arguments.draw(UNITS_OF_PATTERN)
      const key = present(facts)
      return isUnread(key) ? unreadable(guardrail, key) : key
    },
  }
}

/** Units of a pattern, beside those of its bounds and fields: patterns nest (core/encoding/work.ts). */
const UNITS_OF_PATTERN = 15
