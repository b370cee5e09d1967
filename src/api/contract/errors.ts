/**
 * Every error of the management API: one code for one cause, at every endpoint, and its HTTP status. The body of each
 * is `{error, error_description, decision_id}`, with a `reason` (forbidden.ts) if it is `policy_denied`. The header
 * `X-Narrowgate-Code` repeats the code.
 */
export const ERRORS = {
  invalid_request: { status: 400, when: "The query, the body or what they ask for is malformed or out of range." },
  missing_token: { status: 401, when: "The request has no bearer token." },
  invalid_token: { status: 401, when: "The token, or the signed statement, is not valid here or no longer." },
  policy_denied: {
    status: 403,
    when: "The caller is known and may not do this. The member reason names what is missing.",
  },
  not_found: { status: 404, when: "There is nothing of this name for this caller, or no longer." },
  task_quarantined: { status: 409, when: "The task is quarantined: an operator has to release or end it first." },
  task_pending: {
    status: 409,
    when: "The task waits for a person's consent and cannot be quarantined or rated, but revoked.",
  },
  outrun: { status: 409, when: "There is a publication of this number or a higher one." },
  rate_limited: {
    status: 429,
    when: "There were too many requests of this kind; `Retry-After` says when to try again.",
  },
  unavailable: {
    status: 503,
    when: "No bundle, a ledger, the issuer's keys or what is revoked could not be read: nothing is certain, try again.",
  },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly when: string }>>

export type ErrorCode = keyof typeof ERRORS
