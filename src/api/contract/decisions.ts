/** `/v1/decisions`: decision records. See `src/core/record/record.ts`. */
import * as z from "zod"
import { isTaskId } from "../../core/task/state.ts"
import { endpoint, once } from "./endpoint.ts"
import { chain, denial, members, moment, pointer, text, userName, verdict } from "./members.ts"

export type Denial = z.infer<ReturnType<typeof denial>>

const KINDS = ["call", "exchange", "approval", "end", "management"] as const

/** A record as it is stored: what a Worker of this version leaves out of none. */
export const decision = once(() =>
  z.looseObject({
    id: z.string(),
    at: moment(),
    life: z.number().nullable().describe("The life of the tree's ledger that made it; null if no ledger was asked."),
    number: z.number().nullable().describe("Number among the records of that life; one that is missing was lost."),
    kind: z.enum(KINDS),
    decision: verdict(),
    code: z.string().describe("`ok`, or the code on the wire."),
    denial: denial().nullable(),
    mode: z.enum(["enforce", "observe"]),
    gateway: text(),
    environment: text(),
    operator: text().describe("Who managed: issuer and subject, joined by `|`; or `stream|` and its id."),
    method: text(),
    path: text(),
    tool: text(),
    action: text(),
    sensitivity: text(),
    task: text(),
    purpose: text(),
    scope: text().describe("Of a token request: what was granted."),
    audience: text(),
    user: userName(),
    groups: z.array(z.string()),
    chain: chain(),
    arguments_hash: text(),
    arguments_omitted: z.number().nullable(),
    arguments: members.describe("Arguments that rules or bounds read, without those that the catalog redacts."),
    facts: members.describe("What rules read of the context besides."),
    bundle: pointer().nullable(),
    principal: text().describe("The principal that was not permitted."),
    rules: z.array(z.string()).describe("Ids of the rules that determined the decision of policy."),
    windows: z.array(
      z.looseObject({
        window: z.string(),
        limit: z.number(),
        seconds: z.number(),
        used: z.number(),
        asked: z.number().exactOptional(),
        waits: z.number().exactOptional().describe("Milliseconds until there is room."),
      }),
    ),
    guardrails: z.array(
      z.looseObject({
        guardrail: z.string(),
        kind: z.enum(["limit", "sequence", "cycle", "storm", "concurrency"]),
        holds: z.boolean(),
        used: z.number().exactOptional(),
        asked: z.number().exactOptional(),
        limit: z.number().exactOptional(),
      }),
    ),
    calls: z.looseObject({ used: z.number(), limit: z.number().nullable() }).nullable(),
    approvals: z.array(z.looseObject({ id: z.string(), name: text(), guardrail: text(), by: z.array(z.string()) })),
    labels: z.array(z.string()),
    listing: z
      .looseObject({ asked: z.number(), hidden: z.record(z.string(), z.number()) })
      .nullable()
      .describe("Of a filtered list of tools: how many there were, and how many were hidden for which reason."),
    candidate: z
      .looseObject({
        bundle: pointer(),
        differs: z
          .looseObject({
            decision: verdict(),
            code: z.string(),
            denial: denial().nullable(),
            principal: text().exactOptional(),
            rules: z.array(z.string()),
            scope: text(),
          })
          .nullable(),
      })
      .nullable()
      .describe("What a candidate bundle would have decided."),
    cut: z.array(z.string()).describe("Names of the fields that were truncated."),
    token_hash: text(),
    bound: z.boolean().describe("The call proved possession of the token's key."),
    total_ms: z.number(),
    io_ms: z.number().describe("The part of it spent waiting."),
  }),
)
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
