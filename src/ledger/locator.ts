/**
 * Where the ledger of a task is. The id of a task ends with the id of its ledger's object, so the object is found without
 * a look-up. The platform makes that id from the ledger's name and authenticates it: it shows no name, and an invented
 * id, or one of another deployment, is refused before any object is touched.
 */
import type { Denial } from "../core/denials/denial.ts"
import { ledgerIdOf, isTaskId } from "../core/task/state.ts"
import type { UserFacts } from "../core/policy/principals.ts"
import { newId } from "../platform/new-id.ts"
import type { HistoryKey } from "../core/guardrails/history-key.ts"

/**
 * Whose ledger it is: a person's, with all that agents do for them; or an agent's, for what it does on nobody's behalf,
 * the first of its partitions unless it says otherwise.
 */
export type LedgerOwner =
  | Pick<UserFacts, "issuer" | "subject">
  | { readonly agent: HistoryKey; readonly partition?: number }

type Ledgers = Pick<Env, "LEDGER">

/** The id of a new root task, whose tree is in the ledger of this owner. */
export function newTaskId(env: Ledgers, owner: LedgerOwner, now: number): string {
  return `${newId("tsk", now)}-${ledgerOf(env, owner)}`
}

/** The id that a task has once its tree is in the ledger of another owner. */
export function movedTaskId(env: Ledgers, task: string, owner: LedgerOwner): string {
  return task.replace(ledgerIdOf(task), ledgerOf(env, owner))
}

/** The id of its object. */
export function ledgerOf({ LEDGER }: Ledgers, owner: LedgerOwner): string {
  const name = "agent" in owner ? nameOfAgent(owner) : ["user", owner.issuer, owner.subject]
  return LEDGER.idFromName(JSON.stringify(name)).toString()
}

function nameOfAgent({ agent, partition = 0 }: Extract<LedgerOwner, { readonly agent: HistoryKey }>): unknown {
  return partition === 0 ? ["agent", agent] : ["agent", agent, partition]
}

/** Whether this deployment may have given this id to a task. */
export function isOwnTaskId({ LEDGER }: Ledgers, text: string): boolean {
  if (!isTaskId(text)) return false
  try {
    LEDGER.idFromString(ledgerIdOf(text))
    return true
  } catch {
    return false
  }
}

/** Why no ledger has answered: it is out of reach, or this deployment gave the id to no task. */
export function whyUnanswered(env: Ledgers, task: string): Denial {
  return isOwnTaskId(env, task) ? { reason: "ledger_unavailable" } : { reason: "task_unknown" }
}
