/** Fields with who requested something, for whom, and with which arguments. */
import * as z from "zod"
import { isObject } from "../../encoding/json.ts"
import { withoutRedacted } from "../../catalog/redaction.ts"
import { field, NEVER_CUT, NO_ARGUMENT, text, TEXTS } from "./field.ts"
import { shortArguments, shortList } from "./truncation.ts"

type Named = Readonly<Record<string, unknown>>
/** Zod's record type omits a member named `__proto__`, and callers choose these names. */
const members = z.custom<Named>(isObject)

export interface Expiry {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** `TokenLimit` or `TaskLimit` of core/task/task.ts. */
  readonly limited_by: string
}
const expiry = z.looseObject({ at: z.number(), limited_by: z.string() })

export const SUBJECT_FIELDS = {
  task: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Id of the task.",
  }),
  purpose: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Purpose of the task.",
  }),
  audience: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Of a token request that was granted: for which audience.",
  }),
  expires: field<{ readonly token: Expiry; readonly task: Expiry } | null>()({
    schema: z.looseObject({ token: expiry, task: expiry }).nullable(),
    blank: null,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Of a token request that was granted: when the `token` and its `task` expire (`at`, milliseconds), and by which bound (`limited_by`).",
  }),
  user: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: true,
    visibleTo: "operators",
    doc: "Issuer and subject, joined by `|`. If an operator acted: the user to whom, or to whose task, this was done.",
  }),
  groups: field<readonly string[]>()({
    schema: TEXTS,
    blank: [],
    truncation: { atOnce: shortList, ifTooLong: "whole" },
    redaction: NO_ARGUMENT,
    personal: true,
    visibleTo: "operators",
    doc: "Groups of the user, as their session named them.",
  }),
  chain: field<readonly string[]>()({
    schema: TEXTS,
    blank: [],
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Agents from the root task's to the calling one, each proven. If an operator acted: the agents to whom this was done.",
  }),
  arguments_hash: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Hex HMAC-SHA-256 of the decision and the arguments, with a secret of the Worker. Null if they were not seen in full.",
  }),
  arguments_omitted: field<number | null>()({
    schema: z.number().nullable(),
    blank: null,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "How many arguments `arguments` does not have. Null if they were not seen in full, or no ledger decided.",
  }),
  arguments: field<Named>()({
    schema: members,
    blank: {},
    truncation: { atOnce: shortArguments, ifTooLong: "members" },
    redaction: (values, { redact }) => withoutRedacted(values, redact),
    personal: true,
    visibleTo: "operators",
    doc: "The arguments that a rule for the tool reads, and the one that violated a bound; the id by which an MCP server is asked for a result. If an operator acted: what was requested.",
  }),
  facts: field<Named>()({
    schema: members,
    blank: {},
    truncation: { atOnce: null, ifTooLong: "members" },
    // The arguments have a member of their own in the context, which `shownFacts` omits.
    redaction: NO_ARGUMENT,
    personal: true,
    visibleTo: "operators",
    doc: "What else the rules for the tool read of the context: `task.age`, `session.acr`, `risk` … Null for one that was not there.",
  }),
}
