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
import { checkTaskAlive } from "../core/decision/check-credential.ts"
import type { Holder } from "../core/decision/call.ts"
import { deny, isDenied, type Denied } from "../core/denials/denial.ts"
import { checkHolder } from "./check-holder.ts"
import type { ApprovalForReader, OwnApproval, Waiting, WaitingCall } from "./protocol.ts"
import { isAlive, isBelow, ancestryOf, mayContinue, type TreeState } from "../core/task/state.ts"
import { applyApproval } from "../core/task/transition.ts"
import type { Trees } from "./trees.ts"
import { historyKeyOf } from "../core/guardrails/history-key.ts"

interface ApprovalIds {
  readonly task: string
  readonly id: string
}

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
    { task, id }: ApprovalIds,
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

  /**
   * What the agent of the very task may know of an approval that it waits for, at once or when people have decided.
   * @param by the agent, by a live token of the task. This uses its proof
   * @param wait milliseconds that it would wait for a decision at most; 0: none
   * @returns null if there is no such approval of this task, or not any more
   */
  async own(ids: ApprovalIds, by: Holder, wait: number): Promise<OwnApproval | Denied | null> {
    const { task, id } = ids
    const state = this.#trees.of(task)
    if (!state) return null
    const now = this.#trees.now(state)
    const refused = checkHolder(state, by, task, now)
    if (refused !== null) return refused === "stranger" ? null : refused
    const asked = this.#readOwn(ids, by)
    if (!asked || isDenied(asked) || asked.status !== "pending" || wait === 0) return asked
    const agent = state.tasks.get(task)?.historyKey ?? historyKeyOf("")
    const waiting = this.#trees.approvalWaits.until(id, agent, Math.min(wait, asked.expiresAt - now))
    if (!waiting) return asked
    await waiting
    const later = this.#readOwn(ids, by)
    return later && !isDenied(later) ? { ...later, hasWaited: true } : later
  }

  /** Its token may have ended while it waited, and the task with it. */
  #readOwn({ task, id }: ApprovalIds, by: Holder): OwnApproval | Denied | null {
    const state = this.#trees.of(task)
    const approval = state?.approvals.get(id)
    if (!state) return null
    const now = this.#trees.now(state)
    const token = state.tokens.get(by.token)
    if (token?.task !== task || now >= token.expiresAt) return deny({ reason: "token_unissued" })
    const ancestry = ancestryOf(state, task)
    const ended = mayContinue(state, ancestry, now) ? null : checkTaskAlive(state, ancestry, now)
    if (ended) return deny(ended)
    if (approval?.task !== task || now >= approval.expiresAt) return null
    const { name, status, uses, expiresAt, limitedBy } = approval
    return { name, status, uses, expiresAt, limitedBy, hasWaited: false }
  }

  answer(
    bundle: Bundle,
    { task, id }: ApprovalIds,
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
