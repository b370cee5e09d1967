/** Whether a switch stops the authority of a task, which its ledger alone knows: for whom the task is, and since when. */
import { oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import { stoppedBy, type Switch } from "../../core/signals/switch.ts"
import { askLedger } from "../../ledger/ask.ts"

/**
 * Before the step of the ledger: what that writes (a consent is redeemed, a refresh token replaced, a record says that a
 * token was issued) would stand although no token leaves. The caller checks the result of the step as well, so a ledger
 * that cannot be asked, or is of a release that does not know the question, is left to the step; so is a task of another
 * agent, or none. Until the switch is lifted, the misuse of a code or a refresh token is not noticed either.
 */
export async function stopOfAuthority(
  task: string,
  agent: string,
  switches: readonly Switch[],
  env: Env,
): Promise<OAuthFailure | null> {
  const concerned = switches.filter(dependsOnAuthority)
  if (concerned.length === 0) return null
  const found = await askLedger(env, task, async (ledger) => ({ authority: await ledger.authorityOf(task, agent) }))
  if (!found?.authority) return null
  const stopped = stoppedBy(concerned, { agents: [agent], kid: null, tool: null, ...found.authority })
  return stopped && oauthError({ reason: "stopped", switch: stopped.id })
}

/** All others are known to stop the request, or not to, by the agent alone. */
function dependsOnAuthority({ stopped, before }: Switch): boolean {
  return before !== null || stopped.kind === "user" || stopped.kind === "issuer"
}
