/** approvers.yaml: who may approve of single calls, by the names that rules and guardrails ask by. */
import { z } from "zod"
import type { BundleBody } from "../../../src/core/policy/bundle.ts"
import type { ApprovalDefinition, Approver, Approving } from "../../../src/core/policy/definition/approvers.ts"
import type { IssuersFile } from "./issuers.ts"
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
  issuer: name.describe("The `id` of an issuer with `users` and `operators`, in issuers.yaml."),
  subject: subject.exactOptional().describe("One person, by the `sub` of their tokens."),
  group: name.exactOptional().describe("All people whose token contains this group."),
})
const approving = person.refine(({ subject, group }) => (subject === undefined) !== (group === undefined), {
  ...WHERE_FINE,
  error: "neither one person nor one group",
  params: { fix: "Write one of `subject` and `group`." },
})

const approval = z.strictObject({
  name: approvalName.describe('The name in `@remedy("approval:…")` of a rule and in `approval` of a guardrail.'),
  approvers: z
    .array(z.union([z.literal(["owner", "user"]), approving]))
    .min(1)
    .max(MOST_APPROVERS)
    .describe("Who may approve: people, groups, the `owner` of the calling agent, the `user` of the task."),
  need: z.int().min(1).max(MOST_APPROVERS).default(1).describe("How many different people have to approve."),
  own: z.boolean().default(false).describe("Whether the task's own user may be one of them."),
  life: span
    .default(DEFAULT_LIFE)
    .describe("How long people can decide, and how long the approval can be used: up to `24h`."),
  uses: z
    .int()
    .min(1)
    .max(MOST_USES)
    .default(1)
    .describe("The most calls that one approval may cover. An approval without a number covers one."),
})

export const approversFile = z.strictObject({
  approvals: z.array(approval).default([]).describe("The approvals, by name."),
  owners: z
    .record(name, z.array(approving).min(1).max(MOST_APPROVERS))
    .default({})
    .describe("The people whom an `owner` in agents.yaml stands for."),
})
export type ApproversFile = z.infer<typeof approversFile>
export type WrittenApproving = z.infer<typeof approving>

/** As a bundle has them: people by the `iss` of their tokens. */
export function approversOf(file: ApproversFile, issuers: IssuersFile): Pick<BundleBody, "approvals" | "owners"> {
  const urls = new Map(issuers.issuers.map(({ id, issuer = "" }) => [id, issuer]))
  const toApproving = ({ issuer: id, subject, group }: WrittenApproving): Approving => {
    const issuer = urls.get(id) ?? ""
    return group === undefined ? { kind: "person", issuer, subject: subject ?? "" } : { kind: "group", issuer, group }
  }
  const toApprover = (written: ApproversFile["approvals"][number]["approvers"][number]): Approver =>
    typeof written === "string" ? { kind: written } : toApproving(written)
  const approvals = file.approvals.map((approval): ApprovalDefinition => {
    return { ...approval, approvers: approval.approvers.map(toApprover) }
  })
  const owners = Object.entries(file.owners).map(([owner, people]) => [owner, people.map(toApproving)] as const)
  return { approvals, owners: Object.fromEntries(owners) }
}
