/** The codes of denied calls, which a gateway's client sees. They are few; the reasons in records are many. */

interface CodeDefinition {
  /** The HTTP status, if the dialect can carry it. */
  readonly status: 400 | 401 | 403 | 429 | 503
  /** The sentence for the caller, who may be hostile, if the reason has none of its own. */
  readonly sentence: string
}

export const CODES = {
  missing_token: { status: 401, sentence: "A delegation token is required." },
  invalid_token: { status: 401, sentence: "The delegation token is not valid here, or no longer." },
  step_up_required: { status: 401, sentence: "The user must log in again, or more strongly, for this call." },
  insufficient_scope: { status: 403, sentence: "The task's grant does not cover this call." },
  policy_denied: { status: 403, sentence: "Policy does not permit this call." },
  unknown_tool: { status: 403, sentence: "This request is not a tool of the catalog." },
  unknown_gateway: { status: 403, sentence: "The gateway is not known." },
  budget_exhausted: { status: 403, sentence: "The budget is exhausted." },
  sequence_denied: {
    status: 403,
    sentence: "A rule about the order of calls denies this call at this point of the task.",
  },
  approval_required: { status: 403, sentence: "A person has to approve of this very call." },
  loop_detected: { status: 403, sentence: "The task repeats the same calls in a loop." },
  deviation: { status: 403, sentence: "The call is not what the task was to do, or not from where it does it." },
  tool_changed: { status: 403, sentence: "The tool has changed since it was added to the catalog." },
  rate_limited: { status: 429, sentence: "Too many calls in the current window." },
  malformed_call: { status: 400, sentence: "The request is malformed or ambiguous." },
  unavailable: { status: 503, sentence: "No decision could be made." },
} as const satisfies Readonly<Record<string, CodeDefinition>>
export type Code = keyof typeof CODES

export const isCode = (text: string): text is Code => Object.hasOwn(CODES, text)
