/** `/v1/decisions`: decision records. See `src/core/record/record.ts`. */
import * as z from "zod"
import { isTaskId } from "../../core/task/state.ts"
import { SCHEMAS } from "../../core/record/fields.ts"
import { endpoint, once } from "./endpoint.ts"
import { members, moment, verdict, type denial } from "./members.ts"

export type Denial = z.infer<ReturnType<typeof denial>>

const KINDS = ["call", "exchange", "approval", "end", "management"] as const

export const decision = once(() => z.looseObject(SCHEMAS))
export type Decision = z.infer<ReturnType<typeof decision>>

/** Whose id begins with a time that there is. */
function isTaskOfTime(text: string): boolean {
  return isTaskId(text) && text < "tsk_8"
}

/** Each record is read, parsed and written anew: a thousand would cost more than any other request. */
export const MOST_DECISIONS = 250

const filters = once(() => ({
  task: z.string().max(256).optional(),
  tree: z.string().refine(isTaskOfTime).optional().describe("The task and all below it."),
  agent: z.string().max(2048).optional(),
  user: z.string().max(2048).optional().describe("Issuer and subject, joined by `|`."),
  code: z.string().max(64).optional(),
  decision: verdict().optional(),
  kind: z.enum(KINDS).optional(),
  tool: z.string().max(256).optional(),
  differs: z
    .stringbool({ truthy: ["true"], falsy: ["false"] })
    .optional()
    .describe("Those that a candidate bundle would have made otherwise."),
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

const DECISIONS = { area: "decisions", thing: { kind: "decision" } } as const
const DECISION = { area: "decisions", thing: { kind: "decision", parameter: "decision" } } as const

export const decisions = {
  listDecisions: endpoint({
    method: "GET",
    path: "/v1/decisions",
    summary: "Lists decision records: the newest first, or with `after` the oldest first.",
    access: { by: "operator", role: "viewer", ...DECISIONS },
    record: "management",
    query: once(() =>
      z.strictObject({
        ...filters(),
        before: z.string().max(64).optional().describe("Only those whose ids come before this one."),
        after: z.string().max(64).optional().describe("Only those whose ids come after this one."),
        limit: z.coerce.number().int().min(1).max(MOST_DECISIONS).default(100),
      }),
    ),
    answer: once(() => z.looseObject({ decisions: z.array(decision()) })),
    errors: [],
  }),
  countDecisions: endpoint({
    method: "GET",
    path: "/v1/decisions/rates",
    summary: "Counts the decisions of the last eleven minutes, slot by slot.",
    access: { by: "operator", role: "viewer", ...DECISIONS },
    record: "management",
    query: once(() => z.strictObject(filters())),
    answer: rates,
    errors: [],
  }),
  showDecision: endpoint({
    method: "GET",
    path: "/v1/decisions/:decision",
    summary: "Shows a decision record.",
    access: { by: "operator", role: "viewer", ...DECISION },
    record: "management",
    answer: decision,
    errors: ["not_found"],
  }),
  compareArguments: endpoint({
    method: "POST",
    path: "/v1/decisions/:decision/comparisons",
    summary: "Says whether a recorded call had exactly these arguments.",
    access: { by: "operator", role: "operator", ...DECISION },
    record: "management",
    body: {
      schema: once(() => z.strictObject({ arguments: members })),
      maxBytes: 65_536,
      usage: 'Give all arguments of the call: {"arguments": {…}}.',
    },
    answer: once(() => z.looseObject({ decision: z.string(), same: z.boolean() })),
    errors: ["not_found", "rate_limited"],
  }),
} as const
