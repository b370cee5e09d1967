/** The errors of `POST /v1/claim`, which is no endpoint of a caller: its caller has no identity yet. */
export const CLAIM_ERRORS = {
  invalid_request: {
    status: 400,
    when: "The claim is malformed, late, or for another URL than the one that it was sent to.",
  },
  claim_refused: {
    status: 403,
    when: "This is not the secret CLAIM of the deployment, or the deployment was claimed before.",
  },
  configured: {
    status: 409,
    when: "There is nothing to claim: ISSUER and PUBLISHER_KEYS of the configuration say whose this deployment is.",
  },
  rate_limited: {
    status: 429,
    when: "There were too many wrong claims within a minute, and this one is wrong, too.",
  },
  secret_needed: { status: 503, when: "The deployment has no secret CLAIM, or one that could be guessed." },
  unavailable: { status: 503, when: "It is not certain whether the deployment was claimed: try again." },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly when: string }>>

export type ClaimError = keyof typeof CLAIM_ERRORS
