/** `/v1/explanations`: how a bundle decides one call, and why. */
import * as z from "zod"
import { userOfId } from "../../core/policy/principals.ts"
import { MAX_SHOWN } from "../../core/record/fields/truncation.ts"
import { endpoint, once, type NamedThings } from "./endpoint.ts"
import { chain, denial, members, pointer, RECORDED_LATER, text, userName, verdict } from "./members.ts"

const MAX_BODY_BYTES = 65_536

const imaginedCall = once(() => {
  const named = z.string().min(1).max(2_048)
  /** A record with more names would be truncated. */
  const names = z.array(z.string().min(1).max(256)).max(MAX_SHOWN - 1)
  return z.strictObject({
    agent: named,
    purpose: z.string().max(256).optional().describe("Absent: the agent's first."),
    user: z
      .strictObject({
        id: named.refine((id) => userOfId(id) !== null).describe("Issuer and subject, joined by `|`."),
        groups: names.default([]),
        acr: z.string().max(256).optional(),
        auth_age: z.int().min(0).max(1_000_000_000).optional().describe("Seconds since they logged in."),
      })
      .nullish()
      .describe("Absent or null: the agent works on its own behalf."),
    tool: z.string().min(1).max(256),
    arguments: z.record(z.string(), z.unknown()).default({}),
    gateway: z.string().max(256).optional().describe("Absent: the first."),
    environment: z.string().max(256).optional(),
    labels: names.default([]).describe("Labels that its tree carries."),
    calls: z.int().min(0).max(1_000_000_000).default(0).describe("Calls that it has made before."),
    risk: z.int().min(0).max(100).default(0),
    bound_key: z.boolean().default(false),
    approvals: names.default([]).describe("Names by which people have approved it."),
  })
})
export type ImaginedCallRequest = z.infer<ReturnType<typeof imaginedCall>>

const explanationRequest = once(() => {
  const which = { bundle: z.enum(["live", "candidate"]).default("live") }
  return z.union([
    z
      .strictObject({ ...which, decision: z.string().regex(/^dec_[0-9A-Z]{26}$/) })
      .describe("A recorded call, by its decision."),
    z
      .strictObject({ ...which, call: imaginedCall() })
      .describe("A call that nobody has made, of a task that was just opened for it."),
  ])
})
export type ExplanationRequest = z.infer<ReturnType<typeof explanationRequest>>

function explainedThings(body: ExplanationRequest): NamedThings {
  if ("call" in body) return [{ kind: "explanation", target: body.call.agent }]
  const { decision: target } = body
  // The answer discloses what the decision's record does, so the operator must be permitted to read that record.
  return [
    { kind: "explanation", target },
    { area: "decisions", kind: "decision", target, method: "GET" },
  ]
}

const rule = once(() =>
  z.looseObject({
    id: z.string(),
    effect: z.enum(["permit", "forbid"]),
    outcome: z.enum(["holds", "fails", "errs", "is about others"]),
    at: z.number().nullable().describe("Of a rule that fails or errs: the condition at which it does, from 0."),
    determined: z.boolean(),
    remedy: text(),
    message: text().describe("What the rule's `@message` says to the agent."),
  }),
)
export type RuleSeen = z.infer<ReturnType<typeof rule>>

const principal = once(() =>
  z.looseObject({
    principal: z.string(),
    allowed: z.boolean(),
    rules: z.array(rule()),
    more: z.number().describe("Rules that are not shown because there are too many."),
  }),
)
export type PrincipalSeen = z.infer<ReturnType<typeof principal>>

const explanation = once(() =>
  z.looseObject({
    bundle: pointer(),
    decision: z
      .enum(["allow", "deny", "untold", "apart"])
      .describe(
        "`untold`: it depends on something that the record does not contain. `apart`: it does not depend on rules.",
      ),
    code: text(),
    denial: denial().nullable(),
    granted: z
      .boolean()
      .nullable()
      .describe("Whether a task of the purpose would be opened for it; null for a recorded call."),
    policy: z
      .looseObject({
        permitted: z.boolean(),
        principals: z.array(principal()),
        read: members.describe("What the rules read of the context."),
        rules: z.record(z.string(), z.string()).describe("Text of the rules, by id."),
      })
      .nullable()
      .describe("What the rules say whatever grants say; null if they could not be evaluated."),
    untold: z.array(z.string()).describe("What rules read and the record does not contain."),
    guardrails_untold: z.array(z.string()).describe("Guardrails that were assumed to be met."),
    call: z.looseObject({
      chain: chain(),
      purpose: text(),
      user: userName(),
      groups: z.array(z.string()),
      tool: text(),
      action: text(),
      sensitivity: text(),
      arguments: members,
      gateway: text(),
      environment: text(),
    }),
    recorded: z
      .looseObject({
        id: z.string(),
        decision: verdict(),
        code: z.string(),
        denial: denial().nullable(),
        bundle: pointer().nullable(),
      })
      .nullable(),
  }),
)
export type Explanation = z.infer<ReturnType<typeof explanation>>

export const explanations = {
  explain: endpoint({
    method: "POST",
    path: "/v1/explanations",
    summary: "Explains how the live bundle, or the candidate, decides one call; it decides and counts nothing.",
    details: RECORDED_LATER,
    access: {
      by: "operator",
      role: "viewer",
      area: "explanations",
      thingsIn: explainedThings,
    },
    record: "management",
    body: {
      schema: explanationRequest,
      maxBytes: MAX_BODY_BYTES,
      usage:
        "Give a decision (dec_…), or a call: agent and tool, and, where they matter, user, purpose, arguments, gateway, environment, labels, calls, risk, bound_key, approvals; and bundle: live or candidate.",
    },
    answer: explanation,
    errors: ["not_found"],
  }),
} as const
