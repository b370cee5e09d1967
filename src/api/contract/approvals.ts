/** `/v1/approvals` and `/v1/tasks/:task/approvals`: approvals that people have to decide on, and their decisions. */
import * as z from "zod"
import { endpoint, once } from "./endpoint.ts"
import { chain, members, moment, text, userName, verdict } from "./members.ts"
import { grantedDetails, planStep } from "./tasks.ts"

const MAX_BODY_BYTES = 4_096
/** Seconds. */
const LONGEST_WAIT = 30

const approvalStatus = once(() => z.enum(["pending", "approved", "rejected"]))

const approvalLimit = once(() =>
  z
    .enum(["approval_life", "purpose_life", "consent", "parent", "session"])
    .describe("What ends it then: the `life` of the approval, or what ends its task."),
)

/** The consent to a whole task, before it begins. */
const taskApproval = once(() =>
  z.looseObject({
    kind: z.literal("task"),
    task: z.string(),
    agent: z.string(),
    purpose: z.string(),
    audience: z.string().describe("Of the token that it would get, and of every token of the task."),
    scope: z.string().describe("Tools and actions that it would get at most."),
    authorization_details: z.array(grantedDetails()).nullable(),
    calls: z.number().nullable(),
    life: z.number().describe("Seconds that it may then live at most."),
    offline: z.boolean().describe("Whether it then goes on after the user's session."),
    plan: z.array(planStep().extend({ used: z.number() })).nullable(),
    binding_message: text().describe("The agent's own words."),
    expires_at: moment(),
    status: approvalStatus(),
  }),
)
export type TaskApproval = z.infer<ReturnType<typeof taskApproval>>

export const callApproval = once(() =>
  z.looseObject({
    kind: z.literal("call"),
    id: z.string(),
    task: z.string(),
    tool: z.string(),
    method: z.string(),
    arguments: members,
    redacted: z.array(z.string()).describe("Names of arguments whose values the catalog redacts."),
    environment: z.string(),
    agent: z.string(),
    purpose: z.string(),
    chain: chain(),
    user: userName(),
    name: text().describe("In approvers.yaml; null if any operator answers."),
    guardrail: text().describe("The guardrail that requires it; null if rules do."),
    rules: z.array(z.string()),
    bundle: z.number().describe("Number of the bundle that required it."),
    decision: z.string().describe("Id of the decision that required it."),
    asked_at: moment(),
    expires_at: moment(),
    limited_by: approvalLimit(),
    need: z.number().describe("Different people who have to approve."),
    most_uses: z.number().describe("Calls that one approval may allow."),
    status: approvalStatus(),
    uses: z.number().describe("Calls that it allows, still."),
    votes: z.array(z.looseObject({ by: z.string(), approved: z.boolean(), reason: text(), at: moment() })),
  }),
)

const unanswerable = once(() =>
  z
    .enum(["own", "no operator", "stranger", "unknown", "answered", "expired", "voted", "frozen", "too many uses"])
    .nullable()
    .describe(
      "Why an answer of the caller would not count; null if it would. `own`: it is their own task. `no operator`, `stranger`: it is asked of others. `frozen`: the task is quarantined.",
    ),
)

const listedCall = once(() => callApproval().extend({ unanswerable: unanswerable() }))
export type ListedCall = z.infer<ReturnType<typeof listedCall>>

const callApprovalDetail = once(() =>
  listedCall().extend({
    reason: z.looseObject({
      rules: z.array(
        z.looseObject({
          id: z.string(),
          annotations: z.record(z.string(), z.string().nullable()).exactOptional(),
          text: z.string().exactOptional().describe("In Cedar."),
          policy: members.exactOptional().describe("In Cedar's JSON."),
        }),
      ),
      guardrail: z
        .object({ id: z.string(), kind: z.string() })
        .catchall(z.unknown().describe("Its definition."))
        .nullable(),
      figures: z.looseObject({ used: z.number(), asked: z.number(), limit: z.number() }).nullable(),
    }),
    risk: z
      .number()
      .nullable()
      .describe("0 to 100, the highest that was reported of task, agents and user; null if unknown."),
    history: z
      .array(
        z.looseObject({
          id: z.string(),
          at: moment(),
          task: text(),
          tool: text(),
          action: text(),
          decision: verdict(),
          code: z.string(),
          chain: chain(),
        }),
      )
      .nullable()
      .describe("The latest 50 calls of the whole tree, the newest first; null if unknown."),
  }),
)
export type CallApprovalDetail = z.infer<ReturnType<typeof callApprovalDetail>>

const ownApproval = once(() =>
  z.looseObject({
    kind: z.literal("own"),
    id: z.string(),
    task: z.string(),
    name: text().describe("In approvers.yaml; null if any operator answers."),
    status: approvalStatus(),
    uses: z.number().describe("Calls that it allows, still."),
    expires_at: moment(),
    limited_by: approvalLimit(),
    url: z.string().describe("Where people answer it."),
  }),
)

const taskCallApprovals = once(() => z.looseObject({ approvals: z.array(callApproval()) }))
export type CallApproval = z.infer<ReturnType<typeof callApproval>>

export const approvals = {
  listCallApprovals: endpoint({
    method: "GET",
    path: "/v1/tasks/:task/approvals",
    summary: "Lists the approvals of single calls that a task and its child tasks have requested.",
    access: { by: "operator", role: "viewer", area: "approvals" },
    record: "management",
    answer: taskCallApprovals,
    errors: ["not_found"],
  }),
  showOwnApproval: endpoint({
    method: "GET",
    path: "/v1/tasks/:task/approvals/:approval",
    summary: "Shows an agent what has become of the approval of a call of its own task.",
    access: { by: "agent" },
    waits: LONGEST_WAIT,
    record: "management",
    answer: ownApproval,
    errors: ["not_found"],
  }),
  showCallApproval: endpoint({
    method: "GET",
    path: "/v1/tasks/:task/approvals/:approval",
    summary: "Shows the approval of a single call, with everything that is needed to decide about it.",
    details:
      "The agent of the task gets its state alone, and may wait for a decision: `Retry-After` says when to ask again while it is pending.",
    access: { by: "approver", role: "viewer", area: "approvals" },
    record: "management",
    answer: callApprovalDetail,
    errors: ["not_found"],
  }),
  answerCallApproval: endpoint({
    method: "POST",
    path: "/v1/tasks/:task/approvals/:approval",
    summary: "Approves or rejects a single call.",
    access: { by: "approver", role: "approver", area: "approvals" },
    record: "approval",
    body: {
      schema: once(() =>
        z
          .strictObject({
            approve: z.boolean(),
            uses: z.int().min(1).max(100).optional().describe("Calls that it allows at most; 1 if absent."),
            reason: z.string().max(1_024).optional(),
          })
          .refine(
            ({ approve, uses }) => approve || uses === undefined,
            "`uses` belongs to an approval, not to a rejection.",
          ),
      ),
      maxBytes: MAX_BODY_BYTES,
    },
    answer: callApproval,
    errors: ["not_found", "task_quarantined"],
  }),
  listApprovals: endpoint({
    method: "GET",
    path: "/v1/approvals",
    summary: "Lists the approvals that the caller can answer: of tasks that have not begun, and of single calls.",
    access: { by: "approver", role: "approver", area: "approvals" },
    record: "management",
    answer: once(() =>
      z.looseObject({
        approvals: z.array(z.discriminatedUnion("kind", [taskApproval(), listedCall()])),
        more: z.boolean().optional().describe("There are more than 100 calls, of which the latest are shown."),
      }),
    ),
    errors: [],
  }),
  showApproval: endpoint({
    method: "GET",
    path: "/v1/approvals/:task",
    summary: "Shows a task that the caller is asked to consent to.",
    access: { by: "person" },
    record: "management",
    answer: taskApproval,
    errors: ["not_found"],
  }),
  answerApproval: endpoint({
    method: "POST",
    path: "/v1/approvals/:task",
    summary: "Consents to a task, or rejects it.",
    access: { by: "person" },
    record: "approval",
    body: {
      schema: once(() => z.strictObject({ decision: z.enum(["approve", "reject"]) })),
      maxBytes: MAX_BODY_BYTES,
      usage: 'Send {"decision": "approve"} or {"decision": "reject"}.',
    },
    answer: once(() => z.looseObject({ task: z.string(), decision: z.enum(["approve", "reject"]) })),
    errors: ["not_found"],
  }),
} as const
