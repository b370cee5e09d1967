/**
 * The inboxes in which people find a tree's approval requests. The ledger puts each request into the approvers'
 * inboxes. It withdraws the request once it is answered, or once nobody can answer it any more. An inbox has a limited
 * number of places for the requests of one agent. If an inbox fails, a request is only harder to find: its URL still
 * works.
 */
import type { Approval, InboxOf } from "../core/task/approval.ts"
import type { ApprovalWaits } from "./approval-waits.ts"
import { inboxOf, type Inbox } from "./inbox.ts"
import { logEvent } from "../platform/log.ts"
import { userId } from "../core/policy/principals.ts"
import type { TaskEnd } from "../core/task/change.ts"
import { ancestryOf, mayContinue, type TreeState } from "../core/task/state.ts"
import { historyKeyOf } from "../core/guardrails/history-key.ts"

export class ApprovalInboxes {
  readonly #waits: ApprovalWaits
  readonly #env: Env
  readonly #background: (work: Promise<unknown>) => void
  /** The latest message by inbox: a withdrawal must not arrive before what it withdraws. */
  readonly #latest = new Map<string, Promise<void>>()

  constructor(env: Env, waits: ApprovalWaits, background: (work: Promise<unknown>) => void) {
    this.#env = env
    this.#waits = waits
    this.#background = background
  }

  announce({ id, task, shown, inboxes, expiresAt }: Approval): void {
    for (const each of inboxes)
      this.#send(each, async (inbox) => inbox.putCall(id, task, historyKeyOf(shown.agent), expiresAt))
  }

  /** The agents that wait for these approvals stop waiting too. */
  withdraw(requests: readonly Approval[]): void {
    for (const { id } of requests) this.#waits.wake(id)
    const inboxes = new Map(
      requests.flatMap((approval) => approval.inboxes.map((each) => [JSON.stringify(each), each])),
    )
    for (const [name, each] of inboxes) {
      const ids = requests.filter((approval) => approval.inboxes.some((one) => JSON.stringify(one) === name))
      this.#send(each, async (inbox) => inbox.removeCalls(ids.map(({ id }) => id)))
    }
  }

  /**
   * Withdraws the approval requests of tasks that have ended, and of those below them. A quarantined task may be
   * released, so its requests stay. An end that changes nothing withdraws nothing, because an agent may repeat it any
   * number of times.
   * @param ended ids of the tasks that this very end has changed
   */
  withdrawEnded(state: TreeState, ended: readonly string[], { status }: TaskEnd, now: number): void {
    if (status === "quarantined" || ended.length === 0) return
    const isOver = ({ status: ofApproval, task }: Approval): boolean => {
      const ancestry = ancestryOf(state, task)
      return (
        ofApproval === "pending" && ancestry.some(({ id }) => ended.includes(id)) && !mayContinue(state, ancestry, now)
      )
    }
    this.withdraw([...state.approvals.values()].filter(isOver))
    const { root, consent } = state
    if (consent?.answer !== null || !ended.includes(root)) return
    this.#send({ user: userId(consent.user) }, async (inbox) => inbox.remove(root))
  }

  #send(to: InboxOf, work: (inbox: DurableObjectStub<Inbox>) => Promise<unknown>): void {
    const name = JSON.stringify(to)
    const sent = this.#after(this.#latest.get(name), async () => work(inboxOf(this.#env, to)))
    this.#latest.set(name, sent)
    this.#background(sent)
  }

  async #after(earlier: Promise<void> | undefined, work: () => Promise<unknown>): Promise<void> {
    await earlier
    try {
      await work()
    } catch (error) {
      logEvent("inbox_failed", { error: String(error) })
    }
  }
}
