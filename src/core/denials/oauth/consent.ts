/** Why a task waits for a user's consent, or does not get it. */
import { plain, TEXT } from "../terms/evidence.ts"
import { reason } from "./reason.ts"

export const CONSENT_ERRORS = {
  consent_required: reason({
    error: "consent_required",
    evidence: { scope: plain(TEXT, "The scopes for which consent is required.") },
    doc: "Policy requires the user's consent: by `/oauth/authorize` or `/oauth/bc-authorize`.",
    description: ({ scope }) =>
      `The user's consent is required: ask for it at /oauth/authorize or /oauth/bc-authorize. It would be for: ${scope}.`,
  }),
  consent_unknown: reason({
    error: "invalid_grant",
    evidence: {},
    doc: "The agent has no such request for consent, or its token was issued.",
    description: () => "There is no such request of this agent, or its token was issued.",
  }),
  consent_pending: reason({
    error: "authorization_pending",
    evidence: {},
    doc: "The user has not answered yet.",
    description: () => "The user has not answered yet.",
  }),
  polled_too_soon: reason({
    error: "slow_down",
    evidence: {},
    doc: "The agent polls more often than `interval` permits.",
    description: () => "The user has not answered yet; ask less often.",
  }),
  consent_refused: reason({
    error: "access_denied",
    evidence: {},
    doc: "The user has refused.",
    description: () => "The user has refused.",
  }),
  consent_expired: reason({
    error: "expired_token",
    evidence: {},
    doc: "The user has not answered in time.",
    description: () => "The user has not answered in time.",
  }),
  binding_message_refused: reason({
    error: "invalid_binding_message",
    evidence: {},
    doc: "`binding_message` is longer than 100 characters, or cannot be shown on one line.",
    description: () => "binding_message is one line of at most 100 characters that can be shown.",
  }),
  user_unknown: reason({
    error: "unknown_user_id",
    evidence: {},
    doc: "The hint does not identify a user of a configured provider.",
    description: () => "The login hint does not identify a user of a configured provider.",
  }),
}
