/** Whether a switch stops what a task in its ledger has, which the ledger alone knows: for whom, and since when. */
import { oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import { stoppedBy, type Switch } from "../../core/signals/switch.ts"
import { askLedger } from "../../ledger/ask.ts"

/**
 * Before the step of the ledger: what that writes (a consent is redeemed, a refresh token replaced, a record says that a
 * token was issued) would stand although no token leaves. A task of another agent, or none, is left to the step.
 */
export async function stopOfAuthority(
  task: string,
  agent: string,
  switches: readonly Switch[],
  env: Env,
): Promise<OAuthFailure | null> {
  if (switches.length === 0) return null
  const found = await askLedger(env, task, async (ledger) => ({ authority: await ledger.authorityOf(task, agent) }))
  if (!found) return oauthError({ reason: "unavailable" })
  if (!found.authority) return null
  const stopped = stoppedBy(switches, { agents: [agent], kid: null, tool: null, ...found.authority })
  return stopped && oauthError({ reason: "stopped", switch: stopped.id })
}
