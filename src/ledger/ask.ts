/**
 * Requests to the ledger of a tree: one request, bounded in time. Null means that the ledger is unavailable, and every
 * caller denies then.
 */
import { logEvent } from "../platform/log.ts"
import { within } from "../platform/timeout.ts"

const TIMEOUT_MS = 5_000
/** The ledger stops earlier than that, because the gateway has to learn of what the ledger admits. */
export const DECIDED_WITHIN_MS = TIMEOUT_MS - 500

/**
 * @param question receives the milliseconds since the epoch until which its answer counts: nothing may be admitted
 *   later
 */
export async function askLedger<Reply>(
  env: Env,
  root: string,
  question: (ledger: ReturnType<Env["LEDGER"]["getByName"]>, until: number) => Promise<Reply>,
): Promise<Reply | null> {
  const until = Date.now() + DECIDED_WITHIN_MS
  try {
    return await within(question(env.LEDGER.getByName(root), until), TIMEOUT_MS, "the ledger")
  } catch (error) {
    logEvent("ledger_failed", { root, error: String(error) })
    return null
  }
}
