/** Whether the answer to a call has to wait for the row that it writes. */
import type { DecisionResult } from "../core/decision/call.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { TreeState } from "../core/task/state.ts"
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

const NOTHING: Urgency = { writes: false, waits: false, reserves: false }
const AT_ONCE: Urgency = { writes: true, waits: true, reserves: false }

/** @param must whether there is something to write besides counts */
export function urgencyOf(
  storage: LedgerStorage,
  { readsCalls }: Bundle,
  state: TreeState,
  { change, denialUpdates }: Pick<DecisionResult, "change" | "denialUpdates">,
  must: boolean,
  now: number,
): Urgency {
  if (must || (denialUpdates.length > 0 && storage.memories.mustWrite(state.ledger, denialUpdates, now))) return AT_ONCE
  if (!change || !storage.mustWrite(state, change)) return NOTHING
  if (storage.mustWait(state, change, readsCalls, false)) return AT_ONCE
  return { writes: true, waits: storage.mustWait(state, change, readsCalls, true), reserves: true }
}
