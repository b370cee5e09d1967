/**
 * A notice for people and programs outside, as the ledger or the switchboard stores it, independent of its receivers.
 * It contains what a person needs to decide whether to act, never a token, and no argument that the catalog redacts.
 * Pure.
 */
import type { Approval } from "../task/approval.ts"
import { codeOf, type Denial } from "../denials/denial.ts"
import type { EventName } from "../policy/definition/receivers.ts"
import type { TreeState } from "../task/state.ts"
import { userId } from "../policy/principals.ts"
import type { Stopped, Switch } from "../signals/switch.ts"
import type { TaskEnd } from "../task/change.ts"
import type { Consent } from "../task/pending-consent.ts"
import type { Task } from "../task/task.ts"

/** An approval that is requested or was decided: of one exact call, or of a task that has not begun. */
export type PendingApproval = PendingCall | PendingTask

export interface PendingCall {
  readonly kind: "call"
  readonly approval: string
  readonly task: string
  readonly tool: string
  readonly agent: string
  /** From the root task's agent to the calling one. */
  readonly chain: readonly string[]
  /** Issuer and subject, joined by `|`. */
  readonly user: string | null
  readonly purpose: string
  /** The guardrail that requires the approval. Null if rules do. */
  readonly guardrail: string | null
  /** Its name in approvers.yaml. Null if any operator may approve. */
  readonly name: string | null
  readonly rules: readonly string[]
  readonly need: number
  /** JSON of the arguments, without those that the catalog redacts. Null if the receiver gets none. */
  readonly arguments: string | null
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly answer: ApprovalVotes | null
}

export interface PendingTask {
  readonly kind: "task"
  readonly task: string
  readonly agent: string
  readonly user: string
  readonly purpose: string
  readonly scope: string
  /** The agent's own words. */
  readonly bindingMessage: string | null
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly answer: ApprovalVotes | null
}

export interface ApprovalVotes {
  readonly approved: boolean
  /** Issuer and subject of each approver who voted so, joined by `|`. */
  readonly by: readonly string[]
}

export interface TaskEndNotice {
  readonly kind: "end"
  readonly task: string
  /** The tasks that were changed: if the task ended, also those below it. */
  readonly tasks: readonly string[]
  readonly agent: string
  /** Issuer and subject, joined by `|`. */
  readonly user: string | null
  readonly purpose: string
  /** `misuse`: another party has presented a code or refresh token of the task. */
  readonly by: "agent" | "guardrail" | "operator" | "misuse"
  /** Issuer and subject, joined by `|`. */
  readonly operator: string | null
  /** The code of the denied call and the guardrail that it broke. Null if no call was the cause. */
  readonly code: string | null
  readonly guardrail: string | null
}

export interface SwitchNotice {
  readonly kind: "switch"
  readonly switch: string
  readonly stopped: Stopped
  /** Milliseconds since the epoch: only what was issued before. Null for everything. */
  readonly before: number | null
  /** Issuer and subject, joined by `|`. */
  readonly operator: string | null
}

export type NoticeData = PendingApproval | TaskEndNotice | SwitchNotice

/** A notice before it is stored; it gets its id then. */
export interface NoticeDraft<Data extends NoticeData = NoticeData> {
  readonly type: EventName
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The id of the decision that caused it. */
  readonly decision: string
  readonly data: Data
}

export interface Notice extends NoticeDraft {
  /** `evt_<ulid>`: the same in each attempt and for each receiver, so that receivers can recognize a repetition. */
  readonly id: string
}

/** The notice that a call waits for approval. */
export function callApprovalRequested(approval: Approval): NoticeDraft {
  const { askedAt: at, decision } = approval
  return { type: "approval.asked", at, decision, data: pendingCall(approval, null) }
}

/** Null while more approvers have to vote. */
export function callApprovalDecided(approval: Approval, decision: string, at: number): NoticeDraft | null {
  if (approval.status === "pending") return null
  const approved = approval.status === "approved"
  const by = approval.votes.filter((vote) => vote.approved === approved).map((vote) => vote.by)
  return { type: "approval.answered", at, decision, data: pendingCall(approval, { approved, by }) }
}

function pendingCall(
  { id: approval, task, tool, guardrail, name, rules, shown, terms, expiresAt }: Approval,
  answer: ApprovalVotes | null,
): PendingCall {
  const { need } = terms
  const { agent, chain, user, purpose, arguments: values } = shown
  const call = { tool, agent, chain, user, purpose, arguments: values }
  return { kind: "call", approval, task, ...call, guardrail, name, rules, need, expiresAt, answer }
}

/** @param task the largest one that the user can consent to */
export function consentRequested(task: Task, consent: Consent, decision: string, at: number): NoticeDraft {
  return { type: "approval.asked", at, decision, data: pendingTask(task, consent, null) }
}

export function consentDecided(
  task: Task,
  consent: Consent,
  approved: boolean,
  decision: string,
  at: number,
): NoticeDraft {
  const answer = { approved, by: [userId(consent.user)] }
  return { type: "approval.answered", at, decision, data: pendingTask(task, consent, answer) }
}

function pendingTask(
  { id: task, agent, purpose, scope }: Task,
  { user, bindingMessage, expiresAt }: Consent,
  answer: ApprovalVotes | null,
): PendingTask {
  return { kind: "task", task, agent, user: userId(user), purpose, scope, bindingMessage, expiresAt, answer }
}

/** The cause of a task's end. */
export interface Cause {
  readonly decision: string
  readonly operator: string | null
  /** The denial of the call that was the cause. Null if no call was. */
  readonly denial: Denial | null
}

/**
 * Null if the task was completed as intended, or the user rejected it, so that it never began.
 * @param tasks those that the end changes
 */
export function taskEnded(
  state: TreeState,
  tasks: readonly string[],
  { task: id, status, by }: TaskEnd,
  { decision, operator, denial }: Cause,
  at: number,
): NoticeDraft | null {
  const task = state.tasks.get(id)
  const type = status === "quarantined" ? "task.quarantined" : by === "abort" ? "task.aborted" : "task.revoked"
  if (!task || tasks.length === 0 || status === "completed" || by === "rejection") return null
  const data = {
    ...ofTask(state, task, tasks),
    by: by === "operator" || by === "misuse" ? by : by === "abort" ? "agent" : "guardrail",
    operator,
    code: denial && codeOf(denial),
    guardrail: denial && guardrailOf(denial),
  } as const
  return { type, at, decision, data }
}

export function taskReleased(
  state: TreeState,
  task: Task,
  decision: string,
  operator: string | null,
  at: number,
): NoticeDraft {
  const data = { ...ofTask(state, task, [task.id]), by: "operator", operator, code: null, guardrail: null } as const
  return { type: "task.released", at, decision, data }
}

function ofTask({ user }: TreeState, { id: task, agent, purpose }: Task, tasks: readonly string[]) {
  return { kind: "end", task, tasks, agent, user: user && userId(user), purpose } as const
}

function guardrailOf(denial: Denial): string | null {
  if ("guardrail" in denial) return denial.guardrail
  if ("window" in denial) return denial.window
  return "budget" in denial ? denial.budget : null
}

/** Who set or removed a switch, and the id of the recorded decision. */
export interface Setter {
  readonly decision: string
  readonly operator: string
}

export function switchChanged(
  type: "switch.set" | "switch.lifted",
  { id, stopped, before }: Switch,
  { decision, operator }: Setter,
  at: number,
): NoticeDraft {
  return { type, at, decision, data: { kind: "switch", switch: id, stopped, before, operator } }
}
