/**
 * Why a decision was a denial, in a sentence. Each reason has one, with the names of its evidence in braces. A reason that
 * this version does not know is shown by its name, with all of its evidence.
 */
import type { Reason } from "../../core/denials/denial.ts"
import { shortened, markInvisible } from "../../web/visible.ts"
import type { Denial } from "../../api/contract/decisions-console.ts"

const SENTENCES: Readonly<Record<Reason, string>> = {
  gateway_unknown: "The gateway sent no valid key",
  gateway_dialect_mismatch: "The gateway used another dialect than {expected}, for which it is registered",
  target_missing: "The gateway did not send {header}, so the target of the call is unknown",
  original_path_differs: "The gateway sent two paths for one call",
  token_missing: "No token was sent",
  authorization_malformed: "The Authorization header is ambiguous",
  token_malformed: "The token is malformed: {what}",
  token_rejected: "The token was rejected: {what}",
  token_expired: "The token has expired",
  audience_mismatch: "The token is for {expected}, not for {got}",
  binding_required: "The token is bound to a key, and was sent without a proof of it",
  binding_absent: "A DPoP proof was sent with a token that is not bound to a key",
  proof_missing: "The DPoP proof is missing",
  proof_rejected: "The DPoP proof was rejected: {what}",
  proof_replayed: "The DPoP proof was used before",
  nonce_required: "The DPoP proof needs a new nonce",
  target_ambiguous: "The target of the call is ambiguous: {what}",
  subject_differs: "The request names another subject than its token: {what}",
  tool_unknown: "{called} is not in the catalog",
  body_rejected: "The body is ambiguous: {what}",
  mcp_rejected: "The MCP message is not accepted: {what}",
  mcp_header_mismatch: "The header {header} contradicts the body",
  mcp_headers_untrusted: "The MCP headers cannot be trusted without the body: {what}",
  arguments_unknown: "Rules need arguments that were not sent: {needed} ({what})",
  arguments_unrepresentable: "The argument {argument} has a value that rules cannot read",
  argument_variant: "The name of argument {argument} could be taken for another one",
  task_unknown: "There is no such task",
  token_unissued: "The token was not issued by the ledger of its task",
  task_ended: "Task already {state}",
  tool_not_granted: "The grant of the task does not include {scope}",
  sensitivity_exceeded: "The grant of the task is limited to the sensitivity {max}",
  environment_not_granted: "The grant of the task does not include {scope} in this environment",
  argument_out_of_bounds: "The argument {argument} is out of bounds ({bound})",
  calls_exhausted: "The task has used all of its {limit} calls",
  plan_left: "The call is not in the plan of the task. Expected next: {expected}",
  window_full: "Limit {window} reached: {limit} in {seconds} s",
  budget_spent: "Budget {budget} exhausted: {used} of {limit} used, {asked} requested",
  call_repeated: "The same call was repeated too often ({guardrail}: {limit} in {seconds} s)",
  origin_changed: "The call came from another origin than before ({guardrail})",
  denial_storm: "Too many calls were denied before ({guardrail}: {limit} in {seconds} s)",
  calls_circle: "The task repeats the same {length} calls in a loop ({guardrail})",
  approval_required: "Needs approval by {name}",
  sequence_broken: "The call is in the wrong order ({guardrail})",
  too_many_at_once: "{limit} calls are in flight ({guardrail})",
  guardrail_field_missing: "The call lacks {field}, which the guardrail {guardrail} needs",
  amount_unreadable: "{field} cannot be read, which {guardrail} adds up: {what}",
  history_full: "The guardrail {guardrail} has reached its memory limit for this task",
  limit_unavailable: "The shared limit {guardrail} is unavailable",
  stopped: "Suspended ({kind}, {switch})",
  tool_stopped: "The tool {tool} is suspended ({switch})",
  tool_changed: "The definition of {tool} has changed since it was added",
  agent_unregistered: "The agent {agent} is not registered",
  policy_forbids: "Rule {rules} denies this for {principal}",
  policy_permits_nothing: "No rule permits this for {principal}",
  step_up_required: "The person must sign in again, or more strongly ({rules})",
  bound_key_required: "The token must be bound to a key ({rules})",
  bundle_unavailable: "No policy bundle could be loaded",
  switches_unavailable: "The list of suspensions is unavailable",
  keys_unavailable: "The keys to verify the token are unavailable",
  ledger_unavailable: "The ledger of the task is unavailable",
  signing_key_unavailable: "No signing key is available for a Transaction Token",
  failed: "An internal error occurred, and the call was denied",
}
const SENTENCE_OF: ReadonlyMap<string, string> = new Map(Object.entries(SENTENCES))

/** Characters of each piece of evidence. */
const MAX_SHOWN = 160

export function whyNot({ reason, ...evidence }: Denial): string {
  const sentence = SENTENCE_OF.get(reason)
  if (sentence === undefined) {
    const all = Object.entries(evidence).map(([name, value]) => `${name} ${valueText(value)}`)
    return [reason.replaceAll("_", " "), ...all].map((part) => shortened(part, MAX_SHOWN)).join("; ")
  }
  // The evidence is foreign text: braces in it are not replaced again.
  return sentence.replaceAll(/\{(\w+)\}/g, (_, name: string) => shortened(valueText(evidence[name], name), MAX_SHOWN))
}

function valueText(value: unknown, name?: string): string {
  // An approval without a name is one of operators.
  if (value === null || value === undefined) return name === "name" ? "operators" : "?"
  if (typeof value === "string") return name === "principal" ? principalText(value) : value
  if (Array.isArray(value)) return value.map((each) => valueText(each)).join(", ") || "nothing"
  return markInvisible(JSON.stringify(value))
}

/** The subject of a user, and the id of an agent or operator, of a Cedar entity such as `User::"issuer|subject"`. */
function principalText(key: string): string {
  const [, type, id] = /^(\w+)::"(.*)"$/s.exec(key) ?? []
  if (id === undefined) return key
  return type === "Agent" ? id : id.slice(id.indexOf("|") + 1)
}
