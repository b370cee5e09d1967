/**
 * Why a caller who is authenticated is denied: the `reason` of a 403 `policy_denied` and of its record, the sentence that
 * the caller reads, and what the command advises. A 403 has no text of its own.
 */
import type { Denial } from "../../core/denials/denial.ts"
import type { ManagementDenial } from "../../core/denials/management-denial.ts"

type Because<Reason extends string> = Extract<Denial | ManagementDenial, { readonly reason: Reason }>

interface Forbidding<Reason extends string> {
  readonly sentence: (denial: Because<Reason>) => string
  readonly fix: string
}

export type ForbiddenReason =
  | "role_missing"
  | "policy_permits_nothing"
  | "policy_forbids"
  | "own_approval"
  | "not_approver"

/** The evidence stays in the record: rules are not shown to a caller whom they deny. */
export const FORBIDDEN: { readonly [Reason in ForbiddenReason]: Forbidding<Reason> } = {
  role_missing: {
    sentence: ({ what }) => `The role ${what} is required.`,
    fix: "Have this role, or one that includes it, given to you in operators.yaml.",
  },
  policy_permits_nothing: {
    sentence: () => "Your role suffices, but no rule permits you to do this.",
    fix: "Have a rule published that permits you the action `manage` on this area.",
  },
  policy_forbids: {
    sentence: () => "Your role suffices, but a rule forbids you to do this.",
    fix: "Have an operator read the record of this decision: it names the rule.",
  },
  own_approval: {
    sentence: () => "Nobody approves a call that is made in their own name.",
    fix: "Have another person answer it. No role and no rule for operators permits you to.",
  },
  not_approver: {
    sentence: () => "You are not an approver of this call.",
    fix: "Have a person answer it whom approvers.yaml lists for it. A role in operators.yaml does not suffice.",
  },
}

/** Undefined if the Worker is of a version with other reasons. */
export function forbiddenFix(reason: string): string | undefined {
  return new Map<string, { readonly fix: string }>(Object.entries(FORBIDDEN)).get(reason)?.fix
}

export type ForbiddenDenial = Because<ForbiddenReason>

export function forbiddenSentence(denial: ForbiddenDenial): string {
  const sentence: (denial: never) => string = FORBIDDEN[denial.reason].sentence
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the entry of this very reason reads its own denial
  return sentence(denial as never)
}
