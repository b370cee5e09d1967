/** The example with an approvers.yaml, and something that asks by a name of it, of which one thing is wrong. */
import type { BadDirectory } from "./bad-directories.ts"

type Bad = Pick<BadDirectory, "name" | "message" | "fix" | "at">

const bad = (replace: string, expected: Bad): BadDirectory => ({ file: "approvers.yaml", replace, ...expected })
const approval = (entry: string, expected: Bad): BadDirectory =>
  bad(`approvals:\n  - { name: finance, ${entry} }\n`, expected)
const rule = (text: string, expected: Bad): BadDirectory => ({ file: "more.cedar", replace: text, ...expected })
const guardrail = (entry: string, expected: Bad): BadDirectory => ({
  file: "guardrails.yaml",
  replace: `windows:\n  - { id: g, tools: [mail.send], per: task, limit: 9, within: 1m, ${entry} }\n`,
  ...expected,
})
const forbid = (remedy: string, about: string, unless: string): string =>
  `@id("x") @remedy("${remedy}") forbid (principal, ${about}, resource) unless { ${unless} };\n`
const CALLS = 'action == Action::"write"'

export const BAD_APPROVERS: readonly BadDirectory[] = [
  approval("approvers: [{ issuer: locale, group: finance }]", {
    name: "an approver of no issuer",
    message: /no issuer is called `locale`/,
    fix: /Did you mean `local`\?/,
    at: "locale",
  }),
  approval("approvers: [{ issuer: workloads, group: finance }]", {
    name: "a group of an issuer that knows no people",
    message: /issuer `workloads` has no `users` and no `operators`/,
    fix: /Give it `users`/,
    at: "workloads",
  }),
  approval("approvers: [{ issuer: local, group: finance, subject: fay }]", {
    name: "an approver who is a person and a group",
    message: /neither one person nor one group/,
    fix: /Write one of/,
    at: "{ issuer",
  }),
  approval("approvers: []", { name: "an approval of nobody", message: /too small/, at: "[]" }),
  approval("approvers: [manager]", { name: "an approver of no known kind", message: /./, at: "manager" }),
  approval("approvers: [{ issuer: local, subject: fay }, { issuer: local, subject: fred }], need: 3", {
    name: "more people than are asked",
    message: /3 people have to say yes, and 2 are asked/,
    fix: /need fewer/,
    at: "3 }",
  }),
  approval("approvers: [{ issuer: local, subject: fay }, user], need: 3, own: true", {
    name: "more people than are asked, the task's user among them",
    message: /3 people have to say yes, and 2 are asked/,
    at: "3, own",
  }),
  approval("approvers: [user]", {
    name: "a user who may not answer",
    message: /the task's own user is an approver, and may not decide/,
    fix: /Write `own: true`/,
    at: "user]",
  }),
  approval("approvers: [owner]", {
    name: "an owner who is nobody",
    message: /nobody is known to be `support-team`/,
    fix: /owners: \{ support-team/,
    at: "owner]",
  }),
  approval("approvers: [{ issuer: local, group: finance }], life: 25h", {
    name: "an approval that lives too long",
    message: /not a span of time/,
    at: "25h",
  }),
  approval("approvers: [{ issuer: local, group: finance }], uses: 101", {
    name: "an approval of too many calls",
    message: /./,
    at: "101",
  }),
  bad("approvals:\n  - { name: user, approvers: [{ issuer: local, group: finance }] }\n", {
    name: "an approval that is called as a consent is",
    message: /`user` is what the consent of a task's user is called/,
    at: "user, approvers",
  }),
  bad("approvals:\n  - { name: a b, approvers: [{ issuer: local, group: finance }] }\n", {
    name: "an approval whose name no remedy can have",
    message: /not a name that a remedy can have/,
    at: "a b",
  }),
  bad(
    "approvals:\n  - { name: finance, approvers: [{ issuer: local, group: a }] }\n  - { name: finance, approvers: [{ issuer: local, group: b }] }\n",
    {
      name: "two approvals of one name",
      message: /approval `finance` is there twice/,
      at: "finance, approvers: [{ issuer: local, group: b",
    },
  ),
  bad("owners:\n  suport-team: [{ issuer: local, group: support }]\n", {
    name: "an owner of no agent",
    message: /no agent is owned by `suport-team`/,
    fix: /Did you mean `support-team`\?/,
    at: "suport-team",
  }),
  guardrail("then: approve, approval: finance", {
    name: "a guardrail that asks by a name that is not there",
    message: /no approval is called `finance`/,
    fix: /Add it to approvers\.yaml/,
    at: "finance",
  }),
  guardrail("approval: finance", {
    name: "an approval of a guardrail that asks nobody",
    message: /`approval` has no effect with `then: deny`/,
    fix: /Write `then: approve`/,
    at: "finance",
  }),
  rule(forbid("approval:finance", CALLS, 'context.approvals.contains("finance")'), {
    name: "a remedy that asks by a name that is not there",
    message: /no approval is called `finance`/,
    fix: /Add it to approvers\.yaml/,
    at: "approval:finance",
  }),
  rule(forbid("approval:user", CALLS, 'context.approvals.contains("user")'), {
    name: "a consent to a call",
    message: /no approval is called `user`/,
    at: "approval:user",
  }),
  rule(forbid("approval:user", 'action == Action::"delegate"', 'context.purpose == "x"'), {
    name: "a remedy that the rule does not ask for",
    message: /lifts nothing: the rule does not ask for it/,
    fix: /context\.approvals\.contains\("user"\)/,
    at: "approval:user",
  }),
]
