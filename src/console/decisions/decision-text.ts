/** One decision in a line of plain text: for a row of the page, and for a row that the live stream adds. */
import { shortened } from "../../web/visible.ts"
import type { LiveLine } from "./live-update.ts"
import type { Decision } from "../../api/contract/decisions.ts"
import { denialText } from "./denial-text.ts"

export function liveLineOf(record: Decision): LiveLine {
  const { id, at, decision, code } = record
  return {
    id,
    at,
    time: new Date(at).toISOString().slice(11, 19),
    decision,
    code: decision === "allow" ? "" : shortened(code, 40),
    what: shortened(requestText(record), 90),
    who: shortened(callerText(record), 110),
    why: shortened(reasonText(record), 200),
  }
}

/** Empty if there is no reason to give. */
export function reasonText({ decision, denial, mode, candidate }: Decision): string {
  const differs = candidate?.differs
  const why = [
    denial ? denialText(denial) : "",
    mode === "observe" && decision === "deny" ? "Allowed anyway: the gateway only observes" : "",
    differs ? `Candidate: ${differs.code}` : "",
  ]
  return why.filter((part) => part !== "").join(". ")
}

/** `crm.tickets.get (read)` */
export const toolText = (tool: string, action: string | null): string =>
  action === null ? tool : `${tool} (${action})`

export function requestText({ kind, tool, action, scope, method, path, listing, operator }: Decision): string {
  if (listing) return `List of ${listing.asked} tools`
  if (tool !== null) return toolText(tool, action)
  if (kind === "exchange") return scope === null ? "Token" : `Token for ${scopesText(scope)}`
  if (kind === "approval" && operator === null) return "Consent requested"
  if (kind === "end" && operator === null) return "End of its task"
  return path === null ? kind : `${method ?? ""} ${path}`.trim()
}

/** Characters of a name. Agents differ in the endings of their ids. */
const NAME = 48

export function callerText({ chain, user, operator }: Decision): string {
  if (operator !== null) return nameOf(operator)
  const [agent, caller] = chain.toReversed()
  if (agent === undefined) return user === null ? "Unauthenticated caller" : nameOf(user)
  const above = caller === undefined ? "" : `, called by ${shortName(caller)}`
  return `${shortName(agent)}${above}${user === null ? "" : `, for ${nameOf(user)}`}`
}

/** One scope as it is, more by their number. */
function scopesText(scope: string): string {
  const scopes = scope.split(" ")
  return scopes.length === 1 ? shortened(scope, 60) : `${scopes.length} scopes`
}

function shortName(agent: string): string {
  return shortened(agent.replace(/^spiffe:\/\//, ""), NAME, "end")
}

/** The subject of a user. The page of the decision shows the issuer as well. */
function nameOf(user: string): string {
  return shortened(user.slice(user.indexOf("|") + 1), NAME, "end")
}
