/**
 * Labels: what an agent has come across while it worked for a person. A tree bears each label that one of its calls has
 * picked up, until it ends. So that no new task launders what an agent knows, each agent that had a live task in the
 * tree carries the label on, for a while, into every other task that it has for this person, opened before or after.
 *
 * For how long is decided at the pick-up, and stored: a later bundle with a shorter time must not free an agent of what
 * it has read under an earlier one. A person may, by an operator's request.
 */
import type { Bundle } from "../policy/assemble.ts"
import { DEFAULT_CARRY } from "../policy/definition/labels.ts"
import { delegationsOf } from "./delegations.ts"
import { mayGoOn } from "./isolation.ts"
import type { LedgerState, TreeState } from "./state.ts"
import type { Task } from "./task.ts"
import type { HistoryKey } from "../guardrails/history-key.ts"

/** A label that is picked up again within this time is not stored again: it is carried for so much longer. */
const SLACK_MS = 60_000

/**
 * Into which tasks of the agent a label is carried: into all; into all that are not isolated; or, by the thumbprint of a
 * key, into the isolated tasks of one instance (isolation.ts).
 */
type Into = string
const ALL: Into = ""
const NOT_ISOLATED: Into = "*"

export interface PickUp {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Milliseconds from then for which it is carried. */
  readonly carry: number
  /** The id of the decision. */
  readonly decision: string
}

/** By agent (as ledgers remember it), by label, and by where it is carried. */
export type CarriedLabels = Map<HistoryKey, Map<string, Map<Into, PickUp>>>

export interface Carried extends PickUp {
  readonly agent: HistoryKey
  readonly label: string
  readonly into: Into
}

/** What a call of these tasks has to answer for: the labels of its tree, and those that each agent of its chain carries. */
export function labelsOf(state: TreeState, ancestry: readonly Task[], now: number): ReadonlySet<string> {
  const { carried } = state.ledger
  if (carried.size === 0) return state.labels
  const labels = new Set(state.labels)
  for (const { historyKey, isolated, jkt } of ancestry) {
    const also = isolated && jkt !== null ? jkt : NOT_ISOLATED
    for (const [label, pickUps] of carried.get(historyKey) ?? [])
      if (now < untilOf(pickUps.get(ALL)) || now < untilOf(pickUps.get(also))) labels.add(label)
  }
  return labels
}

/** Of the labels that a call of these tasks has to answer for, those that its tree does not bear. */
export function carriedOf(state: TreeState, ancestry: readonly Task[], now: number): readonly string[] {
  return [...labelsOf(state, ancestry, now)].filter((label) => !state.labels.has(label))
}

/** A carried label, and the decision by which it was picked up: of several, that by which it is carried for longest. */
export interface CarriedLabel {
  readonly label: string
  readonly decision: string
}

/** Of the labels that a call of these tasks has to answer for, those that its tree does not bear. */
export function pickUpsOf(state: TreeState, ancestry: readonly Task[], now: number): readonly CarriedLabel[] {
  return carriedOf(state, ancestry, now).map((label) => {
    const pickUps = ancestry.flatMap(({ historyKey, isolated, jkt }) => {
      const ofAgent = state.ledger.carried.get(historyKey)?.get(label)
      return [ALL, isolated && jkt !== null ? jkt : NOT_ISOLATED].flatMap((into) => ofAgent?.get(into) ?? [])
    })
    const [longest] = pickUps.toSorted((one, other) => untilOf(other) - untilOf(one))
    return { label, decision: longest?.decision ?? "" }
  })
}

/** Milliseconds since the epoch, until when it is carried. */
function untilOf(pickUp: PickUp | undefined): number {
  return pickUp ? pickUp.at + pickUp.carry : 0
}

/**
 * What an admitted call that picks up these labels changes: every agent with a live task in the tree carries them. A
 * quarantined task may be released, and then goes on in a tree that bears the label.
 * @param caller the task that makes the call
 */
export function pickedUp(
  bundle: Pick<Bundle, "labels" | "purposes">,
  state: TreeState,
  caller: Task,
  labels: readonly string[],
  decision: string,
  at: number,
): readonly Carried[] {
  if (labels.length === 0) return []
  const tasks = [...state.tasks.values()].filter((task) => mayGoOn(task, at))
  const purposes = new Set(tasks.map(({ purpose }) => purpose))
  const pickUps = labels.map((label) => ({ label, at, carry: carryOf(bundle, label, purposes), decision }))
  const carried = [...Map.groupBy(tasks, ({ historyKey }) => historyKey)].flatMap(([agent, ofAgent]) => {
    // What a task has read that is not isolated, or is told by one of its own agent, is known beyond isolation.
    const into = caller.isolated ? intoOf(ofAgent) : [ALL]
    return pickUps.flatMap((pickUp) => longer(state.ledger, agent, into, pickUp))
  })
  return withSubAgents(state.ledger, carried, at).map((each) =>
    Object.assign({}, each, { carry: each.carry + SLACK_MS }),
  )
}

/**
 * With what sub-agents carry because of it: those that have a live task below one of the agent's that has to answer for
 * the label, in whichever tree, and in turn their own. They inherit it as if they joined now.
 */
export function withSubAgents(ledger: LedgerState, carried: readonly Carried[], now: number): readonly Carried[] {
  if (carried.length === 0 || ledger.delegating.size === 0) return carried
  const all = [...carried]
  const until = new Map<string, number>()
  const nameOf = ({ agent, label, into }: Carried): string => JSON.stringify([agent, label, into])
  const note = (each: Carried): unknown => until.set(nameOf(each), untilOf(each))
  carried.forEach(note)
  // Each that is added may add others; an agent carries a label longer at most once for each time that it has.
  for (const each of all) {
    for (const below of extending(ledger, reachedBy(ledger, each, now), now)) {
      const known = Math.max(until.get(nameOf(below)) ?? 0, until.get(nameOf({ ...below, into: ALL })) ?? 0)
      if (untilOf(below) <= known) continue
      note(below)
      all.push(below)
    }
  }
  return all
}

function reachedBy(ledger: LedgerState, carried: Carried, now: number): readonly Carried[] {
  const answers = ({ isolated, jkt }: Task): boolean =>
    carried.into === ALL || carried.into === (isolated && jkt !== null ? jkt : NOT_ISOLATED)
  return delegationsOf(ledger, carried.agent, now).flatMap(({ from, to }) =>
    answers(from)
      ? [...Map.groupBy(to, ({ historyKey }) => historyKey)].flatMap(([agent, tasks]) =>
          (carried.into === ALL ? [ALL] : intoOf(tasks)).map((into) => Object.assign({}, carried, { agent, into })),
        )
      : [],
  )
}

/** Where an agent carries what these tasks of it alone know from an isolated task. */
function intoOf(tasks: readonly Task[]): readonly Into[] {
  const keys = new Set(tasks.map(({ isolated, jkt }) => (isolated ? jkt : null)))
  return keys.has(null) ? [ALL] : [NOT_ISOLATED, ...[...keys].filter((key) => key !== null)]
}

/**
 * Of the times that the label and the purpose state, the longer: neither shortens what the other asks for. The tree may
 * have tasks of several purposes, and again the longest time counts: an agent must not choose for how long it knows
 * something by the sub-task in which it reads.
 */
function carryOf(
  { labels, purposes }: Pick<Bundle, "labels" | "purposes">,
  label: string,
  names: ReadonlySet<string>,
): number {
  const ofLabel = labels.get(label)?.carry ?? 0
  const times = Array.from(names, (name) => Math.max(ofLabel, purposes.get(name)?.carry ?? 0) || DEFAULT_CARRY)
  return 1000 * Math.max(...times)
}

/** What all agents of the ledger carry. */
export function carriedIn({ carried }: LedgerState, now: number): readonly Carried[] {
  const all = [...carried].flatMap(([agent, labels]) =>
    [...labels].flatMap(([label, pickUps]) =>
      Array.from(pickUps, ([into, pickUp]) => Object.assign({}, pickUp, { agent, label, into })),
    ),
  )
  return all.filter((each) => now < untilOf(each))
}

/** Of these, what makes its agent carry a label for longer. */
export function extending({ carried }: LedgerState, all: readonly Carried[], now: number): readonly Carried[] {
  return all.filter((each) => {
    const known = carried.get(each.agent)?.get(each.label)
    return untilOf(each) > Math.max(now, untilOf(known?.get(ALL)), untilOf(known?.get(each.into)))
  })
}

/**
 * The same in another ledger. A key stands for an instance of the agent in one ledger only, so that there the label
 * counts for isolated tasks under any key.
 */
export function beyondIsolation(each: Carried): Carried {
  return { ...each, into: each.into === NOT_ISOLATED ? NOT_ISOLATED : ALL }
}

/** The pick-up, as far as the agent carries the label for longer by it. */
function longer(
  { carried }: LedgerState,
  agent: HistoryKey,
  into: readonly Into[],
  pickUp: PickUp & { readonly label: string },
): Carried[] {
  const known = carried.get(agent)?.get(pickUp.label)
  const isLonger = (each: Into): boolean =>
    untilOf(pickUp) > Math.max(untilOf(known?.get(ALL)), untilOf(known?.get(each)))
  const { label, at, carry: time, decision } = pickUp
  return into.filter(isLonger).map((each) => ({ agent, label, into: each, at, carry: time, decision }))
}

/**
 * What an agent carries from then on if it joins a tree with this task: what the tree's other agents carry, of the labels
 * that the tree bears and of those that the tasks above it have to answer for, because they tell it what to do. Nobody
 * carries a label for longer because another agent has inherited it.
 * @param above the tasks above it
 */
export function inherited(state: TreeState, task: Task, above: readonly Task[], now: number): readonly Carried[] {
  const { ledger } = state
  if (ledger.carried.size === 0) return []
  const others = [...new Set([...state.tasks.values()].map(({ historyKey }) => historyKey))]
  const ofKind = (label: string, kind: Into): PickUp | null => {
    const pickUps = others.flatMap((other) => ledger.carried.get(other)?.get(label)?.get(kind) ?? [])
    const longest = pickUps.reduce<PickUp | null>(
      (one, each) => (one && untilOf(one) >= untilOf(each) ? one : each),
      null,
    )
    return longest && now < untilOf(longest) ? longest : null
  }
  const carried = [...labelsOf(state, above, now)].flatMap((label) => {
    const [open, isolated] = [ofKind(label, ALL), ofKind(label, NOT_ISOLATED)]
    return [
      open ? longer(ledger, task.historyKey, [ALL], { ...open, label }) : [],
      isolated ? longer(ledger, task.historyKey, intoOf([task]), { ...isolated, label }) : [],
    ].flat()
  })
  return withSubAgents(ledger, carried, now)
}

/** What these agents no longer carry is forgotten with it, so that an agent has no more entries than there are labels. */
export function carry({ carried }: LedgerState, all: readonly Carried[], now: number): void {
  for (const { agent, label, into, at, carry: time, decision } of all) {
    const labels = carried.get(agent) ?? new Map<string, Map<Into, PickUp>>()
    const pickUps = labels.get(label) ?? new Map<Into, PickUp>()
    carried.set(agent, labels.set(label, pickUps.set(into, { at, carry: time, decision })))
  }
  for (const agent of new Set(all.map((each) => each.agent))) dropExpired(carried, agent, now)
}

/** @returns milliseconds since the epoch, until when the agent carries the last label; null if it carries none */
function dropExpired(carried: CarriedLabels, agent: HistoryKey, now: number): number | null {
  const labels = carried.get(agent)
  let last: number | null = null
  for (const [label, pickUps] of labels ?? []) {
    for (const [into, pickUp] of pickUps) {
      if (untilOf(pickUp) <= now) pickUps.delete(into)
      else last = Math.max(last ?? 0, untilOf(pickUp))
    }
    if (pickUps.size === 0) labels?.delete(label)
  }
  if (labels?.size === 0) carried.delete(agent)
  return last
}

/**
 * Forgets what no agent of the ledger carries any more.
 * @returns milliseconds since the epoch, until when the last label is carried; null if none is
 */
export function dropAllExpired({ carried }: LedgerState, now: number): number | null {
  const times = [...carried.keys()].flatMap((agent) => dropExpired(carried, agent, now) ?? [])
  return times.length === 0 ? null : Math.max(...times)
}

/** The isolated tasks of this one's agent and key have ended, and what they knew with them. */
export function forgetInstance({ carried }: LedgerState, { historyKey, jkt }: Task): void {
  for (const [, pickUps] of carried.get(historyKey) ?? []) if (jkt !== null) pickUps.delete(jkt)
}

/** What a person takes off a task: of its tree, and of each agent of its chain. */
export interface LabelClearing {
  readonly agents: readonly HistoryKey[]
  readonly labels: readonly string[]
}

/** @param only these, as far as they are there; null: all */
export function clearing(
  state: TreeState,
  ancestry: readonly Task[],
  only: readonly string[] | null,
  now: number,
): LabelClearing {
  const labels = [...labelsOf(state, ancestry, now)].filter((label) => only?.includes(label) ?? true)
  return { agents: [...new Set(ancestry.map(({ historyKey }) => historyKey))], labels }
}

export function clearLabels({ ledger, labels: borne }: TreeState, { agents, labels }: LabelClearing): void {
  for (const label of labels) {
    borne.delete(label)
    for (const agent of agents) ledger.carried.get(agent)?.delete(label)
  }
}
