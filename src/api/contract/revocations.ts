/** `/v1/revocations`: what an operator stops now, and what is stopped. */
import * as z from "zod"
import { isPattern } from "../../core/catalog/pattern.ts"
import { isTaskId } from "../../core/task/state.ts"
import { endpoint, once, type NamedThing } from "./endpoint.ts"
import { moment, nearestNames } from "./members.ts"
import { hasIssuer, NO_TASK_ID, NO_USER_NAME } from "./names.ts"
import { taskStatus } from "./tasks.ts"

export const stop = once(() =>
  z.looseObject({
    id: z.string(),
    agent: z.string().exactOptional(),
    user: z.string().exactOptional(),
    tool: z.string().exactOptional(),
    key: z.string().exactOptional(),
    everything: z.literal(true).exactOptional(),
    before: z.number().exactOptional().describe("Seconds: only authority that was given before then is stopped."),
    by: z
      .string()
      .exactOptional()
      .describe("An operator's issuer and subject, joined by `|`; or `stream|` and the id of a stream of events."),
    reason: z.string().exactOptional(),
    at: moment().exactOptional(),
  }),
)
export type Stop = z.infer<ReturnType<typeof stop>>

const stopHits = once(() =>
  z.looseObject({
    tools: z.number().nullable().describe("Tools of the catalog that a pattern covers; null if it is no pattern."),
    recent: z
      .looseObject({ tasks: z.number(), agents: z.number(), users: z.number() })
      .nullable()
      .describe("Of the last hour, at least so many, as records show them; null if unknown."),
  }),
)
export type StopHits = z.infer<ReturnType<typeof stopHits>>

/** What a stop would hit, or hits, and whether what it names is known. */
export const stopTarget = once(() =>
  z.looseObject({
    known: z.boolean().nullable().describe("Null if it could not be looked up."),
    nearest: z.array(z.string()).describe("Known names that are near, if this one is not known."),
    hits: stopHits(),
  }),
)

/** What is stopped until it is lifted, as the answer to setting it. */
export const setStop = once(() => stop().extend({ known: z.boolean().nullable(), hits: stopHits() }))

/** `2 tools; at least 3 tasks, of 1 agent, for 2 people, in the last hour` */
export function hitsText({ tools, recent }: StopHits): string {
  const lately =
    recent === null
      ? "how many tasks is unknown"
      : recent.tasks === 0
        ? "no task in the last hour, as far as records show"
        : `at least ${count(recent.tasks, "task")} in the last hour, of ${count(recent.agents, "agent")}, for ${recent.users === 1 ? "1 person" : `${recent.users} people`}`
  return tools === null ? lately : `${count(tools, "tool")}; ${lately}`
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`

/** Characters; a record shows the beginning of what is longer. */
const MAX_REASON = 1_024
/** People read it in lists and terminals: no line that could pass for another, nothing that steers. */
const REASON = new RegExp(`^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]{1,${MAX_REASON}}$`, "u")

/** What is to end: exactly one. */
const stopRequest = once(() => {
  const named = z.string().min(1).max(2_048)
  return (
    z
      .strictObject({
        task: named.refine(isTaskId, NO_TASK_ID).optional().describe("The task and those below it, for good."),
        token: z.string().max(16_384).optional().describe("This delegation token, for good; its task goes on."),
        agent: named.optional().describe("The agent: its calls, those made for it, its token requests."),
        user: named.optional().describe("The person, `<issuer>|<subject>`: what is done for them, and what they do."),
        tool: named
          .refine(
            isPattern,
            "A tool is named in full, or by a prefix such as crm.*: the star stands at the end, after a dot.",
          )
          .optional()
          .describe("A tool, or a pattern such as `crm.*`."),
        key: z
          .string()
          .regex(/^[\w.~-]{1,128}$/, "A key is named by its `kid`: 1 to 128 letters, digits, and `-._~`.")
          .optional()
          .describe("A signing key of Narrowgate by its `kid`, for good."),
        everything: z.literal(true).optional().describe("Every call and every token request."),
        before: z
          .int()
          .positive()
          .optional()
          .describe("Seconds: authority that was given from then on is left alone. Not of a task, a token or a key."),
        reason: z
          .string()
          .regex(REASON, `A reason has 1 to ${MAX_REASON} characters, without line breaks or control characters.`)
          .optional(),
        confirm: z.literal(true).optional().describe("Stop it although nothing of this name is known."),
        preview: z.literal(true).optional().describe("Stop nothing: the answer says what a stop would hit."),
      })
      .refine(
        ({ before: _before, reason: _reason, confirm: _confirm, preview: _preview, ...one }) =>
          Object.keys(one).length === 1,
        "Name exactly one of task, token, agent, user, tool, key, everything.",
      )
      // A task or a token is there, or the answer is that it is not.
      .refine(
        ({ confirm, preview, task, token }) => (confirm ?? preview) === undefined || (task ?? token) === undefined,
        "`confirm` and `preview` do not go with a task or a token.",
      )
      // A key that is pulled signs nothing more and verifies nothing more, whatever the time; a task or a token ends
      // wholly.
      .refine(
        ({ before, task, token, key }) => before === undefined || (task ?? token ?? key) === undefined,
        "`before` does not go with a task, a token or a key.",
      )
      .refine(({ user, confirm }) => !confirm || user === undefined || hasIssuer(user), NO_USER_NAME)
  )
})
export type StopRequest = z.infer<ReturnType<typeof stopRequest>>

/** A token is a secret, and named by no rule. */
function stoppedThing({ task, token, agent, user, tool, key }: StopRequest): NamedThing {
  if (task !== undefined) return { kind: "task", target: task }
  if (token !== undefined) return { kind: "token", target: null }
  if (agent !== undefined) return { kind: "agent", target: agent }
  if (user !== undefined) return { kind: "user", target: user }
  if (tool !== undefined) return { kind: "tool", target: tool }
  return key === undefined ? { kind: "everything", target: null } : { kind: "key", target: key }
}

export const revocations = {
  addRevocation: endpoint({
    method: "POST",
    path: "/v1/revocations",
    summary:
      "Stops an agent, a user, tools, a key or everything, or ends a task or a token; once it answers, it holds.",
    access: {
      by: "operator",
      role: "operator",
      area: "revocations",
      thing: { kind: "revocation" },
      thingsIn: (body: StopRequest) => [stoppedThing(body)],
    },
    record: "management",
    body: { schema: stopRequest, maxBytes: 32_768 },
    answer: once(() =>
      z.union([
        setStop(),
        stopTarget().describe("With `preview`."),
        z
          .looseObject({ task: z.string(), status: taskStatus(), ended: z.array(z.string()) })
          .describe("Of a task: what it is now, and the tasks that this has ended."),
        z.looseObject({ token: z.literal("revoked"), task: z.string() }).describe("Of a token."),
      ]),
    ),
    errors: ["not_found"],
    errorMembers: { not_found: nearestNames },
  }),
  listRevocations: endpoint({
    method: "GET",
    path: "/v1/revocations",
    summary: "Lists what is stopped until it is lifted.",
    access: { by: "operator", role: "viewer", area: "revocations", thing: { kind: "revocation" } },
    record: "management",
    answer: once(() => z.looseObject({ revocations: z.array(stop()) })),
    errors: [],
  }),
  liftRevocation: endpoint({
    method: "DELETE",
    path: "/v1/revocations/:revocation",
    summary: "Lifts a revocation; a key that was pulled stays pulled.",
    access: {
      by: "operator",
      role: "operator",
      area: "revocations",
      thing: { kind: "revocation", parameter: "revocation" },
    },
    record: "management",
    answer: once(() => z.looseObject({ id: z.string(), lifted: z.literal(true) })),
    errors: ["invalid_request", "not_found"],
  }),
} as const
