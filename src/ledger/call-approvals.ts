/**
 * Approvals of single calls of a tree: which are pending, the answers to them, and the inboxes that list them. The
 * call's own step (calls.ts) requests an approval and uses it.
 */
import { voted, type Approval, type Unanswerable, type Vote } from "../core/task/approval.ts"
import { nameOf, whyNotAsked, type Answering, type NotAsked } from "../core/task/approvers.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import { riskOf } from "../core/decision/risk.ts"
import { NOTHING_TOLD } from "../core/guardrails/risk.ts"
import { callAnswered } from "../core/notices/notice.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { userId } from "../core/policy/principals.ts"
import type { ShownApproval, Waiting, WaitingCall } from "./protocol.ts"
import { isAlive, isBelow, ancestryOf, mayGoOn, type TreeState } from "../core/task/state.ts"
import { applyApproval } from "../core/task/transition.ts"
import type { Tree } from "./tree.ts"

export class CallApprovals {
  readonly #tree: Tree

  constructor(tree: Tree) {
    this.#tree = tree
  }

  /** Approvals of single calls of a task and of those below it that are pending. */
  of(task: string): readonly Approval[] | null {
    const { state } = this.#tree
    if (!state?.tasks.has(task)) return null
    const now = this.#tree.now(state)
    return [...state.approvals.values()].filter(
      (each) => (each.task === task || isBelow(each.task, task)) && now < each.expiresAt,
    )
  }

  /** Of these approvals, those that this person may answer, and those that nobody can answer any more. */
  waitingFor(bundle: Bundle, ids: readonly string[], answering: Answering): Waiting {
    const { state } = this.#tree
    if (!state) return { waiting: [], gone: ids }
    const now = this.#tree.now(state)
    const pending = ids.flatMap((id) => {
      const approval = state.approvals.get(id)
      return approval?.status === "pending" && now < approval.expiresAt ? [approval] : []
    })
    const open = pending.filter(({ task }) => mayGoOn(state, ancestryOf(state, task), now))
    const waiting = open.filter((approval) => {
      const isAsked = this.#whyNotAsked(bundle, state, approval, answering) === null
      return isAsked && !approval.votes.some(({ by }) => by === nameOf(answering))
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
    answering: Answering,
  ): ShownApproval | null {
    const { state } = this.#tree
    const approval = state?.approvals.get(id)
    const now = state ? this.#tree.now(state) : 0
    if (!state || approval?.task !== task || now >= approval.expiresAt) return null
    const why = this.#whyNotAsked(bundle, state, approval, answering)
    if (why !== null && !seesAll) return null
    const unanswerable = why ?? whyOver(state, approval, nameOf(answering), now)
    return { asked: approval, risk: riskOf(state, ancestryOf(state, task), NOTHING_TOLD, now), unanswerable }
  }

  answer(
    bundle: Bundle,
    { task, id }: { readonly task: string; readonly id: string },
    vote: Omit<Vote, "by" | "at">,
    answering: Answering,
    record: DecisionRecord,
  ): Approval | Unanswerable | NotAsked | "frozen" {
    const { state, storage, outbox, notices, questions } = this.#tree
    const pending = state?.approvals.get(id)
    if (!state || pending?.task !== task) return "unknown"
    const now = this.#tree.now(state)
    const why = this.#whyNotAsked(bundle, state, pending, answering)
    if (why) return why
    const ancestry = ancestryOf(state, task)
    if (!isAlive(state, ancestry, now)) return mayGoOn(state, ancestry, now) ? "frozen" : "expired"
    const approval = voted(pending, { ...vote, by: nameOf(answering) }, now)
    if (typeof approval === "string") return approval
    const { tool, guardrail, name, status, uses, shown } = approval
    const answered = { ...record.arguments, guardrail, name, status, uses }
    // Rules for managing say who may be an operator, not who approves by name.
    const rules = name === null ? record.rules : []
    this.#tree.transaction(true, () => {
      storage.saveApproval(approval, now)
      notices.keep(callAnswered(approval, record.id, now))
      outbox.keep(
        this.#tree.withNumber({ ...record, tool, rules, chain: shown.chain, user: shown.user, arguments: answered }),
      )
    })
    applyApproval(state, approval)
    if (status !== "pending") questions.withdraw([approval])
    return approval
  }

  #whyNotAsked(bundle: Bundle, state: TreeState, approval: Approval, answering: Answering): NotAsked | null {
    const owner = bundle.agents.get(approval.shown.agent)?.owner ?? null
    return whyNotAsked(bundle, approval, owner, state.user && userId(state.user), answering)
  }
}

function whyOver(state: TreeState, approval: Approval, by: string, now: number): ShownApproval["unanswerable"] {
  const ancestry = ancestryOf(state, approval.task)
  if (!isAlive(state, ancestry, now)) return mayGoOn(state, ancestry, now) ? "frozen" : "expired"
  const would = voted(approval, { by, approved: true, uses: null }, now)
  return typeof would === "string" ? would : null
}
