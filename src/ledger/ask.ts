/** The way to a tree's ledger: one request, bounded in time. Out of reach is null, which every caller refuses by. */
import { logEvent } from "../platform/log.ts"
import { within } from "../platform/timeout.ts"

const TIMEOUT_MS = 5_000
/** The ledger's last step is earlier: the gateway has to hear of what it admits. */
export const DECIDED_WITHIN_MS = TIMEOUT_MS - 500

/** @param question is told until when its answer counts, in milliseconds: nothing may be admitted after that */
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
