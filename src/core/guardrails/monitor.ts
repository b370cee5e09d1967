/**
 * Conditions that look back, each with a memory of just what it will be asked: which values were there when, how much,
 * what came last. `denies` says in which direction to err is to deny: with `fewer`, a past call that is forgotten can
 * only make the condition deny what it would have admitted; with `more`, one that is remembered too long.
 */
import type { Denial } from "../denials/denial.ts"
import { isLifecycle } from "../catalog/lifecycle.ts"
import { unitsOf } from "./amount.ts"
import type { Monitor, Compile, Setting } from "./compiled-condition.ts"
import type { Condition } from "./condition.ts"
import { heard, lastMark, markOfAnything, type Track } from "./denied.ts"
import { argumentOf, isUnread, unreadable, valuesOf, type CallFacts } from "./field.ts"
import type { TrackResult } from "./kind.ts"
import { SLACK } from "./limit-meter.ts"
import { listen, turned, type Listener } from "./listener.ts"
import { MOST_KEYS, type Last, type Memory } from "./memory.ts"
import { SlidingMeter } from "./meter/sliding.ts"
import type { MemoryUpdate } from "./memory-update.ts"

type Looking = Exclude<Condition, { readonly kind: "all" | "any" | "not" }>
const QUIET: TrackResult = { denial: null, memoryUpdates: [] }
const noted = (...memoryUpdates: readonly MemoryUpdate[]): TrackResult => ({ denial: null, memoryUpdates })
const refused = (denial: Denial): TrackResult => ({ denial, memoryUpdates: [] })

/** All kinds of conditions that look back. */
export function MONITORS(condition: Looking, setting: Setting, compile: Compile): ReturnType<Compile> {
  switch (condition.kind) {
    case "formerly":
      return formerly(condition, setting, compile)
    case "previous":
      return previous(condition, setting, compile)
    case "since":
      return since(condition, setting, compile)
    case "count":
    case "sum":
      return tallied(condition, setting, compile)
    case "distinct":
      return distinct(condition, setting, compile)
    default:
      return condition satisfies never
  }
}

type Of<Kind extends Looking["kind"]> = Extract<Looking, { readonly kind: Kind }>

function formerly({ event, seconds }: Of<"formerly">, setting: Setting, compile: Compile): ReturnType<Compile> {
  const { owner } = setting
  const spanMs = seconds * 1000
  const listener = listen(event, setting, compile)
  return {
    ask: (facts, memory, now) => {
      const key = listener.ask(facts)
      if (typeof key === "object") return key
      const mark = lastMark(memory, owner, key)
      return mark !== undefined && mark.at > now - spanMs
    },
    monitors: [...listener.monitors, marking(listener, setting, spanMs, spanMs / SLACK)],
  }
}

/** Keeps in mind when each value was last there. */
function marking(listener: Listener, setting: Setting, spanMs: number, slackMs: number): Monitor {
  const { guardrail, owner, denies } = setting
  const track: Track = (facts, memory, now, by) => {
    const value = listener.tie(facts, memory, now, by)
    if (value === null) return QUIET
    if (typeof value === "object") return refused(value)
    const late = denies === "more"
    if (late && !hasRoomFor(memory, owner, value, now - spanMs)) return refused({ reason: "history_full", guardrail })
    return noted({ kind: "mark", owner, key: "", values: [value], spanMs, slackMs, late, most: MOST_KEYS })
  }
  return { tracks: listener.covers, ...heard(setting, spanMs, slackMs, track) }
}

function hasRoomFor(memory: Memory, owner: string, value: string, before: number): boolean {
  const marks = memory.marksOf(owner, "")
  marks.forget(before)
  return marks.size < MOST_KEYS || marks.get(value) !== undefined
}

function previous(condition: Of<"previous">, setting: Setting, compile: Compile): ReturnType<Compile> {
  const { owner, denies, tracks } = setting
  const spanMs = condition.seconds * 1000
  const listener = listen(condition.event, setting, compile)
  const keyOf = ({ task }: CallFacts): string => (condition.in === "task" ? task : "")
  const maybe = (facts: CallFacts, value: string | null): MemoryUpdate => {
    return { kind: "denied", owner, key: keyOf(facts), value, spanMs }
  }
  /** By a call that may have been the last: then the one before is so no more, and this one was not allowed. */
  const overtaken = (facts: CallFacts, memory: Memory): readonly MemoryUpdate[] => {
    const key = keyOf(facts)
    if ((memory.lasts.find(owner, key)?.value ?? null) === null) return []
    return [{ kind: "last", owner, key, value: null, spanMs, slackMs: Number.POSITIVE_INFINITY, late: false }]
  }
  return {
    ask: (facts, memory, now) => {
      const key = listener.ask(facts)
      if (typeof key === "object") return key
      const last = memory.lasts.find(owner, keyOf(facts))
      if (last === undefined) return false
      const isKey = (each: Pick<Last, "value" | "at">): boolean => each.value === key && each.at > now - spanMs
      return isKey(last) || last.denied.some((each) => isKey(each) || (each.value === null && each.at > now - spanMs))
    },
    monitors: [
      ...listener.monitors,
      {
        // Whatever is called takes the place of what was before.
        tracks: (tool) => !isLifecycle(tool),
        track: (facts, memory, now) => {
          const value = listener.tie(facts, memory, now, tracks)
          if (typeof value === "object" && value !== null) return refused(value)
          const slackMs = value === null ? Number.POSITIVE_INFINITY : spanMs / SLACK
          return noted({ kind: "last", owner, key: keyOf(facts), value, spanMs, slackMs, late: denies === "more" })
        },
        trackDenied: (facts, memory, now) => {
          if (denies === "fewer") return overtaken(facts, memory)
          const value = listener.tie(facts, memory, now, denies)
          // It may not have been the last call: the one before stays what it is.
          return value === null ? [] : [maybe(facts, typeof value === "object" ? null : value)]
        },
        trackAny: (tools, facts, memory) => {
          if (denies === "fewer") return overtaken(facts, memory)
          return tools.some(listener.covers) ? [maybe(facts, null)] : []
        },
      },
    ],
  }
}

/** Both are kept in mind with the number of the call: which of two came later must not hang on a clock. */
function since({ event, undoneBy, seconds }: Of<"since">, setting: Setting, compile: Compile): ReturnType<Compile> {
  const spanMs = seconds * 1000
  const listener = listen(event, setting, compile)
  const undone: Setting = { ...turned(setting), owner: `${setting.owner}~` }
  const undoing = listen(undoneBy, undone, compile)
  return {
    ask: (facts, memory, now) => {
      const [key, undoneKey] = [listener.ask(facts), undoing.ask(facts)]
      if (typeof key === "object") return key
      if (typeof undoneKey === "object") return undoneKey
      const begun = lastMark(memory, setting.owner, key)
      if (!begun || begun.at <= now - spanMs) return false
      const ended = lastMark(memory, undone.owner, undoneKey)
      // A call that is both comes not after itself.
      return !ended || begun.sequence >= ended.sequence
    },
    monitors: [
      ...listener.monitors,
      ...undoing.monitors,
      marking(listener, setting, spanMs, 0),
      marking(undoing, undone, spanMs, 0),
    ],
  }
}

function tallied(condition: Of<"count"> | Of<"sum">, setting: Setting, compile: Compile): ReturnType<Compile> {
  const { guardrail, owner } = setting
  const { event, seconds, is } = condition
  const spanMs = seconds * 1000
  const atLeast = "atLeast" in is
  const threshold = atLeast ? is.atLeast : is.atMost
  // To be at least so much is harder with fewer, to be at most so much with more.
  const own = atLeast ? setting : turned(setting)
  const { denies, tracks } = own
  const listener = listen(event, own, compile, condition.kind === "sum")
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
    const key = listener.tie(facts, memory, now, by)
    if (typeof key === "object" && key !== null) return refused(key)
    const amount = key === null && listener.possibleTie(facts, memory, now) === null ? 0 : amountOf(facts)
    // What cannot be added is not admitted, whichever way it would have counted.
    if (typeof amount === "object") return refused(amount)
    if (key === null) return QUIET
    const full = !memory.tallies.hasRoom(owner, key, ({ lastAt }) => lastAt <= now - spanMs)
    if (full && denies === "more") return refused({ reason: "history_full", guardrail })
    return amount === 0 ? QUIET : noted({ kind: "tally", owner, key, amount, spanMs })
  }
  return {
    ask: (facts, memory, now) => {
      const key = listener.ask(facts)
      if (typeof key === "object") return key
      if (isAnything(memory, owner, now - spanMs)) return atLeast
      const tally = memory.tallies.find(owner, key) ?? new SlidingMeter()
      let sum = denies === "more" ? tally.upTo(spanMs, now) : tally.atLeast(spanMs, now)
      const tie = listener.tie(facts, memory, now, tracks)
      if (typeof tie === "object" && tie !== null) return tie
      if (tie === key || listener.possibleTie(facts, memory, now) === key) {
        const amount = amountOf(facts)
        if (typeof amount === "object") return amount
        if (tie === key) sum += amount
      }
      return atLeast ? sum >= threshold : sum <= threshold
    },
    monitors: [...listener.monitors, { tracks: listener.covers, ...heard(own, spanMs, spanMs / SLACK, track) }],
  }
}

/** Whether such a call was denied, and it is not known how much it was, or of what: then it is as much as it takes. */
function isAnything(memory: Memory, owner: string, before: number): boolean {
  const anything = markOfAnything(memory, owner)
  return anything !== undefined && anything.at > before
}

/**
 * Values of one key, at most: one more than any threshold may be. Those that were there last reach each threshold for as
 * long as any others do; so the count is exact, and whatever the threshold is, another finds what it needs.
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
  const own = atLeast ? setting : turned(setting)
  const { denies, tracks } = own
  const listener = listen(event, own, compile, true)
  const track: Track = (facts, memory, now, by) => {
    const key = listener.tie(facts, memory, now, by)
    if (key === null) return QUIET
    if (typeof key === "object") return refused(key)
    const values = valuesOf(field, facts)
    if (isUnread(values))
      return by === "more" && values.because !== "unasserted" ? refused(unreadable(guardrail, values)) : QUIET
    const late = denies === "more"
    const before = now - spanMs
    const known = memory.marksOf(owner, key)
    const fresh = values.filter((value) => !known.get(value)).length
    if (late && !memory.hasRoomForValues(owner, key, fresh, before, spanMs))
      return refused({ reason: "history_full", guardrail })
    const note = { kind: "mark", owner, key, spanMs, slackMs: spanMs / SLACK, late, most: MOST_COUNTED } as const
    return noted({ ...note, values: values.slice(-MOST_COUNTED) })
  }
  return {
    ask: (facts, memory, now) => {
      const key = listener.ask(facts)
      if (typeof key === "object") return key
      if (isAnything(memory, owner, now - spanMs)) return atLeast
      const marks = memory.marksOf(owner, key)
      marks.forget(now - spanMs)
      let count = marks.size
      const tie = listener.tie(facts, memory, now, tracks)
      if (typeof tie === "object" && tie !== null) return tie
      if (tie === key || listener.possibleTie(facts, memory, now) === key) {
        const values = valuesOf(field, facts)
        if (isUnread(values)) return unreadable(guardrail, values)
        if (tie === key) count += values.filter((value) => !marks.get(value)).length
      }
      return atLeast ? count >= threshold : count <= threshold
    },
    monitors: [...listener.monitors, { tracks: listener.covers, ...heard(own, spanMs, spanMs / SLACK, track) }],
  }
}
