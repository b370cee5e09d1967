/**
 * Approvals: people's consent to one exact call, told by its task, its tool, its arguments (hash of their canonical
 * JSON, RFC 8785), its method and target, the environment and what asks for it. A call that needs one is denied and leaves a question; once enough people have
 * answered that with yes, the same call passes, so many times as it was approved for, with everything else looked at
 * again. Pure: the ledger keeps them. Who may answer is another question (approvers.ts).
 */
import { sha256Hex } from "../encoding/hash.ts"

export interface Approval {
  /** `apr_<ulid>`, of the time when it was asked for. */
  readonly id: string
  readonly task: string
  readonly tool: string
  /** Text of the field `call`: two calls with the same are one and the same. */
  readonly call: string
  /** Hash of its method and target: the same arguments can mean another thing by another method, or in another place. */
  readonly request: string
  /** Of the gateway that it was made to. */
  readonly environment: string
  /** The guardrail that asks; null: rules of policy do, by the name in their remedy. */
  readonly guardrail: string | null
  /** In approvers.yaml; null: any operator answers. */
  readonly name: string | null
  /** Rules that asked by this name when it was asked for; of a guardrail, none. */
  readonly rules: readonly string[]
  /** Of the budget that asks, when it did; null: none asks, or they would tell a redacted argument. */
  readonly figures: Figures | null
  /** What people are shown of the call. */
  readonly shown: ShownCall
  /** In which those who may answer look for it. */
  readonly inboxes: readonly InboxOf[]
  /** The decision that left the question, and number of the bundle that made it; a newer one may still be answered. */
  readonly decision: string
  readonly bundle: number
  /** Milliseconds. */
  readonly askedAt: number
  /** Milliseconds; whatever the answer is, it counts no longer then. */
  readonly expiresAt: number
  /** As it was when it was asked for. */
  readonly terms: Terms
  readonly status: "pending" | "approved" | "rejected"
  /** Calls that it lets pass, still. */
  readonly uses: number
  /** In the order in which they were given. */
  readonly votes: readonly Vote[]
}

/** What counted, what the call adds, and how much there may be. */
export interface Figures {
  readonly used: number
  readonly asked: number
  readonly limit: number
}

export interface ShownCall {
  readonly agent: string
  readonly purpose: string
  /** Agents from the root task's to the calling one. */
  readonly chain: readonly string[]
  /** Issuer and subject, joined by `|`. */
  readonly user: string | null
  readonly method: string
  /** JSON of all of them, but for what the catalog redacts. */
  readonly arguments: string
  /** Names of those that it redacts. */
  readonly redacted: readonly string[]
}

export interface Terms {
  /** Different people that have to say yes. */
  readonly need: number
  /** Calls that an answer may cover at most. */
  readonly mostUses: number
}

export interface Vote {
  /** Issuer and subject, joined by `|`. */
  readonly by: string
  readonly approved: boolean
  /** Calls that they would let pass at most; null: one. */
  readonly uses: number | null
  /** In their own words; for people to read, it decides nothing. */
  readonly reason?: string
  /** Milliseconds. */
  readonly at: number
}

export type Approvals = ReadonlyMap<string, Approval>

/** Questions of one tree at a time: a hostile agent must not bury people in them. */
const MOST_OPEN = 50
/** Characters of a call's arguments: what would not be read whole is not asked about. */
export const MOST_SHOWN = 16_384

/** What has to be the same. */
export type Exactly = Pick<Approval, "task" | "tool" | "call" | "request" | "environment" | "guardrail" | "name">

/**
 * What people said about exactly this, or are asked: a no, as long as it counts; else what can be used; else what waits.
 * @param rules that ask now: who agreed to what fewer asked about did not agree to this, but a no is to the call
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

/** A call as the upstream gets it, but for its body, whose members its arguments are. */
export function requestHash({ method, target }: { readonly method: string; readonly target: string }): string {
  return sha256Hex(JSON.stringify([method, target]))
}

/** Whether one more question can be asked; what is used up asks nobody. */
export function isRoom(approvals: Approvals, now: number): boolean {
  const isOpen = (each: Approval): boolean => now < each.expiresAt && (each.status !== "approved" || each.uses > 0)
  return [...approvals.values()].filter(isOpen).length < MOST_OPEN
}

export type ApprovalRequest = Exactly &
  Pick<Approval, "id" | "rules" | "figures" | "shown" | "inboxes" | "decision" | "bundle" | "expiresAt" | "terms">

export function askApproval(question: ApprovalRequest, now: number): Approval {
  return { ...question, askedAt: now, status: "pending", uses: 0, votes: [] }
}

/** Why an answer is none, but for who gives it. */
export type Unanswerable = "unknown" | "answered" | "expired" | "voted" | "too many uses"

/** One no is enough; so many that say yes as its terms want. */
export function voted(approval: Approval, vote: Omit<Vote, "at">, now: number): Approval | Unanswerable {
  if (now >= approval.expiresAt) return "expired"
  if (approval.status !== "pending") return "answered"
  const { terms, votes: before } = approval
  if (before.some(({ by }) => by === vote.by)) return "voted"
  if ((vote.uses ?? 0) > terms.mostUses) return "too many uses"
  const votes = [...before, { ...vote, at: now }]
  if (!vote.approved) return { ...approval, votes, status: "rejected" }
  if (votes.length < terms.need) return { ...approval, votes }
  // Whoever states no number has read one call, and approves it once.
  const uses = Math.min(...votes.map((each) => each.uses ?? 1))
  return { ...approval, votes, status: "approved", uses }
}

/** With one use less. */
export function used(approval: Approval): Approval {
  return { ...approval, uses: approval.uses - 1 }
}

export function isUsable({ status, uses }: Approval): boolean {
  return status === "approved" && uses > 0
}

/** Whose inbox a question is put into: a person's, of issuer and subject joined by `|`, or one that many share. */
export type InboxOf = { readonly user: string } | { readonly issuer: string; readonly group: string } | "operators"
