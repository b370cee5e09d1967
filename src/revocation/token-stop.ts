/** Whether a switch stops what a delegation token would open: a call, or an answer about its task. Pure. */
import type { DelegationClaims, VerifiedToken } from "../credentials/delegation-token.ts"
import type { Denial } from "../core/denials/denial.ts"
import type { Subject } from "../gateway/dialects/dialect.ts"
import { stoppedBy, type Switch } from "../core/signals/switch.ts"

/** Null where the agent acts on its own behalf. */
export function userOf({ sub, client_id }: DelegationClaims): string | null {
  return sub === client_id ? null : sub
}

/** Whether it is for this agent, or on behalf of this user. */
export function isFor(claims: DelegationClaims, { type, id }: Subject): boolean {
  return type === "agent" ? id === claims.client_id : type === "user" && id === userOf(claims)
}

/**
 * A switch holds from its acknowledgement on, whatever the ledger would say.
 * @param switches null where they cannot be known: then nothing passes
 * @param tool that is called; null where none is
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
