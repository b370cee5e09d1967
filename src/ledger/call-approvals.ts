/**
 * Approvals of single calls of a tree: which are pending, the answers to them, and the inboxes that list them. The
 * call's own step (calls.ts) requests an approval and uses it.
 */
import { applyVote, type Approval, type Unanswerable, type Vote } from "../core/task/approval.ts"
import { approverName, whyNotApprover, type ApproverIdentity, type NotApprover } from "../core/task/approvers.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import { riskOf } from "../core/decision/risk.ts"
import { NO_RISKS } from "../core/guardrails/risk.ts"
import { callApprovalDecided } from "../core/notices/notice.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { userId } from "../core/policy/principals.ts"
import type { ApprovalForReader, Waiting, WaitingCall } from "./protocol.ts"
import { isAlive, isBelow, ancestryOf, mayContinue, type TreeState } from "../core/task/state.ts"
import { applyApproval } from "../core/task/transition.ts"
import type { Trees } from "./trees.ts"

export class CallApprovals {
  readonly #trees: Trees

  constructor(trees: Trees) {
    this.#trees = trees
  }

  /** Approvals of single calls of a task and of those below it that are pending. */
  of(task: string): readonly Approval[] | null {
    const state = this.#trees.of(task)
    if (!state?.tasks.has(task)) return null
    const now = this.#trees.now(state)
    return [...state.approvals.values()].filter(
      (each) => (each.task === task || isBelow(each.task, task)) && now < each.expiresAt,
    )
  }

  /** Of these approvals of a tree, those that this person may answer, and those that nobody can answer any more. */
  waitingFor(bundle: Bundle, root: string, ids: readonly string[], answering: ApproverIdentity): Waiting {
    const state = this.#trees.of(root)
    if (!state) return { waiting: [], gone: ids }
    const now = this.#trees.now(state)
    const pending = ids.flatMap((id) => {
      const approval = state.approvals.get(id)
      return approval?.status === "pending" && now < approval.expiresAt ? [approval] : []
    })
    const open = pending.filter(({ task }) => mayContinue(state, ancestryOf(state, task), now))
    const waiting = open.filter((approval) => {
      const isApprover = this.#whyNotApprover(bundle, state, approval, answering) === null
      return isApprover && !approval.votes.some(({ by }) => by === approverName(answering))
    })
    const waitingCalls = waiting.map((approval): WaitingCall => {
      const isNow = isAlive(state, ancestryOf(state, approval.task), now)
      return { asked: approval, unanswerable: isNow ? null : "frozen" }
    })
    return { waiting: waitingCalls, gone: ids.filter((id) => !open.some((approval) => approval.id === id)) }
  }

  /**
   * One approval, for a person who may answer it, or who may see all.
   * @param answering who would answer
   */
  shown(
    bundle: Bundle,
    { task, id }: { readonly task: string; readonly id: string },
    seesAll: boolean,
    answering: ApproverIdentity,
  ): ApprovalForReader | null {
    const state = this.#trees.of(task)
    const approval = state?.approvals.get(id)
    const now = state ? this.#trees.now(state) : 0
    if (!state || approval?.task !== task || now >= approval.expiresAt) return null
    const why = this.#whyNotApprover(bundle, state, approval, answering)
    if (why !== null && !seesAll) return null
    const unanswerable = why ?? whyOver(state, approval, approverName(answering), now)
    return { asked: approval, risk: riskOf(state, ancestryOf(state, task), NO_RISKS, now), unanswerable }
  }

  answer(
    bundle: Bundle,
    { task, id }: { readonly task: string; readonly id: string },
    vote: Omit<Vote, "by" | "at">,
    answering: ApproverIdentity,
    record: DecisionRecord,
  ): Approval | Unanswerable | NotApprover | "frozen" {
    const state = this.#trees.of(task)
    const { storage, notices, approvalInboxes: questions } = this.#trees
    const pending = state?.approvals.get(id)
    if (!state || pending?.task !== task) return "unknown"
    const now = this.#trees.now(state)
    const why = this.#whyNotApprover(bundle, state, pending, answering)
    if (why) return why
    const ancestry = ancestryOf(state, task)
    if (!isAlive(state, ancestry, now)) return mayContinue(state, ancestry, now) ? "frozen" : "expired"
    const approval = applyVote(pending, { ...vote, by: approverName(answering) }, now)
    if (typeof approval === "string") return approval
    const { tool, guardrail, name, status, uses, shown: call } = approval
    const answered = { ...record.arguments, guardrail, name, status, uses }
    // Rules for managing say who may be an operator, not who approves by name.
    const rules = name === null ? record.rules : []
    this.#trees.transaction(true, () => {
      storage.saveApproval(state, approval, now)
      notices.keep(callApprovalDecided(approval, record.id, now))
      this.#trees.keepRecord(state, {
        ...record,
        tool,
        rules,
        chain: call.chain,
        user: call.user,
        arguments: answered,
      })
    })
    applyApproval(state, approval)
    if (status !== "pending") questions.withdraw([approval])
    return approval
  }

  #whyNotApprover(
    bundle: Bundle,
    state: TreeState,
    approval: Approval,
    answering: ApproverIdentity,
  ): NotApprover | null {
    const owner = bundle.agents.get(approval.shown.agent)?.owner ?? null
    return whyNotApprover(bundle, approval, owner, state.user && userId(state.user), answering)
  }
}

function whyOver(state: TreeState, approval: Approval, by: string, now: number): ApprovalForReader["unanswerable"] {
  const ancestry = ancestryOf(state, approval.task)
  if (!isAlive(state, ancestry, now)) return mayContinue(state, ancestry, now) ? "frozen" : "expired"
  const would = applyVote(approval, { by, approved: true, uses: null }, now)
  return typeof would === "string" ? would : null
}
