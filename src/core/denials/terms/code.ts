/** The codes of denied calls, which a gateway's client sees. They are few; the reasons in records are many. */

interface CodeDefinition {
  /** The HTTP status, if the dialect can carry it. */
  readonly status: 400 | 401 | 403 | 404 | 429 | 503
  /** The sentence for the caller, who may be hostile, if the reason has none of its own. */
  readonly sentence: string
  /** What a model does best that reads the denial in place of a tool's result; null: no model reads it. */
  readonly advice: string | null
}

export const CODES = {
  missing_token: { status: 401, sentence: "A delegation token is required.", advice: null },
  invalid_token: { status: 401, sentence: "The delegation token is not valid here, or no longer.", advice: null },
  step_up_required: {
    status: 401,
    sentence: "The user must log in again, or more strongly, for this call.",
    advice: null,
  },
  insufficient_scope: {
    status: 403,
    sentence: "The task's grant does not cover this call.",
    advice: "No token for its purpose would: do without it, or tell the user.",
  },
  policy_denied: {
    status: 403,
    sentence: "Policy does not permit this call.",
    advice: "Repeating it does not help: do without it, or tell the user.",
  },
  unknown_tool: {
    status: 403,
    sentence: "This request is not a tool of the catalog.",
    advice: "Call only tools that the list of tools has.",
  },
  unknown_method: { status: 404, sentence: "Method not found.", advice: null },
  unknown_gateway: { status: 403, sentence: "The gateway is not known.", advice: null },
  budget_exhausted: {
    status: 403,
    sentence: "The budget is exhausted.",
    advice: "Finish with what there is, or tell the user.",
  },
  sequence_denied: {
    status: 403,
    sentence: "A rule about the order of calls denies this call at this point of the task.",
    advice: "Repeating it now does not help: go on without it, or tell the user.",
  },
  approval_required: {
    status: 403,
    sentence: "A person has to approve of this very call.",
    advice: "Any change to the call needs an approval of its own.",
  },
  loop_detected: {
    status: 403,
    sentence: "The task repeats the same calls in a loop.",
    advice: "Stop repeating them: use what earlier calls returned, take another way, or tell the user.",
  },
  deviation: {
    status: 403,
    sentence: "The call is not what the task was to do, or not from where it does it.",
    advice: "Go on with what the task is for, or tell the user.",
  },
  tool_changed: {
    status: 403,
    sentence: "The tool has changed since it was added to the catalog.",
    advice: "An operator has to review it: do without it until then, and tell the user.",
  },
  rate_limited: {
    status: 429,
    sentence: "Too many calls in the current window.",
    advice: "Wait before the next call.",
  },
  malformed_call: {
    status: 400,
    sentence: "The request is malformed or ambiguous.",
    advice: "Correct it; the same request is denied again.",
  },
  unavailable: {
    status: 503,
    sentence: "No decision could be made.",
    advice: "The call itself may be fine: it has not been made.",
  },
} as const satisfies Readonly<Record<string, CodeDefinition>>
export type Code = keyof typeof CODES

export const isCode = (text: string): text is Code => Object.hasOwn(CODES, text)
