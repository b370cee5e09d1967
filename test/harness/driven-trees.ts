/**
 * Trees that a test drives step by step, by a clock of its own: one in memory alone, and one as a ledger keeps it, on
 * the real SQLite of an object, which can crash and wake, without the object's own timers.
 */
import {
  beginTree,
  callStep,
  freshProofs,
  openRequest,
  type SimulatedState,
} from "../../src/core/explanation/simulated-tree.ts"
import type { Call } from "../../src/core/decision/call.ts"
import { decide } from "../../src/core/decision/decide.ts"
import type { Denial } from "../../src/core/denials/denial.ts"
import { openTask } from "../../src/core/task/open.ts"
import { isOAuthFailure } from "../../src/core/denials/oauth-error.ts"
import { USER_SCOPE } from "../../src/core/task/memories.ts"
import type { TreeState } from "../../src/core/task/state.ts"
import { clockStep } from "../../src/core/guardrails/clock-step.ts"
import { LedgerStorage } from "../../src/ledger/storage.ts"
import { RELEASED } from "../../src/ledger/tree-storage.ts"
import { urgencyOf } from "../../src/ledger/urgency.ts"
import {
  applyMemoryUpdates,
  applyChange,
  applyEnd,
  applyOpening,
  applyRelease,
  endedBy,
} from "../../src/core/task/transition.ts"
import type { Memory } from "../../src/core/guardrails/memory.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { UserFacts } from "../../src/core/policy/principals.ts"
import type { TaskEnd } from "../../src/core/task/change.ts"
import type { Opening } from "../../src/core/task/opening-step.ts"
import { agentId } from "./issuers.ts"
import { POINTER, ROOT, START } from "./trees.ts"

/** Milliseconds: tokens last as long as any test. */
const FOR_LONG = START * 2

export interface DrivenTree {
  readonly state: TreeState
  /** @returns why it was denied, or null */
  call(call: Call, clock: number): Denial | null
  /** The call's gateway says that it has ended. */
  land(call: string, gateway: string): void
  open(opening: Opening): void
  end(end: TaskEnd): void
  release(task: string): void
}

/** Agent, place of its parent among the tasks, purpose. */
export const FAMILY = [
  ["first", null, "work"],
  ["second", 0, "work"],
  ["third", 1, "work"],
  ["second", 0, "errand"],
] as const

/** Of a root with what is below it, in their order: the same for every tree, so worked out once. */
export function openingsOf(bundle: Bundle, user: UserFacts | null): readonly Opening[] {
  const state = beginTree(POINTER, ROOT, user, START)
  const openings: Opening[] = []
  for (const [agent, parent, purpose] of FAMILY) {
    const above = parent === null ? undefined : openings[parent]
    const below = above ? { ...heldOf(above), handedOverBy: null } : null
    const request = openRequest(agentId(agent), state, `token-${openings.length}`, { parent: below, purpose })
    const opened = openTask(bundle, state, request, START)
    if (isOAuthFailure(opened)) throw new Error(JSON.stringify(opened))
    const opening = { ...opened.opening, token: { ...opened.opening.token, expiresAt: FOR_LONG } }
    applyOpening(state, fresh(opening), START)
    openings.push(opening)
  }
  return openings
}

/** Tasks change. */
function fresh(opening: Opening): Opening {
  return { ...opening, task: opening.task && { ...opening.task, children: 0 } }
}

export const heldOf = ({ token }: Opening): SimulatedState => ({ task: token.task, token: token.jti })

/** The ledger's own clock, which never runs back. */
export function tick({ ledger }: TreeState, clock: number): number {
  ledger.clock = Math.max(clock, ledger.clock)
  return ledger.clock
}

export class PureTree implements DrivenTree {
  readonly state: TreeState
  readonly #bundle: Bundle

  constructor(bundle: Bundle, user: UserFacts | null) {
    this.#bundle = bundle
    this.state = beginTree(POINTER, ROOT, user, START)
  }

  call(call: Call, clock: number): Denial | null {
    return callStep(this.#bundle, this.state, call, tick(this.state, clock)).denial
  }

  land(call: string, gateway: string): void {
    for (const [, , flights] of flightsOf(this.state)) if (flights.get(call)?.gateway === gateway) flights.delete(call)
  }

  open(opening: Opening): void {
    applyOpening(this.state, fresh(opening), START)
  }

  end(end: TaskEnd): void {
    applyEnd(this.state, endedBy(this.state, end), end)
  }

  release(id: string): void {
    const task = this.state.tasks.get(id)
    if (task?.status === "quarantined") applyRelease(this.state.ledger, task)
  }
}

/** Of the guardrails that look at the tree. */
export function memoryOf({ ledger, root }: TreeState): Memory {
  return ledger.memories.of(root)
}

/** Those of the tree and of its user. */
function flightsOf({ ledger, root }: TreeState) {
  return [root, USER_SCOPE].flatMap((scope) => [...ledger.memories.of(scope).flights])
}

class Cut extends Error {}

export class KeptTree implements DrivenTree {
  readonly #kept: DurableObjectStorage
  /** That of the next call. */
  bundle: Bundle
  #storage: LedgerStorage
  state: TreeState
  /** How many calls were answered before their row was written. */
  early = 0

  /** @param kept emptied first */
  constructor(kept: DurableObjectStorage, bundle: Bundle, user: UserFacts | null) {
    const { sql } = kept
    for (const { name } of sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").toArray())
      if (!name.startsWith("_cf_")) sql.exec(`DROP TABLE ${name}`)
    this.#kept = kept
    this.bundle = bundle
    this.#storage = new LedgerStorage(sql)
    this.state = beginTree(POINTER, ROOT, user, START)
    this.#storage.saveTree(this.state)
  }

  call(call: Call, clock: number): Denial | null {
    return this.#step(call, clock, false)
  }

  /** All is done, and then its transaction fails: nothing was admitted, and memory is made anew. */
  fail(call: Call, clock: number): void {
    try {
      this.#step(call, clock, true)
    } catch (error) {
      if (!(error instanceof Cut)) throw error
      this.#wake(clock)
    }
  }

  /** In the order in which the ledger does it. */
  #step(call: Call, clock: number, isCut: boolean): Denial | null {
    this.#keepTime(clock)
    const { state } = this
    const before = state.ledger.clock
    const now = tick(state, clock)
    // As in `crash`.
    if (now > before) this.#commit(now)
    const outcome = decide(this.bundle, state, call, now)
    const { change, verdict, end, denialUpdates, needs } = outcome
    if (needs.length > 0) throw new Error("nothing here is shared by all trees")
    const ended = end ? endedBy(state, end) : []
    const step = { ...outcome, isNewer: false, isKept: false, isLent: false }
    const { waits, reserves } = urgencyOf(step, this.#storage, state, this.bundle, now)
    const isEarly = !waits && !this.#storage.journal.isBehind
    this.#commit(now, isEarly, () => {
      if (change) this.#storage.saveChange(state, change, reserves)
      if (denialUpdates.length > 0) this.#storage.memories.save(state.ledger, denialUpdates, now)
      if (end) this.#storage.trees.saveEnd(ended, end)
      if (isCut) throw new Cut("the transaction fails")
    })
    if (change) applyChange(state, change)
    if (denialUpdates.length > 0) applyMemoryUpdates(state, denialUpdates, now)
    if (end) this.#applyEnd(ended, end)
    return verdict.denial
  }

  /** As in trees.ts. */
  #keepTime(clock: number): void {
    const before = this.state.ledger.clock
    const step = clockStep(before, this.#storage.setBack, clock)
    if (!step) return
    this.#kept.transactionSync(() => this.#storage.correctClock(before, step, clock))
    this.#wake(clock, true)
  }

  land(call: string, gateway: string): void {
    const flights = flightsOf(this.state).flatMap(([, , each]) => each.get(call) ?? [])
    const { clock } = this.state.ledger
    this.#commit(clock, false, () => this.#storage.memories.land(this.state, call, gateway, flights[0]?.task ?? ""))
  }

  open(opening: Opening): void {
    const opened = fresh(opening)
    const { clock } = this.state.ledger
    this.#commit(clock, false, () => this.#storage.saveOpening(this.state, opened, [], clock))
    applyOpening(this.state, opened, clock)
  }

  end(end: TaskEnd): void {
    const ended = endedBy(this.state, end)
    this.#storage.trees.saveEnd(ended, end)
    this.#applyEnd(ended, end)
  }

  #applyEnd(ended: readonly string[], end: TaskEnd): void {
    applyEnd(this.state, ended, end)
    if (end.status !== "quarantined" && ended.includes(ROOT))
      this.#commit(this.state.ledger.clock, false, () => this.#storage.forgetMemory(this.state))
  }

  release(id: string): void {
    const task = this.state.tasks.get(id)
    if (task?.status !== "quarantined") return
    this.#storage.trees.saveEnd([id], RELEASED)
    applyRelease(this.state.ledger, task)
  }

  /** @param isEarly it is answered before its row is written: if the object dies before the next step, the row is lost */
  #commit(now: number, isEarly = false, step?: () => void): void {
    const { journal } = this.#storage
    this.#kept.transactionSync(() => {
      step?.()
      if (isEarly) journal.postpone()
      else journal.commit(now)
    })
    if (isEarly && journal.isBehind) this.early += 1
  }

  /** Memory is lost; what was written comes back. What a call before has still to write is written if time has passed. */
  crash(clock: number): void {
    const { clock: before } = this.state.ledger
    if (clock > before) this.#commit(before)
    this.#wake(clock)
  }

  #wake(clock: number, isCorrected = false): void {
    this.#storage = new LedgerStorage(this.#kept.sql)
    const loaded = this.#storage.load(clock, freshProofs, isCorrected)
    const tree = loaded?.trees.get(ROOT)
    if (!tree) throw new Error("nothing was kept")
    this.state = tree
  }
}
