/**
 * What the answer to a denied call says, in one sentence. The caller may be hostile: a sentence discloses only what the
 * caller can see in its own request, and of policy only that some part of the request had to be read.
 */
import { QUERY_PART } from "../core/catalog/arguments.ts"
import { codeOf, type Code, type Denial } from "../core/denials/denial.ts"
import { asciiText } from "../core/encoding/display-text.ts"

export function describe(denial: Denial): string {
  return sentenceOf(denial) ?? DESCRIPTION_OF_CODE[codeOf(denial)]
}

const DESCRIPTION_OF_CODE: Readonly<Record<Code, string>> = {
  missing_token: "A delegation token is required.",
  invalid_token: "The delegation token is not valid here, or no longer.",
  step_up_required: "The user must log in again, or more strongly, for this call.",
  insufficient_scope: "The task's grant does not cover this call.",
  policy_denied: "Policy does not permit this call.",
  unknown_tool: "This request is not a tool of the catalog.",
  unknown_gateway: "The gateway is not known.",
  budget_exhausted: "The budget is exhausted.",
  approval_required: "A person has to approve of this very call.",
  sequence_denied: "A rule about the order of calls denies this call at this point of the task.",
  loop_detected: "The task repeats the same calls in a loop.",
  deviation: "The call is not what the task was to do, or not from where it does it.",
  tool_changed: "The tool has changed since it was added to the catalog.",
  rate_limited: "Too many calls in the current window.",
  malformed_call: "The request is malformed or ambiguous.",
  unavailable: "No decision could be made.",
}

/** Null: the caller gets the sentence of the code alone. A client cannot correct what it is not told. */
function sentenceOf(denial: Denial): string | null {
  switch (denial.reason) {
    case "target_missing":
      return `The gateway did not say what was called: its header ${denial.header} is missing or malformed.`
    case "original_path_differs":
      return "The gateway stated two different paths for one call."
    case "target_ambiguous":
    case "subject_differs":
      return `The request was not accepted: ${denial.what}.`
    case "body_rejected":
      return `The body was not accepted: ${denial.what}.`
    case "mcp_rejected":
      return `The MCP message was not accepted: ${denial.what}.`
    case "mcp_header_mismatch":
      return `The header ${denial.header} does not agree with the body.`
    case "mcp_headers_untrusted":
      return `The MCP headers do not say reliably what is called: ${denial.what}.`
    // Not which argument: the names that a rule reads are a part of the policy.
    case "arguments_unknown":
      return denial.what === undefined
        ? "An argument that a rule reads was not seen."
        : `An argument that a rule reads was not seen: ${denial.what}.`
    case "arguments_unrepresentable":
      return `A rule cannot read the value of the argument ${named(denial.argument)}: it is or has a null, a fraction or an integer beyond 2^53 - 1, or it nests too deep.`
    // Not which value: it may be under a name that the catalog redacts, which the client need not know.
    case "argument_variant":
      return denial.argument === QUERY_PART
        ? "A part of the query can be read as an argument that a rule reads or that is redacted."
        : "An argument, or a member of one, has a name that can be read as another one that a rule reads or that is redacted."
    case "calls_exhausted":
      return "The task has made all the calls that it may make."
    case "budget_spent":
      return "What is left of a budget does not cover this call."
    case "history_full":
      return "The task cannot remember another value that it would have to remember for this call."
    case "call_repeated":
      return "The task has made the same call too often."
    case "denial_storm":
      return "Too many calls of the task were denied."
    default:
      return null
  }
}

/** The caller's own text: short, and without characters that control a terminal or end the quoted name. */
const named = (argument: string): string => JSON.stringify(asciiText(argument))
