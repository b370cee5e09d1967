/**
 * Approvals: a person's consent to one exact call, told by its task, its tool, its arguments (hash of their canonical
 * JSON, RFC 8785) and the rule that asks. A call that needs one is denied and leaves a question; once that is answered
 * with yes, the same call passes, so many times as it was approved for, with everything else looked at again. Pure: the
 * ledger keeps them.
 */

export interface Approval {
  /** `apr_<ulid>`, that of the decision that asked. */
  readonly id: string
  readonly task: string
  readonly tool: string
  /** Text of the field `call`: two calls with the same are one and the same. */
  readonly call: string
  /** The guardrail that asks. */
  readonly rule: string
  /** Number of the bundle that has it; a newer one may still be answered. */
  readonly bundle: number
  /** Milliseconds. */
  readonly askedAt: number
  /** Milliseconds; whatever the answer is, it counts no longer then. */
  readonly expiresAt: number
  readonly status: "pending" | "approved" | "rejected"
  /** Calls that it lets pass, still. */
  readonly uses: number
  /** Who answered: issuer and subject, joined by `|`. */
  readonly by: string | null
}

export type Approvals = ReadonlyMap<string, Approval>

/** How long a question can be answered, and the answer be used. */
export const APPROVAL_LIFE_MS = 900_000
/** Questions of one tree at a time: a hostile agent must not bury people in them. */
export const MOST_OPEN = 50

/** What has to be the same. */
export type Exactly = Pick<Approval, "task" | "tool" | "call" | "rule">

/** The newest about exactly this, as long as it counts. */
export function approvalFor(approvals: Approvals, exactly: Exactly, now: number): Approval | null {
  const found = [...approvals.values()].findLast((each) => isAbout(each, exactly) && now < each.expiresAt)
  return found ?? null
}

function isAbout(approval: Approval, { task, tool, call, rule }: Exactly): boolean {
  return approval.call === call && approval.rule === rule && approval.task === task && approval.tool === tool
}

/** Null: there are too many already. */
export function askApproval(
  approvals: Approvals,
  exactly: Exactly,
  { decision, bundle, until }: { readonly decision: string; readonly bundle: number; readonly until: number },
  now: number,
): Approval | null {
  const open = [...approvals.values()].filter(({ expiresAt }) => now < expiresAt).length
  if (open >= MOST_OPEN) return null
  return {
    id: `apr_${decision.slice(decision.indexOf("_") + 1)}`,
    ...exactly,
    bundle,
    askedAt: now,
    expiresAt: Math.min(now + APPROVAL_LIFE_MS, until),
    status: "pending",
    uses: 0,
    by: null,
  }
}

export interface ApprovalAnswer {
  readonly approved: boolean
  /** Issuer and subject, joined by `|`. */
  readonly by: string
  /** Calls that it is to let pass. */
  readonly uses: number
}

/** Why an answer is none. */
export type Unanswerable = "unknown" | "answered" | "expired" | "own"

/**
 * @param user whose task it is: nobody approves what is done in their own name
 */
export function answered(
  approval: Approval | undefined,
  { approved, by, uses }: ApprovalAnswer,
  user: string | null,
  now: number,
): Approval | Unanswerable {
  if (!approval) return "unknown"
  if (by === user) return "own"
  if (now >= approval.expiresAt) return "expired"
  if (approval.status !== "pending") return "answered"
  return { ...approval, by, status: approved ? "approved" : "rejected", uses: approved ? uses : 0 }
}

/** With one use less. */
export function used(approval: Approval): Approval {
  return { ...approval, uses: approval.uses - 1 }
}

export function isUsable({ status, uses }: Approval): boolean {
  return status === "approved" && uses > 0
}
