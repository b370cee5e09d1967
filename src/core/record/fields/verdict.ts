/** Fields with what was decided, and why. A candidate bundle has its own verdict. */
import * as z from "zod"
import { redactedDenial } from "../../catalog/redaction.ts"
import type { Denial } from "../../denials/denial.ts"
import type { ManagementDenial } from "../../denials/management-denial.ts"
import type { OAuthError } from "../../denials/oauth-error.ts"
import type { SetError } from "../../denials/set-error.ts"
import { CUT_LAST, field, NEVER_CUT, NO_ARGUMENT, text, TEXTS } from "./field.ts"
import { shortened } from "./truncation.ts"

/** The client that a request named, or its token was for, although nobody has proven to be this client. */
interface ClaimedClient {
  readonly claimed_client?: string
}

/** The reason with its evidence. Null for an allowed request. */
export type RecordedDenial = ((Denial | OAuthError | ManagementDenial) & ClaimedClient) | SetError | null

/** The reason, and its evidence by members of its own. */
export const DENIAL_SCHEMA = z.object({ reason: z.string() }).catchall(z.unknown().describe("Evidence of the reason."))

export const VERDICT_FIELDS = {
  decision: field<"allow" | "deny">()({
    schema: z.enum(["allow", "deny"]),
    blank: "deny",
    isIndexed: true,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "client",
    doc: "What was decided.",
  }),
  code: field<string>()({
    schema: z.string(),
    blank: "unavailable",
    isIndexed: true,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "client",
    doc: "`ok`, or the code on the wire; of a token request the OAuth error.",
  }),
  denial: field<RecordedDenial>()({
    schema: DENIAL_SCHEMA.nullable(),
    blank: null,
    truncation: { atOnce: shortDenial, ifTooLong: "members" },
    redaction: (denial, { redact }) => redactedDenial(denial, redact),
    personal: true,
    visibleTo: "operators",
    doc: "The `reason` of the denial with its evidence, and `claimed_client` if the client is not proven. Null for an allow.",
  }),
  principal: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: true,
    visibleTo: "operators",
    doc: "The first principal that policy did not permit, as Cedar writes it.",
  }),
  rules: field<readonly string[]>()({
    schema: TEXTS,
    blank: [],
    truncation: CUT_LAST,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Ids of the rules that determined the answer of policy: the forbids that held or erred, else the permits that held.",
  }),
  scope: text({
    truncation: CUT_LAST,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Of a token request that was granted: what was granted.",
  }),
}

export function shortDenial<D extends RecordedDenial>(denial: D): D {
  const short = shortened(denial)
  return short === denial ? denial : Object.assign({}, denial, short)
}
