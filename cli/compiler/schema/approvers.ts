/** approvers.yaml: who may approve of single calls, by the names that rules and guardrails ask by. */
import { z } from "zod"
import { span } from "./span.ts"
import { name, text, WHERE_FINE } from "./values.ts"

const MOST_USES = 100
/** Each has an inbox of its own. */
const MOST_APPROVERS = 20
const DEFAULT_LIFE = 900

/** In `@remedy("approval:…")`, and in `context.approvals`. */
export const approvalName = text(
  (value) => /^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$/u.test(value),
  "not a name that a remedy can have",
  "Write up to 64 letters, digits, and . _ / - only.",
)

const subject = z.string().min(1).max(255)
const person = z.strictObject({
  issuer: name.describe("`id` of an issuer with `users` and `operators`."),
  subject: subject.exactOptional().describe("One person, as the issuer's tokens name them."),
  group: name.exactOptional().describe("Everybody in whose token this group is."),
})
const approving = person.refine(({ subject, group }) => (subject === undefined) !== (group === undefined), {
  ...WHERE_FINE,
  error: "neither one person nor one group",
  params: { fix: "Write one of `subject` and `group`." },
})

const approval = z.strictObject({
  name: approvalName.describe('What `@remedy("approval:…")` and `approval` of a guardrail call it.'),
  approvers: z
    .array(z.union([z.literal(["owner", "user"]), approving]))
    .min(1)
    .max(MOST_APPROVERS)
    .describe("Who may answer: people, groups, `owner` of the agent that calls, `user` of the task."),
  need: z.int().min(1).max(MOST_APPROVERS).default(1).describe("How many different people have to say yes."),
  own: z.boolean().default(false).describe("Whether the task's own user may be one of them."),
  life: span
    .default(DEFAULT_LIFE)
    .describe("How long a question can be answered, and the answer be used; up to `24h`."),
  uses: z
    .int()
    .min(1)
    .max(MOST_USES)
    .default(1)
    .describe("Calls that one approval may cover at most; an answer that states no number covers one."),
})

export const approversFile = z.strictObject({
  approvals: z.array(approval).default([]).describe("Whom to ask, by name."),
  owners: z
    .record(name, z.array(approving).min(1).max(MOST_APPROVERS))
    .default({})
    .describe("Who is meant by an `owner` of agents.yaml."),
})
export type ApproversFile = z.infer<typeof approversFile>
export type WrittenApproving = z.infer<typeof approving>
