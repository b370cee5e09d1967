/** Why a management request is denied, if no call and no token request is: each reason with its evidence. */
import * as z from "zod"
import type { CredentialRejection } from "./terms/credential-rejection.ts"
import type { Denial } from "./denial.ts"
import { NUMBER, plain, TEXT, type DenialOf, type PlainMembers, type Reasoned } from "./terms/evidence.ts"

interface ManagementReason<E extends PlainMembers = PlainMembers> extends Reasoned<E> {
  /** The code in the record and on the wire. */
  readonly codes: readonly string[]
}
function reason<const E extends PlainMembers>(entry: ManagementReason<E>): ManagementReason<E> {
  return entry
}

const WHAT = plain(TEXT, "What is wrong with it.")
const TASK = plain(TEXT, "The task.")

export const MANAGEMENT_DENIALS = {
  operator_rejected: reason({
    codes: ["missing_token", "invalid_token", "unavailable"],
    evidence: {
      because: plain(
        z.custom<CredentialRejection | Denial | null>(),
        "Why the credential was rejected; of a delegation token, the reason of a call; null: there was none.",
      ),
    },
    doc: "The credential proves no operator, approver, publisher or agent.",
  }),
  role_missing: reason({
    codes: ["policy_denied"],
    evidence: { what: plain(TEXT, "The role that is needed.") },
    doc: "The operator does not have the role that this takes.",
  }),
  own_approval: reason({
    codes: ["policy_denied"],
    evidence: {},
    doc: "The person would approve a call that is made in their own name.",
  }),
  not_approver: reason({
    codes: ["policy_denied"],
    evidence: {},
    doc: "`approvers.yaml` does not list the person for this approval.",
  }),
  not_found: reason({
    codes: ["not_found"],
    evidence: { what: plain(TEXT, "What there is not.") },
    doc: "What the request names does not exist for this caller.",
  }),
  request_malformed: reason({
    codes: ["invalid_request", "malformed_call"],
    evidence: { what: WHAT },
    doc: "The request is malformed.",
  }),
  too_many_comparisons: reason({
    codes: ["rate_limited"],
    evidence: {},
    doc: "Arguments were compared with records too often today.",
  }),
  outrun: reason({
    codes: ["outrun"],
    evidence: { seq: plain(NUMBER, "The number of the current publication.") },
    doc: "There is a publication of this number already, or of a higher one.",
  }),
  task_quarantined: reason({
    codes: ["task_quarantined"],
    evidence: { task: TASK },
    doc: "The task is quarantined: no agent can end it, nor a task above or below it.",
  }),
  task_pending: reason({
    codes: ["task_pending"],
    evidence: { task: TASK },
    doc: "The task waits for a person's consent: it cannot be quarantined or rated, but revoked.",
  }),
  form_refused: reason({
    codes: ["policy_denied"],
    evidence: { what: plain(TEXT, "`origin`, `csrf` or `body`.") },
    doc: "A form of the console was not sent by a page of the user's session.",
  }),
  sign_in_failed: reason({
    codes: ["invalid_token"],
    evidence: {
      what: WHAT,
      because: plain(z.custom<CredentialRejection | null>(), "Why the ID token was rejected; null: there was none."),
    },
    doc: "A sign-in to the console failed.",
  }),
}
export type ManagementDenial = DenialOf<typeof MANAGEMENT_DENIALS>
