/**
 * Why something was refused, as one says it. Each reason has a sentence, with the names of what shows it in braces; of a
 * reason that is not known here its name and all that shows it are told.
 */
import type { Reason } from "../../core/denials/denial.ts"
import { shortened, markInvisible } from "../../web/visible.ts"
import type { Denial } from "../../api/contract/decisions.ts"

const SENTENCES: Readonly<Record<Reason, string>> = {
  gateway_unknown: "the gateway showed no key that is known",
  gateway_dialect_mismatch: "the gateway asked in another dialect than {expected}, for which it is registered",
  target_missing: "the gateway did not tell what was called: {header} is missing",
  original_path_differs: "the gateway told two paths for one call",
  token_missing: "it brought no token",
  authorization_malformed: "its Authorization header could not be read in one way",
  token_malformed: "its token is no token: {what}",
  token_rejected: "its token was not accepted: {what}",
  token_expired: "its token had expired",
  audience_mismatch: "its token is for {expected}, not for {got}",
  binding_required: "its token is bound to a key, and was shown without it",
  binding_absent: "it proved a key that its token is not bound to",
  proof_missing: "it did not prove the key of its token",
  proof_rejected: "its proof of the key was not accepted: {what}",
  proof_replayed: "its proof of the key had been used before",
  nonce_required: "its proof has to be made anew, with a nonce",
  target_ambiguous: "what it called could be read in several ways: {what}",
  subject_differs: "it was asked for somebody else than its token is for: {what}",
  tool_unknown: "{called} is no tool of the catalog",
  body_rejected: "its body could not be read in one way: {what}",
  mcp_rejected: "it is no message of MCP that is accepted: {what}",
  mcp_header_mismatch: "its header {header} says something else than its body",
  mcp_headers_untrusted: "its headers cannot be believed without the body: {what}",
  arguments_unknown: "arguments that rules read were not seen: {needed} ({what})",
  arguments_unrepresentable: "the argument {argument} has no value that rules could read",
  argument_variant: "the argument {argument} could be taken for another one",
  task_unknown: "there is no such task",
  token_unissued: "its token was not issued by the task's ledger",
  task_ended: "its task {task} is over: {state}",
  tool_not_granted: "the task's grant does not hold {scope}",
  sensitivity_exceeded: "the task {task} may reach no more than what is {max}",
  environment_not_granted: "the task {task} may not do {scope} in this environment",
  argument_out_of_bounds: "the argument {argument} is out of its bounds ({bound})",
  calls_exhausted: "the {limit} calls of task {task} are used up",
  plan_left: "the plan of task {task} has no place for it now; next would be {expected}",
  window_full: "the limit {window} is used up: {limit} in {seconds} s",
  budget_spent: "the budget {budget} is spent: {used} of {limit} used, {asked} asked",
  call_repeated: "the same call came too often ({guardrail}: {limit} in {seconds} s)",
  origin_changed: "it came from somewhere else than before ({guardrail})",
  denial_storm: "too much was refused before ({guardrail}: {limit} in {seconds} s)",
  calls_circle: "the task goes round in a circle of {length} calls ({guardrail})",
  approval_required: "somebody has to approve of it first: {name}, because {because}",
  sequence_broken: "it may not come after what the task has done, or has not done ({guardrail})",
  too_many_at_once: "{limit} calls at once are under way already ({guardrail})",
  guardrail_field_missing: "it lacks {field}, by which {guardrail} tells calls apart",
  amount_unreadable: "{field}, which {guardrail} adds up, cannot be read: {what}",
  history_full: "{guardrail} would have to keep in mind more than a task may take up",
  limit_unavailable: "the shared count of {guardrail} was out of reach",
  stopped: "it is stopped by a switch ({kind}, {switch})",
  tool_stopped: "the tool {tool} is stopped by a switch ({switch})",
  tool_changed: "the tool {tool} is not what it was when it was let into the catalog",
  agent_unregistered: "the agent {agent} is not registered",
  policy_forbids: "a rule forbids it to {principal}: {rules}",
  policy_permits_nothing: "no rule permits it to {principal}",
  step_up_required: "the person has to log in again, or more strongly ({rules})",
  bound_key_required: "it needs a token that is bound to a key ({rules})",
  bundle_unavailable: "no bundle of policies could be loaded",
  switches_unavailable: "it could not be known what is stopped",
  keys_unavailable: "keys to verify its token by were out of reach",
  ledger_unavailable: "the task's ledger was out of reach",
  signing_key_unavailable: "there was no key to sign for what is behind the gateway",
  failed: "something failed, and nothing is let through then",
}
const SENTENCE_OF: ReadonlyMap<string, string> = new Map(Object.entries(SENTENCES))

/** Of each thing that shows it. */
const MAX_SHOWN = 160

export function whyNot({ reason, ...evidence }: Denial): string {
  const sentence = SENTENCE_OF.get(reason)
  if (sentence === undefined) {
    const all = Object.entries(evidence).map(([name, value]) => `${name} ${shownValue(value)}`)
    return [reason.replaceAll("_", " "), ...all].map((part) => shortened(part, MAX_SHOWN)).join("; ")
  }
  // What is put in is others' text, in which braces are nobody's.
  return sentence.replaceAll(/\{(\w+)\}/g, (_, name: string) => shortened(shownValue(evidence[name]), MAX_SHOWN))
}

function shownValue(value: unknown): string {
  if (value === null || value === undefined) return "?"
  if (typeof value === "string") return value
  if (Array.isArray(value)) return value.map(shownValue).join(", ") || "nothing"
  return markInvisible(JSON.stringify(value))
}
