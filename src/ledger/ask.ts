/**
 * Requests to a ledger: one request, bounded in time. Null means that the ledger is unavailable, and every
 * caller denies then.
 */
import type { Pointer } from "../core/policy/bundle.ts"
import type { Location } from "../core/policy/definition/gateways.ts"
import { logEvent } from "../platform/log.ts"
import { ledgerOfTask, type LedgerStub } from "../platform/task-id.ts"
import { within } from "../platform/timeout.ts"
import type { NoBundle } from "./protocol.ts"

export const LEDGER_TIMEOUT_MS = 5_000
/** The ledger stops earlier than that, because the gateway has to learn of what the ledger admits. */
export const DECIDED_WITHIN_MS = LEDGER_TIMEOUT_MS - 500

/**
 * @param ledger receives the milliseconds since the epoch until which the answer counts: nothing may be admitted later
 */
type Question<Reply> = (ledger: LedgerStub, until: number) => Promise<Reply>

/**
 * @param task whose ledger it is; any task of the ledger
 * @param location where the ledger is created if it does not exist yet, so only of a request that may open a task in it
 */
export async function askLedger<Reply>(
  env: Env,
  task: string,
  question: Question<Reply>,
  location?: Location,
): Promise<Reply | null> {
  return askStub(() => ledgerOfTask(env, task, location), question)
}

/**
 * A step at the token endpoint, by the bundle that the ledger has if this isolate's is older: a person's ledger may have
 * been asked by an isolate that is ahead.
 */
export async function askByNewest<Reply extends object>(
  env: Env,
  task: string,
  pointer: Pointer,
  step: (ledger: LedgerStub, pointer: Pointer) => Promise<Reply | NoBundle>,
  location?: Location,
): Promise<Reply | NoBundle | null> {
  const reply = await askLedger(env, task, async (ledger) => step(ledger, pointer), location)
  if (!reply || !("bundle" in reply) || reply.bundle !== "stale") return reply
  const { newest } = reply
  return askLedger(env, task, async (ledger) => step(ledger, newest))
}

/**
 * @param find returns null if there is no such ledger
 * @param timeout milliseconds
 */
export async function askStub<Reply>(
  find: () => LedgerStub | null,
  question: Question<Reply>,
  timeout = LEDGER_TIMEOUT_MS,
): Promise<Reply | null> {
  const until = Date.now() + DECIDED_WITHIN_MS
  let ledger: LedgerStub | null = null
  try {
    ledger = find()
    return ledger && (await within(question(ledger, until), timeout, "the ledger"))
  } catch (error) {
    logEvent("ledger_failed", { ledger: String(ledger?.name ?? ledger?.id), error: String(error) })
    return null
  }
}
