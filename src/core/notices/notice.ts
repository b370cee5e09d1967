/**
 * A notice: what others may be told of, as its ledger or the switchboard keeps it, for no receiver in particular. It has
 * what a person needs to decide whether to look, never a token, and of arguments what the catalog does not redact. Pure.
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

/** What a person is asked, or has said: of one exact call, or of a task that waits to begin. */
export type PendingApproval = CallQuestion | TaskQuestion

export interface CallQuestion {
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
  /** That asks; null: rules do. */
  readonly guardrail: string | null
  /** In approvers.yaml; null: any operator answers. */
  readonly name: string | null
  readonly rules: readonly string[]
  readonly need: number
  /** JSON of the arguments, without what the catalog redacts; null: the receiver is told none. */
  readonly arguments: string | null
  /** Milliseconds. */
  readonly expiresAt: number
  readonly answer: ApprovalVotes | null
}

export interface TaskQuestion {
  readonly kind: "task"
  readonly task: string
  readonly agent: string
  readonly user: string
  readonly purpose: string
  readonly scope: string
  /** The agent's own words. */
  readonly bindingMessage: string | null
  /** Milliseconds. */
  readonly expiresAt: number
  readonly answer: ApprovalVotes | null
}

export interface ApprovalVotes {
  readonly approved: boolean
  /** Issuer and subject of each who said so, joined by `|`. */
  readonly by: readonly string[]
}

export interface TaskEndNotice {
  readonly kind: "end"
  readonly task: string
  /** All whose state this changed: of an end, those below as well. */
  readonly tasks: readonly string[]
  readonly agent: string
  /** Issuer and subject, joined by `|`. */
  readonly user: string | null
  readonly purpose: string
  /** `misuse`: a code or refresh token of it was shown by somebody who should not have it. */
  readonly by: "agent" | "guardrail" | "operator" | "misuse"
  /** Issuer and subject, joined by `|`. */
  readonly operator: string | null
  /** As the denied call was answered, and the guardrail that was not kept to; null: no call was the reason. */
  readonly code: string | null
  readonly guardrail: string | null
}

export interface SwitchNotice {
  readonly kind: "switch"
  readonly switch: string
  readonly stopped: Stopped
  /** Milliseconds: only what was given before; null: whenever. */
  readonly before: number | null
  /** Issuer and subject, joined by `|`. */
  readonly operator: string | null
}

export type NoticeData = PendingApproval | TaskEndNotice | SwitchNotice

/** What is kept; its id is given to it then. */
export interface NoticeDraft<Data extends NoticeData = NoticeData> {
  readonly type: EventName
  /** Milliseconds. */
  readonly at: number
  /** The record of the decision that made it. */
  readonly decision: string
  readonly data: Data
}

export interface Notice extends NoticeDraft {
  /** `evt_<ulid>`: the same in each try and for each receiver, so that they can tell what they had before. */
  readonly id: string
}

/** A call waits for people. */
export function callAsked(asked: Approval): NoticeDraft {
  const { askedAt: at, decision } = asked
  return { type: "approval.asked", at, decision, data: questionOf(asked, null) }
}

/** Null as long as more people have to say something. */
export function callAnswered(asked: Approval, decision: string, at: number): NoticeDraft | null {
  if (asked.status === "pending") return null
  const approved = asked.status === "approved"
  const by = asked.votes.filter((vote) => vote.approved === approved).map((vote) => vote.by)
  return { type: "approval.answered", at, decision, data: questionOf(asked, { approved, by }) }
}

function questionOf(
  { id: approval, task, tool, guardrail, name, rules, shown, terms, expiresAt }: Approval,
  answer: ApprovalVotes | null,
): CallQuestion {
  const { need } = terms
  const { agent, chain, user, purpose, arguments: values } = shown
  const call = { tool, agent, chain, user, purpose, arguments: values }
  return { kind: "call", approval, task, ...call, guardrail, name, rules, need, expiresAt, answer }
}

/** @param task as it would be at most */
export function taskAsked(task: Task, consent: Consent, decision: string, at: number): NoticeDraft {
  return { type: "approval.asked", at, decision, data: consentOf(task, consent, null) }
}

export function taskAnswered(
  task: Task,
  consent: Consent,
  approved: boolean,
  decision: string,
  at: number,
): NoticeDraft {
  const answer = { approved, by: [userId(consent.user)] }
  return { type: "approval.answered", at, decision, data: consentOf(task, consent, answer) }
}

function consentOf(
  { id: task, agent, purpose, scope }: Task,
  { user, bindingMessage, expiresAt }: Consent,
  answer: ApprovalVotes | null,
): TaskQuestion {
  return { kind: "task", task, agent, user: userId(user), purpose, scope, bindingMessage, expiresAt, answer }
}

/** What ended it, beside that it has. */
export interface Cause {
  readonly decision: string
  readonly operator: string | null
  /** Of the call that was one too many. */
  readonly denial: Denial | null
}

/**
 * A task has not gone its way. Null where it has: it is done. What a person has refused never began.
 * @param tasks whose state it changes
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

/** Who has set or lifted a switch, and by which recorded decision. */
export interface Setter {
  readonly decision: string
  readonly operator: string
}

export function switchTold(
  type: "switch.set" | "switch.lifted",
  { id, stopped, before }: Switch,
  { decision, operator }: Setter,
  at: number,
): NoticeDraft {
  return { type, at, decision, data: { kind: "switch", switch: id, stopped, before, operator } }
}
