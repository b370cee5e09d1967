/**
 * Task ids, and the way from an id or an owner to a ledger. The id of a root task has 40 characters: `tsk_`, 10 of time
 * and 5 of randomness as in a ULID, 16 that locate its ledger, and 5 that check all before them. Locator and check are
 * made by `idFromName`, which is a keyed pseudo-random function of this deployment's namespace: without the key, an id
 * shows no name and follows from none, and an invented or altered id is rejected before any object is touched. The
 * object of a ledger has its locator as its name, so an id finds it without a look-up.
 */
import { encodeTime } from "ulid"
import type { Denial } from "../core/denials/denial.ts"
import type { HistoryKey } from "../core/guardrails/history-key.ts"
import type { Location } from "../core/policy/definition/gateways.ts"
import type { UserFacts } from "../core/policy/principals.ts"
import { CHECK_AT, isTaskId, LOCATOR_AT, readLocator, rootOf } from "../core/task/state.ts"
import { newId } from "./new-id.ts"

/**
 * Whose ledger it is: a person's, with all that agents do for them; or an agent's, for what it does on nobody's behalf,
 * the first of its partitions unless it says otherwise.
 */
export type LedgerOwner =
  | Pick<UserFacts, "issuer" | "subject">
  | { readonly agent: HistoryKey; readonly partition?: number }

export type LedgerStub = ReturnType<Env["LEDGER"]["getByName"]>

type Ledgers = Pick<Env, "LEDGER">

/** The id of a new root task, whose tree is in the ledger of this owner. */
export function newTaskId(env: Ledgers, owner: LedgerOwner, now: number): string {
  return taskIdFrom(env, newId("tsk", now), owner)
}

/** The id that a task has once its tree is in the ledger of another owner. */
export function movedTaskId(env: Ledgers, task: string, owner: LedgerOwner): string {
  const root = rootOf(task)
  return `${taskIdFrom(env, root, owner)}${task.slice(root.length)}`
}

/** Whether this deployment may have given this id to a task. */
export function isOwnTaskId(env: Ledgers, text: string): boolean {
  if (!isTaskId(text)) return false
  const root = rootOf(text)
  return checkOf(env, root.slice(0, CHECK_AT)) === root.slice(CHECK_AT)
}

/** Why no ledger has answered: it is out of reach, or this deployment gave the id to no task. */
export function whyUnanswered(env: Ledgers, task: string): Denial {
  return isOwnTaskId(env, task) ? { reason: "ledger_unavailable" } : { reason: "task_unknown" }
}

/**
 * The only way from an id to an object. Null if this deployment gave the id to no task.
 * @param location where the ledger is created if it does not exist yet
 */
export function ledgerOfTask(env: Ledgers, task: string, location?: Location): LedgerStub | null {
  if (!isOwnTaskId(env, task)) return null
  return env.LEDGER.getByName(readLocator(task), location && { locationHint: location })
}

export function ledgerOf(env: Ledgers, owner: LedgerOwner): LedgerStub {
  return env.LEDGER.getByName(locatorOf(env, owner))
}

/** @param id whose time and randomness the task's id has */
function taskIdFrom(env: Ledgers, id: string, owner: LedgerOwner): string {
  const checked = `${id.slice(0, LOCATOR_AT)}${locatorOf(env, owner)}`
  return `${checked}${checkOf(env, checked)}`
}

function locatorOf(env: Ledgers, owner: LedgerOwner): string {
  return pseudonym(env, JSON.stringify("agent" in owner ? nameOfAgent(owner) : ["user", owner.issuer, owner.subject]))
}

function nameOfAgent({ agent, partition = 0 }: Extract<LedgerOwner, { readonly agent: HistoryKey }>): unknown {
  return partition === 0 ? ["agent", agent] : ["agent", agent, partition]
}

/** No owner has this name: theirs are JSON. No object has it: those are locators. */
function checkOf(env: Ledgers, checked: string): string {
  return pseudonym(env, `task ${checked}`).slice(-5)
}

/**
 * 16 characters, 80 bits, of a name. All of the platform's id is folded into them, because the platform does not say
 * which of its digits have a meaning of their own.
 */
function pseudonym({ LEDGER }: Ledgers, name: string): string {
  const id = LEDGER.idFromName(name).toString()
  const bitsAt = (at: number): number => Number.parseInt(id.slice(at, at + 5), 16)
  return [0, 5, 10, 15].map((at) => encodeTime(bitsAt(at) ^ bitsAt(at + 20) ^ bitsAt(at + 44), 4)).join("")
}
