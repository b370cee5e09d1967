/** `/v1/risks`: the risk of an agent, a user or a task, as an operator reports it. */
import * as z from "zod"
import { HIGHEST_RISK } from "../../core/guardrails/definition.ts"
import { HALF_LIFE } from "../../core/guardrails/risk.ts"
import { MAX_RISK_NAME } from "../../core/signals/leased-risks.ts"
import { isTaskId } from "../../core/task/state.ts"
import { endpoint, once } from "./endpoint.ts"
import { moment, nearestNames } from "./members.ts"
import { hasIssuer, NO_TASK_ID, NO_USER_NAME } from "./names.ts"

/** Characters; a record shows the beginning of a longer reason. */
const MAX_REASON = 1_024
const MAX_BODY_BYTES = 8_192
const KINDS = ["agent", "user", "task"] as const

/** The subject: exactly one. */
const riskReport = once(() => {
  const named = z.string().min(1).max(MAX_RISK_NAME)
  return z
    .strictObject({
      agent: named.optional(),
      user: named.optional().describe("Issuer and subject, joined by `|`."),
      task: z.string().refine(isTaskId, NO_TASK_ID).optional(),
      level: z.int().min(0).max(HIGHEST_RISK).describe("0 lifts what was reported before."),
      half_life: z
        .int()
        .min(HALF_LIFE.min)
        .max(HALF_LIFE.max)
        .default(HALF_LIFE.default)
        .describe("Seconds after which half of it is left."),
      reason: z.string().max(MAX_REASON, `A reason has at most ${MAX_REASON} characters.`).optional(),
      stream: named
        .optional()
        .describe("With level 0, of an agent or a user: lifts what this stream of events has reported."),
      confirm: z.boolean().default(false).describe("Also if nothing of this name is known."),
    })
    .transform(({ agent, user, task, ...report }, context) => {
      const of = { agent, user, task }
      const [kind, another] = KINDS.filter((each) => of[each] !== undefined)
      const name = kind && of[kind]
      const isLift = report.stream === undefined || (report.level === 0 && task === undefined)
      const isNamed = !report.confirm || user === undefined || hasIssuer(user)
      if (kind && name !== undefined && !another && isLift && isNamed) return { kind, name, ...report }
      const one = isLift
        ? "Name exactly one of agent, user, task."
        : "`stream` goes with level 0 of an agent or a user, to lift what that stream of events has reported."
      const isOne = kind && !another && isLift
      context.addIssue({ code: "custom", message: isOne ? NO_USER_NAME : one })
      return z.NEVER
    })
})
type RiskReport = z.output<ReturnType<typeof riskReport>>

const risk = once(() =>
  z.looseObject({
    agent: z.string().exactOptional(),
    user: z.string().exactOptional(),
    task: z.string().exactOptional(),
    level: z.number(),
    half_life: z.number().exactOptional().describe("Seconds."),
    stream: z.string().exactOptional(),
  }),
)

export const risks = {
  reportRisk: endpoint({
    method: "POST",
    path: "/v1/risks",
    summary: "Reports a risk of an agent, a user or a task; once it has answered, every later call is decided with it.",
    details: "The body names exactly one of `agent`, `user`, `task`.",
    access: {
      by: "operator",
      role: "operator",
      area: "risks",
      thingsIn: ({ kind, name }: RiskReport) => [{ kind, target: name }],
    },
    record: "management",
    body: { schema: riskReport, maxBytes: MAX_BODY_BYTES },
    answer: risk,
    errors: ["not_found", "task_pending"],
    errorMembers: { not_found: nearestNames },
  }),
  listRisks: endpoint({
    method: "GET",
    path: "/v1/risks",
    summary: "Lists the risks of agents and users; those of a task are shown with the task.",
    access: { by: "operator", role: "viewer", area: "risks" },
    record: "management",
    answer: once(() =>
      z.looseObject({
        risks: z.array(
          risk().extend({
            at: moment(),
            now: z.number().describe("What is left of it."),
            event: z.string().exactOptional().describe("Of a stream: the event that reported it."),
          }),
        ),
      }),
    ),
    errors: [],
  }),
} as const
