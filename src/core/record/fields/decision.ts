/** Fields that identify the decision of a record, and its source. */
import * as z from "zod"
import { field, NEVER_CUT, NO_ARGUMENT, NULLABLE_TEXT, text } from "./field.ts"
import { shortText } from "./truncation.ts"
import type { RecordKind } from "../../policy/definition/sinks.ts"
import { redactedPath } from "../../catalog/redaction.ts"

const NUMBER_OR_NULL = z.number().nullable()

/** The place of a record among those of its tree, if a ledger made it. It is unique. */
export interface RecordPlace {
  /**
   * The number of the ledger's life that made it, from 1. A life ends when the Durable Object is evicted or crashes.
   */
  readonly life: number
  /** Its number among the records of that life, from 1. */
  readonly number: number
}

export const DECISION_FIELDS = {
  id: field<string>()({
    schema: z.string(),
    blank: undefined,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "client",
    doc: "`dec_` and a ULID, so ids sort by time; in the answer as `X-Narrowgate-Decision` or `decision_id`.",
  }),
  at: field<number>()({
    schema: z.number(),
    blank: undefined,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Milliseconds since the epoch, by the clock that decided: the ledger's, or the Worker's at the edge.",
  }),
  life: field<RecordPlace["life"] | null>()({
    schema: NUMBER_OR_NULL,
    blank: null,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Which life of the tree's ledger has made the record, from 1. Null if no ledger decided.",
  }),
  number: field<RecordPlace["number"] | null>()({
    schema: NUMBER_OR_NULL,
    blank: null,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Its number among the records of that life, from 1: a number that is missing is a lost record. Null if no ledger decided.",
  }),
  kind: field<RecordKind>()({
    schema: z.string(),
    blank: undefined,
    isIndexed: true,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "`call`, `exchange` (a token request), `approval` (or consent), `end` (of a task or token) or `management`.",
  }),
  mode: field<"enforce" | "observe">()({
    schema: z.string(),
    blank: "enforce",
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "`observe`: the gateway allowed the call whatever was decided; of a stream of events: nothing followed.",
  }),
  gateway: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Id of the gateway.",
  }),
  environment: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Environment of the gateway.",
  }),
  operator: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: true,
    visibleTo: "operators",
    doc: "Who managed: issuer and subject, joined by `|`; `publisher|` and a `kid`; `stream|` or `query|` and an id.",
  }),
  method: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Method of the original request.",
  }),
  mcp_method: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "JSON-RPC method of the message to an MCP server, as in `tools/call`. Null if there is none, or its call was not read.",
  }),
  path: field<string | null>()({
    schema: NULLABLE_TEXT,
    blank: null,
    truncation: { atOnce: (path) => path && shortText(path), ifTooLong: "whole" },
    redaction: (path, { segments, redact }) => path && redactedPath(path, segments, redact),
    personal: true,
    visibleTo: "operators",
    doc: "Path of the original request, raw and without its query. Null if the call was denied before its tool was found.",
  }),
  tool: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "The tool.",
  }),
  action: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Action class of the tool: `read`, `write` or `execute`.",
  }),
  sensitivity: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Sensitivity of the tool.",
  }),
}
