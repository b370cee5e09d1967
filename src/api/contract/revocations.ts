/** `/v1/revocations`: what an operator revokes or suspends, and what is suspended. */
import * as z from "zod"
import { isPattern } from "../../core/catalog/pattern.ts"
import { ISSUER_NAME } from "../../core/policy/definition/issuers.ts"
import { isTaskId } from "../../core/task/state.ts"
import { endpoint, once, type NamedThing } from "./endpoint.ts"
import { moment, nearestNames } from "./members.ts"
import { hasIssuer, NO_ISSUER_NAME, NO_TASK_ID, NO_USER_NAME } from "./names.ts"
import { taskStatus } from "./tasks.ts"

export const stop = once(() =>
  z.looseObject({
    id: z.string(),
    agent: z.string().exactOptional(),
    user: z.string().exactOptional(),
    issuer: z.string().exactOptional(),
    tool: z.string().exactOptional(),
    key: z.string().exactOptional(),
    everything: z.literal(true).exactOptional(),
    before: z
      .number()
      .exactOptional()
      .describe("Seconds since the epoch: only authority that was given before then is suspended."),
    until: moment().exactOptional().describe("When it ends by itself; absent if it holds until it is lifted."),
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

/** What a revocation affects, and whether its target exists. */
export const stopTarget = once(() =>
  z.looseObject({
    known: z.boolean().nullable().describe("Null if it could not be looked up."),
    nearest: z.array(z.string()).describe("Known names that are near, if this one is not known."),
    hits: stopHits(),
  }),
)

/** A suspension, as the answer to setting it shows it. It lasts until an operator removes it. */
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

/** The last that a date can be (ECMA-262, section 21.4.1.1): people read it as one. */
const LAST_SECOND = 8_640_000_000_000
/** Characters; a record shows the beginning of a longer reason. */
const MAX_REASON = 1_024
const MAX_BODY_BYTES = 32_768
/**
 * People read it in lists and terminals, so it contains no line break and no control character. In ranges, because the
 * description of the API repeats it to clients whose regular expressions have no classes of Unicode.
 */
const REASON = new RegExp(`^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]{1,${MAX_REASON}}$`, "u")
const NO_REASON = `A reason has 1 to ${MAX_REASON} characters, without line breaks or control characters.`

/** The target: exactly one. */
const stopRequest = once(() => {
  const named = z.string().min(1).max(2_048)
  return (
    z
      .strictObject({
        task: named.refine(isTaskId, NO_TASK_ID).optional().describe("The task and those below it, for good."),
        token: z.string().max(16_384).optional().describe("This delegation token, for good; its task goes on."),
        agent: named.optional().describe("The agent: its calls, those made for it, its token requests."),
        user: named.optional().describe("The person, `<issuer>|<subject>`: what is done for them, and what they do."),
        issuer: named
          .regex(ISSUER_NAME, NO_ISSUER_NAME)
          .optional()
          .describe("An identity provider by its `iss`: as if each of its people were named as `user`."),
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
          .min(1)
          .max(LAST_SECOND)
          .optional()
          .describe(
            "Seconds since the epoch: authority that was given from then on is left alone. Not of a task, a token or a key.",
          ),
        reason: z
          .string()
          .regex(REASON, NO_REASON)
          .refine((text) => text.isWellFormed(), NO_REASON)
          .optional(),
        confirm: z
          .literal(true)
          .optional()
          .describe("Set the switch although nothing of this name is known, or although it suspends the caller."),
        preview: z.literal(true).optional().describe("Set nothing: the answer says what the switch would affect."),
      })
      .refine(
        ({ before: _before, reason: _reason, confirm: _confirm, preview: _preview, ...one }) =>
          Object.keys(one).length === 1,
        "Name exactly one of task, token, agent, user, issuer, tool, key, everything.",
      )
      // A task or a token is not looked up first: if it does not exist, the answer is an error.
      .refine(
        ({ confirm, preview, task, token }) => (confirm ?? preview) === undefined || (task ?? token) === undefined,
        "`confirm` and `preview` do not go with a task or a token.",
      )
      // A revoked key neither signs nor verifies any more, whatever the time; a task or a token ends as a whole.
      .refine(
        ({ before, task, token, key }) => before === undefined || (task ?? token ?? key) === undefined,
        "`before` does not go with a task, a token or a key.",
      )
      .refine(({ user, confirm }) => !confirm || user === undefined || hasIssuer(user), NO_USER_NAME)
      .refine(({ issuer, confirm }) => !confirm || issuer === undefined || URL.canParse(issuer), NO_ISSUER_NAME)
  )
})
export type StopRequest = z.infer<ReturnType<typeof stopRequest>>

/** A token is a secret, and no rule names it. */
function stoppedThing({ task, token, agent, user, issuer, tool, key }: StopRequest): NamedThing {
  if (task !== undefined) return { kind: "task", target: task }
  if (token !== undefined) return { kind: "token", target: null }
  if (agent !== undefined) return { kind: "agent", target: agent }
  if (user !== undefined) return { kind: "user", target: user }
  if (issuer !== undefined) return { kind: "issuer", target: issuer }
  if (tool !== undefined) return { kind: "tool", target: tool }
  return key === undefined ? { kind: "everything", target: null } : { kind: "key", target: key }
}

export const revocations = {
  addRevocation: endpoint({
    method: "POST",
    path: "/v1/revocations",
    summary:
      "Sets a switch that suspends an agent, a user, an identity provider, tools, a key or everything, or ends a task or a token; once it answers, it holds.",
    details: "The body names exactly one of `agent`, `user`, `issuer`, `tool`, `key`, `everything`, `task`, `token`.",
    access: {
      by: "operator",
      role: "operator",
      area: "revocations",
      thingsIn: (body: StopRequest) => [stoppedThing(body)],
    },
    record: "management",
    body: { schema: stopRequest, maxBytes: MAX_BODY_BYTES },
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
    summary: "Lists the switches that hold until an operator lifts them.",
    access: { by: "operator", role: "viewer", area: "revocations" },
    record: "management",
    answer: once(() => z.looseObject({ revocations: z.array(stop()) })),
    errors: [],
  }),
  liftRevocation: endpoint({
    method: "DELETE",
    path: "/v1/revocations/:revocation",
    summary:
      "Lifts a switch; a switch on a key cannot be lifted. What a user, or the people of an identity provider, gave before stays revoked.",
    access: {
      by: "operator",
      role: "operator",
      area: "revocations",
    },
    record: "management",
    answer: once(() =>
      z.looseObject({
        id: z.string(),
        lifted: z.literal(true),
        left: z
          .looseObject({
            id: z.string(),
            before: z.number().describe("Seconds since the epoch: what was given before stays revoked."),
          })
          .exactOptional()
          .describe("What is left of it: a switch of its own, which can be lifted in its turn."),
      }),
    ),
    errors: ["invalid_request", "not_found"],
  }),
} as const
