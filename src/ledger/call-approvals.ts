/**
 * What people are asked about single calls of a tree, told to them and answered by them, and the lists in which they find
 * it. Asking, and using what they said, is the call's own step (calls.ts).
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

  /** What people were asked about single calls of a task and of those below it, and can still be asked. */
  of(task: string): readonly Approval[] | null {
    const { state } = this.#tree
    if (!state?.tasks.has(task)) return null
    const now = this.#tree.now(state)
    return [...state.approvals.values()].filter(
      (each) => (each.task === task || isBelow(each.task, task)) && now < each.expiresAt,
    )
  }

  /** Of these questions, those that are asked of this person, and those that nobody can answer any more. */
  waitingFor(bundle: Bundle, ids: readonly string[], answering: Answering): Waiting {
    const { state } = this.#tree
    if (!state) return { waiting: [], gone: ids }
    const now = this.#tree.now(state)
    const pending = ids.flatMap((id) => {
      const asked = state.approvals.get(id)
      return asked?.status === "pending" && now < asked.expiresAt ? [asked] : []
    })
    const open = pending.filter(({ task }) => mayGoOn(state, ancestryOf(state, task), now))
    const waiting = open.filter((asked) => {
      const isAsked = this.#whyNotAsked(bundle, state, asked, answering) === null
      return isAsked && !asked.votes.some(({ by }) => by === nameOf(answering))
    })
    const shown = waiting.map((asked): WaitingCall => {
      const isNow = isAlive(state, ancestryOf(state, asked.task), now)
      return { asked, unanswerable: isNow ? null : "frozen" }
    })
    return { waiting: shown, gone: ids.filter((id) => !open.some((asked) => asked.id === id)) }
  }

  /**
   * One question, for who is asked, or may see all.
   * @param answering whom an answer would be by
   */
  shown(
    bundle: Bundle,
    { task, id }: { readonly task: string; readonly id: string },
    seesAll: boolean,
    answering: Answering,
  ): ShownApproval | null {
    const { state } = this.#tree
    const asked = state?.approvals.get(id)
    const now = state ? this.#tree.now(state) : 0
    if (!state || asked?.task !== task || now >= asked.expiresAt) return null
    const why = this.#whyNotAsked(bundle, state, asked, answering)
    if (why !== null && !seesAll) return null
    const unanswerable = why ?? whyOver(state, asked, nameOf(answering), now)
    return { asked, risk: riskOf(state, ancestryOf(state, task), NOTHING_TOLD, now), unanswerable }
  }

  answer(
    bundle: Bundle,
    { task, id }: { readonly task: string; readonly id: string },
    vote: Omit<Vote, "by" | "at">,
    answering: Answering,
    record: DecisionRecord,
  ): Approval | Unanswerable | NotAsked | "frozen" {
    const { state, storage, outbox, notices, questions } = this.#tree
    const asked = state?.approvals.get(id)
    if (!state || asked?.task !== task) return "unknown"
    const now = this.#tree.now(state)
    const why = this.#whyNotAsked(bundle, state, asked, answering)
    if (why) return why
    const ancestry = ancestryOf(state, task)
    if (!isAlive(state, ancestry, now)) return mayGoOn(state, ancestry, now) ? "frozen" : "expired"
    const approval = voted(asked, { ...vote, by: nameOf(answering) }, now)
    if (typeof approval === "string") return approval
    const { tool, guardrail, name, status, uses, shown } = approval
    const told = { ...record.arguments, guardrail, name, status, uses }
    // Rules for managing say who may be an operator, not who approves by name.
    const rules = name === null ? record.rules : []
    this.#tree.transaction(true, () => {
      storage.saveApproval(approval, now)
      notices.keep(callAnswered(approval, record.id, now))
      outbox.keep(
        this.#tree.withNumber({ ...record, tool, rules, chain: shown.chain, user: shown.user, arguments: told }),
      )
    })
    applyApproval(state, approval)
    if (status !== "pending") questions.withdraw([approval])
    return approval
  }

  #whyNotAsked(bundle: Bundle, state: TreeState, asked: Approval, answering: Answering): NotAsked | null {
    const owner = bundle.agents.get(asked.shown.agent)?.owner ?? null
    return whyNotAsked(bundle, asked, owner, state.user && userId(state.user), answering)
  }
}

function whyOver(state: TreeState, asked: Approval, by: string, now: number): ShownApproval["unanswerable"] {
  const ancestry = ancestryOf(state, asked.task)
  if (!isAlive(state, ancestry, now)) return mayGoOn(state, ancestry, now) ? "frozen" : "expired"
  const would = voted(asked, { by, approved: true, uses: null }, now)
  return typeof would === "string" ? would : null
}
