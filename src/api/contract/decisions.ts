/** `/v1/decisions`: decision records. See `src/core/record/record.ts`. */
import * as z from "zod"
import { isTaskId } from "../../core/task/state.ts"
import { SCHEMAS } from "../../core/record/fields.ts"
import { endpoint, once } from "./endpoint.ts"
import { hasIssuer, NO_USER_NAME } from "./names.ts"
import { members, moment, RECORDED_LATER, verdict, type denial } from "./members.ts"

export type Denial = z.infer<ReturnType<typeof denial>>

const MAX_BODY_BYTES = 65_536
const KINDS = ["call", "exchange", "approval", "end", "management"] as const

export const decision = once(() => z.looseObject(SCHEMAS))
export type Decision = z.infer<ReturnType<typeof decision>>

/** The last moment that an id can have (ULID). Milliseconds since the epoch. */
const LAST_MOMENT = 2 ** 48 - 1
const time = once(() => z.coerce.number().int().min(0).max(LAST_MOMENT).optional())

/** Each record is read, parsed and serialized again: a thousand would cost more than any other request. */
export const MOST_DECISIONS = 250

const filters = once(() => ({
  task: z.string().max(256).optional().describe("Only those of this task, by its id."),
  tree: z.string().refine(isTaskId).optional().describe("The task and all below it."),
  agent: z.string().max(2048).optional().describe("Only those of this agent, the last of the chain, by its id."),
  user: z.string().max(2048).refine(hasIssuer, NO_USER_NAME).optional().describe("Issuer and subject, joined by `|`."),
  code: z.string().max(64).optional().describe("`ok`, or the code of an error."),
  decision: verdict().optional().describe("What was decided."),
  kind: z.enum(KINDS).optional().describe("What it was decided about; absent: everything but `management`."),
  tool: z.string().max(256).optional().describe("Only calls of this tool."),
  differs: z
    .stringbool({ truthy: ["true"], falsy: ["false"] })
    .optional()
    .describe("Those that a candidate bundle would have made otherwise."),
  trace: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional()
    .describe("Those of this trace, by its id of 32 hex digits."),
  since: time().describe("Only those of this time or later. Milliseconds since the epoch."),
  until: time().describe("Only those before this time. Milliseconds since the epoch."),
}))

const rates = once(() =>
  z.looseObject({
    slot_ms: z.number().describe("Milliseconds that a slot lasts."),
    slots: z
      .array(z.looseObject({ at: moment(), allowed: z.number(), denied: z.number() }))
      .describe("The oldest first; `at` is when it began."),
  }),
)
export type Rates = z.infer<ReturnType<typeof rates>>

/** The names of all logs (src/audit/record-logs.ts). */
export const LOG_NAMES = ["records-0", "records-1", "records-2", "records-3", "looks", "strangers"] as const
const position = once(() => z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER))
const checkpoint = once(() =>
  z.looseObject({
    size: z.number().describe("How many records it covers."),
    at: moment(),
    note: z.string().describe("The signed note (c2sp.org/tlog-checkpoint)."),
  }),
)

const RECEIPT_LATER =
  "At most two minutes after the record is stored; until then the answer is a 404 with `Retry-After`."
const receipt = once(() =>
  z.looseObject({
    decision: z.string(),
    receipt: z.string().describe("A JWS of the type `narrowgate-receipt+jwt`."),
  }),
)

export const decisions = {
  readRecords: endpoint({
    method: "GET",
    path: "/v1/records",
    summary: "Reads one log of decision records in its order, as lines of a file that can be verified.",
    details:
      "The first line is `{header}`, with the position of the first record; then one line for each record, with `log`, `index`, `leaf` and `salt`, and `{checkpoint}` behind those that it covers. The last line is `{footer}`: its `next` is the `from` of the next request. An answer ends at a checkpoint, some 32 MB further or with the last one; without the last line it is incomplete.",
    access: { by: "operator", role: "viewer", area: "decisions" },
    record: "management",
    query: once(() =>
      z.strictObject({
        log: z.enum(LOG_NAMES).describe("Name of the log."),
        from: position().default(0).describe("The first position."),
        since: time().describe("Only from the last checkpoint before this time on. Milliseconds since the epoch."),
        until: time().describe("Only up to the first checkpoint of this time or later. Milliseconds since the epoch."),
      }),
    ),
    answer: once(() => z.string()),
    isLines: true,
    errors: [],
  }),
  stateLogs: endpoint({
    method: "GET",
    path: "/v1/records/logs",
    summary: "States, signed, which logs of decision records there are, and how far each reaches.",
    details:
      "The first line of an export is `{logs}` with this answer. The note has a line for each log: its name, the size and the root of its checkpoint, and the time by which what was stored is covered. `keys` links the keys of checkpoints, retired ones too, each with the one before it.",
    access: { by: "operator", role: "viewer", area: "decisions" },
    record: "management",
    query: once(() =>
      z.strictObject({
        until: time().describe("As of the first checkpoint of this time or later. Milliseconds since the epoch."),
      }),
    ),
    answer: once(() =>
      z.looseObject({
        note: z.string().describe("The signed note (c2sp.org/signed-note)."),
        keys: z.array(z.string()).describe("Signed notes, in no order."),
      }),
    ),
    errors: [],
  }),
  listCheckpoints: endpoint({
    method: "GET",
    path: "/v1/records/checkpoints",
    summary: "Lists the signed checkpoints of a log, at most 250, the smallest first.",
    access: { by: "operator", role: "viewer", area: "decisions" },
    record: "management",
    query: once(() =>
      z.strictObject({
        log: z.enum(LOG_NAMES).describe("Name of the log."),
        from: position().default(0).describe("Only those that cover more records than this."),
      }),
    ),
    answer: once(() =>
      z.looseObject({
        issuer: z.string(),
        log: z.string(),
        checkpoints: z.array(checkpoint()),
        newest: checkpoint().nullable().describe("The one that covers the most. Null if there is none."),
        oldest: z.number().describe("The position of the oldest record; earlier checkpoints are deleted with theirs."),
      }),
    ),
    errors: [],
  }),
  showOwnReceipt: endpoint({
    method: "GET",
    path: "/v1/tasks/:task/decisions/:decision/receipt",
    summary: "Gives the agent of a task, or of one above it, a signed receipt of a decision of that task.",
    details: RECEIPT_LATER,
    comesLater: true,
    access: { by: "task", role: "viewer", area: "decisions" },
    record: "management",
    answer: receipt,
    errors: ["not_found"],
  }),
  showReceipt: endpoint({
    method: "GET",
    path: "/v1/decisions/:decision/receipt",
    summary: "Gives a signed receipt of a decision, with the proof that its record is in a log.",
    details: RECEIPT_LATER,
    comesLater: true,
    access: { by: "operator", role: "viewer", area: "decisions" },
    record: "management",
    answer: receipt,
    errors: ["not_found"],
  }),
  listDecisions: endpoint({
    method: "GET",
    path: "/v1/decisions",
    summary: "Lists decision records: the newest first, or with `after` or `arrived_after` the oldest first.",
    access: { by: "operator", role: "viewer", area: "decisions" },
    record: "management",
    query: once(() =>
      z.strictObject({
        ...filters(),
        before: z.string().max(64).optional().describe("Only those whose ids come before this one."),
        after: z.string().max(64).optional().describe("Only those whose ids come after this one."),
        arrived_after: z
          .string()
          .max(128)
          .regex(/^\d{1,15}(?:\.\d{1,15})*$/)
          .optional()
          .describe("Only those that were stored since an answer with the same filters, by its `arrived`."),
        limit: z.coerce.number().int().min(1).max(MOST_DECISIONS).default(100).describe("How many are listed at most."),
      }),
    ),
    answer: once(() =>
      z.looseObject({
        decisions: z.array(decision()),
        arrived: z.string().describe("Which records were stored by then: follow with `arrived_after`."),
      }),
    ),
    errors: [],
  }),
  countDecisions: endpoint({
    method: "GET",
    path: "/v1/decisions/rates",
    summary: "Counts the decisions of the last eleven minutes, slot by slot.",
    access: { by: "operator", role: "viewer", area: "decisions" },
    record: "management",
    query: once(() => z.strictObject(filters())),
    answer: rates,
    errors: [],
  }),
  showDecision: endpoint({
    method: "GET",
    path: "/v1/decisions/:decision",
    summary: "Shows a decision record.",
    details: RECORDED_LATER,
    access: { by: "operator", role: "viewer", area: "decisions" },
    record: "management",
    answer: decision,
    errors: ["not_found"],
  }),
  compareArguments: endpoint({
    method: "POST",
    path: "/v1/decisions/:decision/comparisons",
    summary: "Says whether a recorded call had exactly these arguments.",
    details: RECORDED_LATER,
    access: { by: "operator", role: "operator", area: "decisions" },
    record: "management",
    body: {
      schema: once(() => z.strictObject({ arguments: members })),
      maxBytes: MAX_BODY_BYTES,
      usage: 'Give all arguments of the call: {"arguments": {…}}.',
    },
    answer: once(() => z.looseObject({ decision: z.string(), same: z.boolean() })),
    errors: ["not_found", "rate_limited"],
  }),
} as const
