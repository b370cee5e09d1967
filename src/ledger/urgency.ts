/**
 * Whether the answer to a call has to wait for the row that its step writes. A member of the step without an entry does
 * not compile.
 */
import type { DecisionResult } from "../core/decision/call.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { TreeState } from "../core/task/state.ts"
import { dueOfChange } from "./change-storage.ts"
import { DUE, sooner, type Due } from "./due.ts"
import type { LedgerStorage } from "./storage.ts"

export interface Urgency {
  readonly writes: boolean
  /** Otherwise it is written once the answer has left: what the answer depends on is durable already. */
  readonly waits: boolean
  /**
   * Whether the answer to the next lone call need not wait if this one's row reserves what it uses. The first of a life
   * reserves nothing: an agent whose ledger wakes for each call would be charged for two.
   */
  readonly reserves: boolean
}

/** All that the step of a call may store. */
export interface CallStep extends DecisionResult {
  /** Whether its bundle is newer than those before it. */
  readonly isNewer: boolean
  /** Whether its record may not wait in memory. */
  readonly isKept: boolean
  /** Whether it uses credit of shared limits. `Credits.save` writes that, in rows of its own. */
  readonly isLent: boolean
}

/** `strict`: nothing is stored of the member, but all that is stored besides has to be durable before the answer. */
type StepDue = Due | "strict"

const dueIf = (isStored: boolean): Due => (isStored ? DUE.before : DUE.never)

/** Null: nothing is stored of the member. */
const MEMBERS: {
  readonly [Member in keyof CallStep]-?:
    | ((step: CallStep, storage: LedgerStorage, state: TreeState, bundle: Bundle, now: number) => StepDue)
    | null
} = {
  change: ({ change }, storage, state, { readsCalls }) =>
    change ? dueOfChange(change, storage, state, readsCalls) : DUE.never,
  denialUpdates: ({ denialUpdates }, storage, { ledger }, _bundle, now) =>
    dueIf(denialUpdates.length > 0 && storage.memories.due(ledger, denialUpdates, now) !== DUE.never),
  // In a later life, a proof of this one is known by the latest time that is stored.
  proof: ({ proof }) => (proof === null ? DUE.never : "strict"),
  isLent: ({ isLent }) => (isLent ? "strict" : DUE.never),
  isNewer: ({ isNewer }) => dueIf(isNewer),
  isKept: ({ isKept }) => dueIf(isKept),
  end: ({ end }) => dueIf(end !== null),
  requestedApproval: ({ requestedApproval }) => dueIf(requestedApproval !== null),
  // The record of an end by a storm is stored with the end.
  storm: null,
  // Whether its record may wait in memory, or is late, its caller decides.
  verdict: null,
  needs: null,
  wants: null,
}

const STORED = Object.values(MEMBERS).filter((due) => due !== null)

export function urgencyOf(
  step: CallStep,
  storage: LedgerStorage,
  state: TreeState,
  bundle: Bundle,
  now: number,
): Urgency {
  let most: Due = DUE.never
  let isStrict = false
  for (const dueOf of STORED) {
    const due = dueOf(step, storage, state, bundle, now)
    if (due === "strict") isStrict = true
    else most = sooner(most, due)
  }
  return {
    writes: most !== DUE.never,
    waits: isStrict || most >= DUE.reserving,
    reserves: !isStrict && (most === DUE.late || most === DUE.reserving),
  }
}
