/** Whether a switch stops what a delegation token would open: a call, or a response about its task. Pure. */
import { type VerifiedToken, userOf } from "../credentials/delegation-token.ts"
import type { Denial } from "../core/denials/denial.ts"
import { stoppedBy, type Switch } from "../core/signals/switch.ts"

/**
 * A switch is in force from its acknowledgement on, whatever the ledger would decide.
 * @param switches null if they are unavailable: then everything is denied
 * @param tool that is called; null if none is
 */
export function stopOf(
  switches: readonly Switch[] | null,
  { claims, agents, kid }: VerifiedToken,
  tool: string | null,
): Denial | null {
  if (!switches) return { reason: "switches_unavailable" }
  if (switches.length === 0) return null
  const affected = { agents, user: userOf(claims), tool, kid, since: claims.since * 1000 }
  const holding = stoppedBy(switches, affected)
  return holding && denialBy(holding)
}

export function denialBy({ id, stopped }: Switch): Denial {
  return stopped.kind === "tool"
    ? { reason: "tool_stopped", switch: id, tool: stopped.tool }
    : { reason: "stopped", switch: id, kind: stopped.kind }
}
