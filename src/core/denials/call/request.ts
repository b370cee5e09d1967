/** Why a request is not one call of one tool, with arguments that are unambiguous. */
import { hiddenByCheck, optional, plain, TEXT, TEXTS } from "../terms/evidence.ts"
import { asciiText } from "../../encoding/display-text.ts"
import { QUERY_PART } from "../terms/query-part.ts"
import { ARGUMENT, HEADER, WHAT } from "./members.ts"
import { final, ONLY_CODE, reason } from "./reason.ts"

export const REQUEST_DENIALS = {
  target_ambiguous: final({
    code: "malformed_call",
    evidence: { what: WHAT },
    doc: "The method or the URL of the call can be read in more than one way.",
    forOperators: ({ what }) => `The target of the call is ambiguous: ${what}`,
    forCaller: notAccepted,
  }),
  subject_differs: final({
    code: "malformed_call",
    evidence: { what: WHAT },
    doc: "The client of AuthZEN names another subject than the token.",
    forOperators: ({ what }) => `The request names another subject than its token: ${what}`,
    forCaller: notAccepted,
  }),
  tool_unknown: final({
    code: "unknown_tool",
    evidence: {
      // Only the routes know which segments of a path are arguments, so locate.ts omits those that no route has
      // literally.
      called: hiddenByCheck(
        "Method and path, or the name. If a tool redacts a part of its path, only the segments that routes have literally.",
      ),
    },
    doc: "No tool of the catalog has this route or this name.",
    forOperators: ({ called }) => `${called} is not in the catalog`,
    forCaller: ONLY_CODE,
  }),
  method_unknown: final({
    code: "unknown_method",
    evidence: { called: plain(TEXT, "The server, and the method as far as it can be shown.") },
    doc: "The request to an MCP server has a method that Narrowgate does not know, and so cannot decide.",
    forOperators: ({ called }) => `${called} is no method that can be decided`,
    forCaller: ONLY_CODE,
  }),
  body_rejected: final({
    code: "malformed_call",
    evidence: { what: WHAT },
    doc: "The body is malformed or ambiguous.",
    forOperators: ({ what }) => `The body is malformed or ambiguous: ${what}`,
    forCaller: ({ what }) => `The body was not accepted: ${what}.`,
  }),
  mcp_rejected: final({
    code: "malformed_call",
    evidence: { what: WHAT },
    doc: "The body is not one request of MCP that can be decided.",
    forOperators: ({ what }) => `The MCP message is not accepted: ${what}`,
    forCaller: ({ what }) => `The MCP message was not accepted: ${what}.`,
  }),
  mcp_header_mismatch: final({
    code: "malformed_call",
    evidence: { header: HEADER },
    doc: "A header of MCP names something else than the body.",
    forOperators: ({ header }) => `The header ${header} contradicts the body`,
    forCaller: ({ header }) => `The header ${header} does not agree with the body.`,
  }),
  mcp_headers_untrusted: final({
    code: "malformed_call",
    evidence: { what: WHAT },
    doc: "The gateway sends no body, and the headers of MCP alone do not prove what is called.",
    forOperators: ({ what }) => `The MCP headers cannot be trusted without the body: ${what}`,
    forCaller: ({ what }) => `The MCP headers do not say reliably what is called: ${what}.`,
  }),
  arguments_unknown: reason({
    code: "malformed_call",
    decidedAnew: "arguments",
    evidence: {
      needed: plain(TEXTS, "Names of the arguments that had to be seen; `*`: all."),
      what: optional(plain(TEXT, "Why they were not seen; absent if that is not known.")),
    },
    doc: "The gateway did not show arguments that a rule, a bound or a guardrail reads.",
    forOperators: ({ needed, what }) => `Rules need arguments that were not sent: ${needed} (${what})`,
    // The argument is not named, because the names of the required arguments are part of the policy.
    forCaller: ({ what }) =>
      what === undefined
        ? "An argument that a rule reads was not seen."
        : `An argument that a rule reads was not seen: ${what}.`,
  }),
  arguments_unrepresentable: final({
    code: "malformed_call",
    evidence: { argument: ARGUMENT },
    doc: "The value of an argument that a rule reads has no counterpart in Cedar.",
    forOperators: ({ argument }) => `The argument ${argument} has a value that rules cannot read`,
    forCaller: ({ argument }) =>
      `A rule cannot read the value of the argument ${quoted(argument)}. Where it compares decimals, send a number with at most four digits after the point, such as 12.34; elsewhere it reads no fraction. It never reads a null, an integer beyond 2^53 - 1, or what is nested too deep.`,
  }),
  work_exhausted: final({
    code: "malformed_call",
    evidence: {},
    doc: "What policies evaluate of the call takes more work than one call may take.",
    forOperators: () => "The call takes more work to decide than one call may",
    forCaller: () =>
      "Its arguments take more work to check than one call may: send shorter ones, or fewer items in one call.",
  }),
  argument_variant: final({
    code: "malformed_call",
    evidence: { argument: ARGUMENT },
    doc: "Some readers take the name of an argument for the name of another one that a rule reads or that is redacted.",
    forOperators: ({ argument }) => `The name of argument ${argument} could be taken for another one`,
    // The argument is not named: the catalog may redact it, and the client need not know its name.
    forCaller: ({ argument }) =>
      argument === QUERY_PART
        ? "A part of the query can be read as an argument that a rule reads or that is redacted."
        : "An argument, or a member of one, has a name that can be read as another one that a rule reads or that is redacted.",
  }),
}

function notAccepted({ what }: { readonly what: string }): string {
  return `The request was not accepted: ${what}.`
}

/**
 * Returns the caller's own text, shortened and without characters that steer a terminal or imitate the end of the name.
 */
const quoted = (argument: string): string => JSON.stringify(asciiText(argument))
