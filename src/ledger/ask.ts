/** The way to a tree's ledger: one request, bounded in time. Out of reach is null, which every caller refuses by. */
import type { Ledger } from "./ledger.ts"
import { logEvent } from "../log.ts"

const TIMEOUT_MS = 5_000

export async function askLedger<Reply>(
  env: Env,
  root: string,
  question: (ledger: DurableObjectStub<Ledger>) => Promise<Reply>,
): Promise<Reply | null> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), TIMEOUT_MS)
  })
  try {
    return await Promise.race([question(env.LEDGER.getByName(root)), timeout])
  } catch (error) {
    logEvent("ledger_failed", { root, error: String(error) })
    return null
  } finally {
    clearTimeout(timer)
  }
}
