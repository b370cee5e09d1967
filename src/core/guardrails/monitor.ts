/**
 * Conditions on past calls, each with a memory of exactly what it needs: which values occurred when, how much, or which
 * call was the last. `denies` is the direction in which an error denies more: with `fewer`, forgetting a past call can
 * only deny what would be allowed; with `more`, remembering one for too long.
 */
import type { Denial } from "../denials/denial.ts"
import { isLifecycle } from "../catalog/lifecycle.ts"
import { unitsOf } from "./amount.ts"
import type { Monitor, Compile, Setting } from "./compiled-condition.ts"
import type { Condition } from "./condition.ts"
import { trackersOf, lastMark, markOfAnything, type Track } from "./track-denied.ts"
import { argumentOf, isUnread, unreadable, valuesOf, type CallFacts } from "./field.ts"
import type { TrackResult } from "./kind.ts"
import { SLACK } from "./limit-meter.ts"
import { matcherOf, reversed, type EventMatcher } from "./event-matcher.ts"
import { MOST_KEYS, type Last, type Memory } from "./memory.ts"
import { SlidingMeter } from "./meter/sliding.ts"
import type { MemoryUpdate } from "./memory-update.ts"

type PastCondition = Exclude<Condition, { readonly kind: "all" | "any" | "not" }>
const NO_UPDATES: TrackResult = { denial: null, memoryUpdates: [] }
const updates = (...memoryUpdates: readonly MemoryUpdate[]): TrackResult => ({ denial: null, memoryUpdates })
const denied = (denial: Denial): TrackResult => ({ denial, memoryUpdates: [] })

/** Compiles a condition on past calls. */
export function compileMonitor(condition: PastCondition, setting: Setting, compile: Compile): ReturnType<Compile> {
  switch (condition.kind) {
    case "formerly":
      return formerly(condition, setting, compile)
    case "previous":
      return previous(condition, setting, compile)
    case "since":
      return since(condition, setting, compile)
    case "count":
    case "sum":
      return tallyMonitor(condition, setting, compile)
    case "distinct":
      return distinct(condition, setting, compile)
    default:
      return condition satisfies never
  }
}

type Of<Kind extends PastCondition["kind"]> = Extract<PastCondition, { readonly kind: Kind }>

function formerly({ event, seconds }: Of<"formerly">, setting: Setting, compile: Compile): ReturnType<Compile> {
  const { owner } = setting
  const spanMs = seconds * 1000
  const matcher = matcherOf(event, setting, compile)
  return {
    ask: (facts, memory, now) => {
      const key = matcher.ask(facts)
      if (typeof key === "object") return key
      const mark = lastMark(memory, owner, key)
      return mark !== undefined && mark.at > now - spanMs
    },
    monitors: [...matcher.monitors, markMonitor(matcher, setting, spanMs, spanMs / SLACK)],
  }
}

/** Records when each value last occurred. */
function markMonitor(matcher: EventMatcher, setting: Setting, spanMs: number, slackMs: number): Monitor {
  const { guardrail, owner, denies } = setting
  const track: Track = (facts, memory, now, by) => {
    const value = matcher.tie(facts, memory, now, by)
    if (value === null) return NO_UPDATES
    if (typeof value === "object") return denied(value)
    const late = denies === "more"
    if (late && !hasRoomFor(memory, owner, value, now - spanMs)) return denied({ reason: "history_full", guardrail })
    return updates({ kind: "mark", owner, key: "", values: [value], spanMs, slackMs, late, most: MOST_KEYS })
  }
  return { tracks: matcher.covers, ...trackersOf(setting, spanMs, slackMs, track) }
}

function hasRoomFor(memory: Memory, owner: string, value: string, before: number): boolean {
  const marks = memory.marksOf(owner, "")
  marks.forget(before)
  return marks.size < MOST_KEYS || marks.get(value) !== undefined
}

function previous(condition: Of<"previous">, setting: Setting, compile: Compile): ReturnType<Compile> {
  const { owner, denies, tracks } = setting
  const spanMs = condition.seconds * 1000
  const matcher = matcherOf(condition.event, setting, compile)
  const keyOf = ({ task }: CallFacts): string => (condition.in === "task" ? task : "")
  const maybe = (facts: CallFacts, value: string | null): MemoryUpdate => {
    return { kind: "denied", owner, key: keyOf(facts), value, spanMs }
  }
  /** A call that may have been the last: the one before it no longer is, and this one was not allowed. */
  const overtaken = (facts: CallFacts, memory: Memory): readonly MemoryUpdate[] => {
    const key = keyOf(facts)
    if ((memory.lasts.find(owner, key)?.value ?? null) === null) return []
    return [{ kind: "last", owner, key, value: null, spanMs, slackMs: Number.POSITIVE_INFINITY, late: false }]
  }
  return {
    ask: (facts, memory, now) => {
      const key = matcher.ask(facts)
      if (typeof key === "object") return key
      const last = memory.lasts.find(owner, keyOf(facts))
      if (last === undefined) return false
      const isKey = (each: Pick<Last, "value" | "at">): boolean => each.value === key && each.at > now - spanMs
      return isKey(last) || last.denied.some((each) => isKey(each) || (each.value === null && each.at > now - spanMs))
    },
    monitors: [
      ...matcher.monitors,
      {
        // Every call takes the place of the last one, so all of them are tracked.
        tracks: (tool) => !isLifecycle(tool),
        track: (facts, memory, now) => {
          const value = matcher.tie(facts, memory, now, tracks)
          if (typeof value === "object" && value !== null) return denied(value)
          const slackMs = value === null ? Number.POSITIVE_INFINITY : spanMs / SLACK
          return updates({ kind: "last", owner, key: keyOf(facts), value, spanMs, slackMs, late: denies === "more" })
        },
        trackDenied: (facts, memory, now) => {
          if (denies === "fewer") return overtaken(facts, memory)
          const value = matcher.tie(facts, memory, now, denies)
          // The call may not have been made, so the one before it stays as it is.
          return value === null ? [] : [maybe(facts, typeof value === "object" ? null : value)]
        },
        trackAny: (tools, facts, memory) => {
          if (denies === "fewer") return overtaken(facts, memory)
          return tools.some(matcher.covers) ? [maybe(facts, null)] : []
        },
      },
    ],
  }
}

/** Both events are stored with the number of the call, because their order must not depend on a clock. */
function since({ event, undoneBy, seconds }: Of<"since">, setting: Setting, compile: Compile): ReturnType<Compile> {
  const spanMs = seconds * 1000
  const matcher = matcherOf(event, setting, compile)
  const undone: Setting = { ...reversed(setting), owner: `${setting.owner}~` }
  const undoing = matcherOf(undoneBy, undone, compile)
  return {
    ask: (facts, memory, now) => {
      const [key, undoneKey] = [matcher.ask(facts), undoing.ask(facts)]
      if (typeof key === "object") return key
      if (typeof undoneKey === "object") return undoneKey
      const begun = lastMark(memory, setting.owner, key)
      if (!begun || begun.at <= now - spanMs) return false
      const ended = lastMark(memory, undone.owner, undoneKey)
      // A call that is both events does not come after itself.
      return !ended || begun.sequence >= ended.sequence
    },
    monitors: [
      ...matcher.monitors,
      ...undoing.monitors,
      markMonitor(matcher, setting, spanMs, 0),
      markMonitor(undoing, undone, spanMs, 0),
    ],
  }
}

function tallyMonitor(condition: Of<"count"> | Of<"sum">, setting: Setting, compile: Compile): ReturnType<Compile> {
  const { guardrail, owner } = setting
  const { event, seconds, is } = condition
  const spanMs = seconds * 1000
  const atLeast = "atLeast" in is
  const threshold = atLeast ? is.atLeast : is.atMost
  // Reaching a minimum is harder with fewer calls, keeping to a maximum with more.
  const own = atLeast ? setting : reversed(setting)
  const { denies, tracks } = own
  const matcher = matcherOf(event, own, compile, condition.kind === "sum")
  const amountOf = (facts: CallFacts): number | Denial => {
    if (condition.kind === "count") return 1
    const value = argumentOf(facts.arguments, condition.field)
    if ("because" in value && value.because !== "absent") return unreadable(guardrail, value)
    const amount = unitsOf("found" in value ? value.found : undefined)
    return typeof amount === "number"
      ? amount
      : { reason: "amount_unreadable", guardrail, field: condition.field, what: amount }
  }
  const track: Track = (facts, memory, now, by) => {
    const key = matcher.tie(facts, memory, now, by)
    if (typeof key === "object" && key !== null) return denied(key)
    const amount = key === null && matcher.possibleTie(facts, memory, now) === null ? 0 : amountOf(facts)
    // A call whose amount cannot be read is denied, in whichever direction it would have counted.
    if (typeof amount === "object") return denied(amount)
    if (key === null) return NO_UPDATES
    const full = !memory.tallies.hasRoom(owner, key, ({ lastAt }) => lastAt <= now - spanMs)
    if (full && denies === "more") return denied({ reason: "history_full", guardrail })
    return amount === 0 ? NO_UPDATES : updates({ kind: "tally", owner, key, amount, spanMs })
  }
  return {
    ask: (facts, memory, now) => {
      const key = matcher.ask(facts)
      if (typeof key === "object") return key
      if (isAnything(memory, owner, now - spanMs)) return atLeast
      const tally = memory.tallies.find(owner, key) ?? new SlidingMeter()
      let sum = denies === "more" ? tally.upTo(spanMs, now) : tally.atLeast(spanMs, now)
      const tie = matcher.tie(facts, memory, now, tracks)
      if (typeof tie === "object" && tie !== null) return tie
      if (tie === key || matcher.possibleTie(facts, memory, now) === key) {
        const amount = amountOf(facts)
        if (typeof amount === "object") return amount
        if (tie === key) sum += amount
      }
      return atLeast ? sum >= threshold : sum <= threshold
    },
    monitors: [...matcher.monitors, { tracks: matcher.covers, ...trackersOf(own, spanMs, spanMs / SLACK, track) }],
  }
}

/** Returns whether a denied call of unknown amount or key matched: it may have been as much as is needed. */
function isAnything(memory: Memory, owner: string, before: number): boolean {
  const anything = markOfAnything(memory, owner)
  return anything !== undefined && anything.at > before
}

/**
 * The most values of one key, one more than any threshold. The most recent values reach each threshold for as long as
 * any others do, so the count is exact, and a bundle with another threshold finds what it needs.
 */
const MOST_COUNTED = 10_001

function distinct(
  { event, field, seconds, is }: Of<"distinct">,
  setting: Setting,
  compile: Compile,
): ReturnType<Compile> {
  const { guardrail, owner } = setting
  const spanMs = seconds * 1000
  const atLeast = "atLeast" in is
  const threshold = atLeast ? is.atLeast : is.atMost
  const own = atLeast ? setting : reversed(setting)
  const { denies, tracks } = own
  const matcher = matcherOf(event, own, compile, true)
  const track: Track = (facts, memory, now, by) => {
    const key = matcher.tie(facts, memory, now, by)
    if (key === null) return NO_UPDATES
    if (typeof key === "object") return denied(key)
    const values = valuesOf(field, facts)
    if (isUnread(values))
      return by === "more" && values.because !== "unasserted" ? denied(unreadable(guardrail, values)) : NO_UPDATES
    const late = denies === "more"
    const before = now - spanMs
    const marks = memory.marksOf(owner, key)
    const fresh = values.filter((value) => !marks.get(value)).length
    if (late && !memory.hasRoomForValues(owner, key, fresh, before, spanMs))
      return denied({ reason: "history_full", guardrail })
    const note = { kind: "mark", owner, key, spanMs, slackMs: spanMs / SLACK, late, most: MOST_COUNTED } as const
    return updates({ ...note, values: values.slice(-MOST_COUNTED) })
  }
  return {
    ask: (facts, memory, now) => {
      const key = matcher.ask(facts)
      if (typeof key === "object") return key
      if (isAnything(memory, owner, now - spanMs)) return atLeast
      const marks = memory.marksOf(owner, key)
      marks.forget(now - spanMs)
      let count = marks.size
      const tie = matcher.tie(facts, memory, now, tracks)
      if (typeof tie === "object" && tie !== null) return tie
      if (tie === key || matcher.possibleTie(facts, memory, now) === key) {
        const values = valuesOf(field, facts)
        if (isUnread(values)) return unreadable(guardrail, values)
        if (tie === key) count += values.filter((value) => !marks.get(value)).length
      }
      return atLeast ? count >= threshold : count <= threshold
    },
    monitors: [...matcher.monitors, { tracks: matcher.covers, ...trackersOf(own, spanMs, spanMs / SLACK, track) }],
  }
}
