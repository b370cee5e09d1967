/**
 * Approvals: people's consent to one exact call. The call is identified by its task, tool, arguments (hash of their
 * canonical JSON, RFC 8785), method, target and environment, and by what requires the approval. A call that needs one
 * is denied and creates an approval request. Once enough people have approved it, the same call is allowed as often as
 * they said, if everything else still allows it. Pure: the ledger stores approvals. Who may approve is in approvers.ts.
 */
import { sha256Hex } from "../encoding/hash.ts"
import type { TaskLimit } from "./task.ts"

/** Seconds after which an agent may ask again what has become of a pending approval. */
export const APPROVAL_RETRY_AFTER = 5

export type ApprovalLimit = "approval_life" | TaskLimit

export interface Approval {
  /** `apr_<ulid>`, of the time when it was requested. */
  readonly id: string
  readonly task: string
  readonly tool: string
  /** Text of the field `call`: two calls with the same text are the same call. */
  readonly call: string
  /**
   * Hash of its method and target: with another method, or at another place, the same arguments can mean something
   * else.
   */
  readonly request: string
  /** The environment of the gateway that received the call. */
  readonly environment: string
  /** The guardrail that requires the approval. Null if rules of policy require it, by the name in their remedy. */
  readonly guardrail: string | null
  /** A name in approvers.yaml. Null if any operator may approve. */
  readonly name: string | null
  /** The rules that required this approval when it was requested; empty for a guardrail. */
  readonly rules: readonly string[]
  /**
   * Figures of the budget that requires it, at that time. Null if no budget does, or they would disclose a redacted
   * argument.
   */
  readonly figures: Figures | null
  /** What the approvers see of the call. */
  readonly shown: ApprovalCall
  /** The inboxes in which approvers find it. */
  readonly inboxes: readonly InboxOf[]
  /** The decision that created the request, and number of its bundle; it can still be answered under a newer bundle. */
  readonly decision: string
  readonly bundle: number
  /** Milliseconds since the epoch. */
  readonly askedAt: number
  /** Milliseconds since the epoch; from then on the answer no longer counts. */
  readonly expiresAt: number
  /** What ends it then: its own `life`, or what ends its task. */
  readonly limitedBy: ApprovalLimit
  /** The terms at the time of the request. */
  readonly terms: Terms
  readonly status: "pending" | "approved" | "rejected"
  /** Calls that it still allows. */
  readonly uses: number
  /** In the order in which they were given. */
  readonly votes: readonly Vote[]
}

/** The amount that counted, the amount that the call adds, and the limit. */
export interface Figures {
  readonly used: number
  readonly asked: number
  readonly limit: number
}

export interface ApprovalCall {
  readonly agent: string
  readonly purpose: string
  /** Agents from the root task's to the calling one. */
  readonly chain: readonly string[]
  /** Issuer and subject, joined by `|`. */
  readonly user: string | null
  readonly method: string
  /** JSON of all arguments that the catalog does not redact. */
  readonly arguments: string
  /** Names of the arguments that it redacts. */
  readonly redacted: readonly string[]
}

export interface Terms {
  /** The number of different people who have to approve. */
  readonly need: number
  /** Calls that an approval may cover at most. */
  readonly mostUses: number
}

export interface Vote {
  /** Issuer and subject, joined by `|`. */
  readonly by: string
  readonly approved: boolean
  /** Calls that they would allow at most. Null: one. */
  readonly uses: number | null
  /** In the approver's own words, for people to read; it decides nothing. */
  readonly reason?: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

export type Approvals = ReadonlyMap<string, Approval>

/** Open approval requests of an agent for one user, and of all agents: none must flood the approvers. */
export const MAX_OPEN_APPROVALS = {
  agent: 50,
  ledger: 500,
} as const
/** Characters of a call's arguments. Nobody would read longer ones whole, so no approval is requested for them. */
export const MOST_SHOWN = 16_384

/** What must be the same for an approval to cover a call. */
export type Exactly = Pick<Approval, "task" | "tool" | "call" | "request" | "environment" | "guardrail" | "name">

/**
 * The approval for exactly this call: a rejection as long as it counts, else an approval with uses left, else a pending
 * request.
 * @param rules that require approval now. An approval under fewer rules does not cover them; a rejection covers the
 *   call
 */
export function approvalFor(
  approvals: Approvals,
  exactly: Exactly,
  rules: readonly string[],
  now: number,
): Approval | null {
  const about = [...approvals.values()].filter((each) => isAbout(each, exactly) && now < each.expiresAt)
  const matching = about.filter((each) => rules.every((rule) => each.rules.includes(rule)))
  const decided = about.find(({ status }) => status === "rejected") ?? matching.find(isUsable)
  return decided ?? matching.findLast(({ status }) => status === "pending") ?? null
}

function isAbout(approval: Approval, { task, tool, call, request, environment, guardrail, name }: Exactly): boolean {
  return (
    approval.call === call &&
    approval.request === request &&
    approval.environment === environment &&
    approval.guardrail === guardrail &&
    approval.name === name &&
    approval.task === task &&
    approval.tool === tool
  )
}

/** Hash of a call as the upstream receives it, except its body, whose members are its arguments. */
export function requestHash({ method, target }: { readonly method: string; readonly target: string }): string {
  return sha256Hex(JSON.stringify([method, target]))
}

/** Whether it counts among those of its agent until it expires. */
export function isOpen({ status, uses }: Approval): boolean {
  return status !== "approved" || uses > 0
}

export type ApprovalRequest = Exactly &
  Pick<
    Approval,
    "id" | "rules" | "figures" | "shown" | "inboxes" | "decision" | "bundle" | "expiresAt" | "limitedBy" | "terms"
  >

export function requestApproval(question: ApprovalRequest, now: number): Approval {
  return { ...question, askedAt: now, status: "pending", uses: 0, votes: [] }
}

/** Why an approval request cannot be answered by any approver. */
export type Unanswerable = "unknown" | "answered" | "expired" | "voted" | "too many uses"

/** One rejection is enough; approval needs as many people as the terms say. */
export function applyVote(approval: Approval, vote: Omit<Vote, "at">, now: number): Approval | Unanswerable {
  if (now >= approval.expiresAt) return "expired"
  if (approval.status !== "pending") return "answered"
  const { terms, votes: before } = approval
  if (before.some(({ by }) => by === vote.by)) return "voted"
  if ((vote.uses ?? 0) > terms.mostUses) return "too many uses"
  const votes = [...before, { ...vote, at: now }]
  if (!vote.approved) return { ...approval, votes, status: "rejected" }
  if (votes.length < terms.need) return { ...approval, votes }
  // An approver who states no number has read one call, and approves it once.
  const uses = Math.min(...votes.map((each) => each.uses ?? 1))
  return { ...approval, votes, status: "approved", uses }
}

/** The approval with one use less. */
export function applyUse(approval: Approval): Approval {
  return { ...approval, uses: approval.uses - 1 }
}

export function isUsable({ status, uses }: Approval): boolean {
  return status === "approved" && uses > 0
}

/** The inbox of a person, by issuer and subject joined by `|`, or one that many people share. */
export type InboxOf = { readonly user: string } | { readonly issuer: string; readonly group: string } | "operators"
