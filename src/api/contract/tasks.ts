/** `/v1/tasks`: tasks, their state, and their end. */
import * as z from "zod"
import { GAUGES } from "../../core/guardrails/kinds.ts"
import { endpoint, once } from "./endpoint.ts"
import { chain, members, moment, text, userName } from "./members.ts"

export const taskStatus = once(() =>
  z
    .enum(["active", "pending", "quarantined", "revoked", "completed", "expired", "idle"])
    .describe("`active`, or why its calls are denied; `pending`: a person has not consented yet."),
)

const endedBy = once(() =>
  z.enum(["completion", "abort", "operator", "rejection", "plan", "deviation", "misuse"]).nullable(),
)

const taskLimit = once(() => z.enum(["purpose_life", "consent", "parent", "session"]))

/** RFC 9396. */
export const grantedDetails = once(() =>
  z.looseObject({
    type: z.literal("narrowgate_call"),
    tools: z.array(z.string()),
    actions: z.array(z.string()),
    max_sensitivity: z.string(),
    arguments: z
      .record(z.string(), members)
      .exactOptional()
      .describe(
        'Bounds by argument, all that apply together; `like` is a list if several patterns apply, another kind then is `{ "all": […] }`. `[redacted]` in place of a value that the catalog redacts.',
      ),
    closed: z.literal(true).exactOptional().describe("A call with any other argument is denied."),
    calls: z.number().exactOptional(),
  }),
)

export const planStep = once(() => z.looseObject({ tools: z.array(z.string()), times: z.number() }))

const callCount = once(() => z.looseObject({ used: z.number(), limit: z.number().nullable() }))

export const task = once(() =>
  z.looseObject({
    id: z.string(),
    parent: text(),
    agent: z.string(),
    user: userName(),
    purpose: z.string(),
    audiences: z.array(z.string()).describe("What its tokens, and those of tasks below it, may be for."),
    scope: z.string().describe("What was granted."),
    authorization_details: z.array(grantedDetails()).nullable(),
    status: taskStatus(),
    ended_by: endedBy().describe("Null if nothing has ended it."),
    frozen_by: endedBy().describe("What has quarantined it; null if it is not quarantined."),
    opened_at: moment(),
    expires_at: moment(),
    limited_by: taskLimit().describe(
      "What ends it then: the `life` of its purpose, what its user consented to, its parent, or the session of its user.",
    ),
    offline: z.boolean().describe("Whether it goes on after its user's session, as they have consented."),
    idle_at: z
      .number()
      .nullable()
      .describe("Milliseconds since the epoch: without a call until then it expires; null if it may be idle."),
    calls: callCount(),
    left: z
      .looseObject({
        calls: z.number().nullable(),
        life: z.number(),
        next: z.array(z.string()).nullable(),
      })
      .describe("Calls (null if unlimited), milliseconds, and the tools that its plan has a place for now."),
    plan: z.array(planStep().extend({ used: z.number() })).nullable(),
    labels: z.array(z.string()).describe("Labels that the whole tree bears."),
    carried: z
      .array(z.string())
      .describe("Further labels, which the agents of its chain carry from other trees of the same user."),
    risk: z
      .number()
      .describe("0 to 100: what was reported of a task of its agent, or of an agent above it, for this user, now."),
  }),
)
export type Task = z.infer<ReturnType<typeof task>>

const gauge = once(() =>
  z.looseObject({
    guardrail: z.string(),
    kind: z.enum(Object.keys(GAUGES)),
    measure: z.enum(["calls", "cost", "sum", "distinct"]),
    used: z.number().nullable().describe("Null if the count is shared, or is of an argument that the catalog redacts."),
    limit: z.number(),
    seconds: z
      .number()
      .nullable()
      .describe("Length of the span in seconds; null if it lasts as long as the tree, or until calls end."),
    shared: z.boolean().describe("All users share the count."),
    from_risk: z.number().nullable().describe("It holds only while the risk is at least this; null if always."),
    key: z
      .record(z.string(), z.string().nullable())
      .nullable()
      .describe("What has this count, by field; a value that is not shown is null. Null if the tree has one count."),
  }),
)
export type Gauge = z.infer<ReturnType<typeof gauge>>

/** One of the two is present: what an end, or what a quarantine, has changed. */
const changed = once(() =>
  z.looseObject({
    task: z.string(),
    status: taskStatus().describe("What the task is now."),
    ended: z.array(z.string()).exactOptional().describe("Tasks that this has ended."),
    frozen: z.array(z.string()).exactOptional().describe("Tasks that this has quarantined."),
  }),
)

const MAX_BODY_BYTES = 4_096
const reason = {
  schema: once(() => z.strictObject({ reason: z.string().max(1_024).exactOptional() })),
  maxBytes: MAX_BODY_BYTES,
  usage: "Send nothing, or a reason of up to 1024 characters.",
  isOptional: true,
} as const

export const tasks = {
  listTasks: endpoint({
    method: "GET",
    path: "/v1/tasks",
    summary: "Lists the tasks for which a token was issued last, the latest first.",
    access: { by: "operator", role: "viewer", area: "tasks" },
    record: "management",
    query: once(() =>
      z.strictObject({
        agent: z.string().min(1).max(2048).optional().describe("Only those of this agent, by its id."),
        user: z.string().min(1).max(2048).optional().describe("Issuer and subject, joined by `|`."),
        before: z.string().max(64).optional().describe("`next` of an answer: tasks of before that."),
        limit: z.coerce.number().int().min(1).max(100).default(25).describe("How many are listed at most."),
      }),
    ),
    answer: once(() =>
      z.looseObject({
        tasks: z.array(
          z.looseObject({
            id: z.string(),
            agent: text(),
            chain: chain(),
            user: userName(),
            purpose: text(),
            scope: text(),
            token_at: moment(),
          }),
        ),
        next: text().describe("For `before`; null at the end."),
      }),
    ),
    errors: [],
  }),
  showTask: endpoint({
    method: "GET",
    path: "/v1/tasks/:task",
    summary: "Shows a task and those below it, and how much of each limit the tree or its user has used.",
    access: { by: "task", role: "viewer", area: "tasks" },
    record: "management",
    answer: once(() =>
      z.looseObject({
        tasks: z.array(task()),
        limits: z.array(gauge()).nullable().describe("The fullest first, 100 at most; null if unknown."),
      }),
    ),
    errors: ["not_found"],
  }),
  completeTask: endpoint({
    method: "POST",
    path: "/v1/tasks/:task/complete",
    summary: "Ends a task and all below it; by an operator it is revoked.",
    access: { by: "task", role: "operator", area: "tasks" },
    record: "end",
    body: reason,
    answer: changed,
    errors: ["not_found", "task_quarantined"],
  }),
  abortTask: endpoint({
    method: "POST",
    path: "/v1/tasks/:task/abort",
    summary: "Ends a task and all below it as revoked: its work is not done.",
    access: { by: "task", role: "operator", area: "tasks" },
    record: "end",
    body: reason,
    answer: changed,
    errors: ["not_found", "task_quarantined"],
  }),
  quarantineTask: endpoint({
    method: "POST",
    path: "/v1/tasks/:task/quarantine",
    summary: "Quarantines a task: its calls and those of tasks below it are denied until it is released.",
    details: "A task that has expired is not found.",
    access: { by: "operator", role: "operator", area: "tasks" },
    record: "end",
    body: reason,
    answer: changed,
    errors: ["not_found", "task_pending"],
  }),
  releaseTask: endpoint({
    method: "POST",
    path: "/v1/tasks/:task/release",
    summary: "Releases a quarantined task.",
    details: "A task that is not quarantined, or has expired meanwhile, is not found.",
    access: { by: "operator", role: "operator", area: "tasks" },
    record: "end",
    body: reason,
    answer: once(() => z.looseObject({ task: z.string(), status: taskStatus() })),
    errors: ["not_found"],
  }),
  clearLabels: endpoint({
    method: "POST",
    path: "/v1/tasks/:task/labels/clear",
    summary: "Clears the labels of a task's tree, and those that the agents of its chain carry for its user.",
    details: "No agent can do this. A later call picks its labels up again.",
    access: { by: "operator", role: "operator", area: "tasks" },
    record: "management",
    body: {
      schema: once(() =>
        z.strictObject({
          labels: z
            .array(z.string().min(1).max(256))
            .min(1)
            .max(256)
            .exactOptional()
            .describe("Only these. Absent: all."),
          reason: z.string().max(1_024).exactOptional(),
        }),
      ),
      maxBytes: MAX_BODY_BYTES,
      usage: "Send nothing, or labels, and a reason of up to 1024 characters.",
      isOptional: true,
    },
    answer: once(() =>
      z.looseObject({ task: z.string(), cleared: z.array(z.string()).describe("Those that were there.") }),
    ),
    errors: ["not_found"],
  }),
} as const
