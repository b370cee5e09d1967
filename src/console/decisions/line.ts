/** One decision in a line, in plain text: as a row of the page has it, and as it comes in later. */
import { shortened } from "../../web/visible.ts"
import type { Line } from "./live-line.ts"
import type { Decision } from "../../api/contract/decisions.ts"
import { whyNot } from "./why.ts"

export function lineOf(record: Decision): Line {
  const { id, at, decision, code } = record
  return {
    id,
    at,
    time: new Date(at).toISOString().slice(11, 19),
    decision,
    code: decision === "allow" ? "" : shortened(code, 40),
    what: shortened(whatOf(record), 90),
    who: shortened(whoOf(record), 110),
    why: shortened(whyOf(record), 200),
  }
}

/** Empty where there is nothing to be told. */
export function whyOf({ decision, denial, mode, candidate }: Decision): string {
  const differs = candidate?.differs
  const why = [
    denial ? whyNot(denial) : "",
    mode === "observe" && decision === "deny" ? "let through all the same: the gateway only observes" : "",
    differs ? `the candidate: ${differs.code}` : "",
  ]
  return why.filter((part) => part !== "").join("; ")
}

/** `crm.tickets.get (read)` */
export const toolText = (tool: string, action: string | null): string =>
  action === null ? tool : `${tool} (${action})`

export function whatOf({ kind, tool, action, scope, method, path, listing, operator }: Decision): string {
  if (listing) return `a list of ${listing.asked} tools`
  if (tool !== null) return toolText(tool, action)
  if (kind === "exchange") return scope === null ? "a token" : `a token: ${shortened(scope, 60)}`
  if (kind === "approval" && operator === null) return "asking a person to consent"
  if (kind === "end" && operator === null) return "the end of its task"
  return path === null ? kind : `${method ?? ""} ${path}`.trim()
}

/** What an id ends in tells agents apart. */
const NAME = 48

export function whoOf({ chain, user, operator }: Decision): string {
  if (operator !== null) return nameOf(operator)
  const [agent, by] = chain.toReversed()
  if (agent === undefined) return user === null ? "somebody unknown" : nameOf(user)
  const above = by === undefined ? "" : `, called by ${shortName(by)}`
  return `${shortName(agent)}${above}${user === null ? "" : `, for ${nameOf(user)}`}`
}

function shortName(agent: string): string {
  return shortened(agent.replace(/^spiffe:\/\//, ""), NAME, "end")
}

/** Of issuer and subject the subject; whose it is the record itself tells. */
function nameOf(user: string): string {
  return shortened(user.slice(user.indexOf("|") + 1), NAME, "end")
}
