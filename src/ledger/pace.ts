/**
 * How fast each agent calls its ledger, in memory alone. A ledger decides one call after the other, so an agent that
 * sends more than it can take would delay all of its neighbours. Each call adds one to what drains at a steady rate, and
 * more if it takes work; a burst of a few seconds passes.
 */
import { Work } from "../core/encoding/work.ts"
import type { Denial } from "../core/denials/denial.ts"
import type { TreeState } from "../core/task/state.ts"
import type { HistoryKey } from "../core/guardrails/history-key.ts"

/** Calls a second that an agent, and all agents of a ledger, may send for long. */
export const MAX_PACE = {
  agent: 4_000,
  ledger: 8_000,
} as const
/**
 * Units of work (core/encoding/work.ts) that count as one more call: calls that take as much work as a call may count
 * 121 times, so that an agent has a fourth of a ledger's time for them.
 */
const UNITS_OF_CALL = 6_250
/** Units of each character of the arguments. */
const UNITS_OF_CHARACTER = 2
/** So many seconds' calls may come at once. */
const BURST_SECONDS = 5
/** Seconds: by then there is room for as many calls as in any second. */
const RETRY_AFTER = 1

export class CallPace {
  readonly #agents = new Map<HistoryKey, Bucket>()
  readonly #ledger = new Bucket(MAX_PACE.ledger)

  /**
   * Counts a call that presents a token of the tree; the edge has verified whose. One that the ledger did not issue
   * counts for nobody, because its holder must not use up what the agent may send.
   * @param characters of its arguments, which are read, and hashed for its record
   * @returns why it is denied without a further look. Null if it is not
   */
  deny(tree: TreeState, token: string, task: string, now: number, characters = 0): Denial | null {
    const { tokens, tasks } = tree
    const agent = tokens.get(token)?.task === task ? tasks.get(task)?.historyKey : undefined
    if (agent === undefined) return null
    let bucket = this.#agents.get(agent)
    if (!bucket) this.#agents.set(agent, (bucket = new Bucket(MAX_PACE.agent)))
    if (!bucket.take(now)) return { reason: "agent_too_fast", limit: MAX_PACE.agent, retry_after: RETRY_AFTER }
    if (!this.#ledger.take(now)) return { reason: "ledger_overloaded" }
    if (characters > 0) this.draw(tree, task, characters * UNITS_OF_CHARACTER)
    return null
  }

  /**
   * Runs a step of a call of the task, and counts the work that it takes, whatever is decided.
   * @param work of the steps before it
   */
  metered<Result>(state: TreeState, task: string, step: (work: Work) => Result, work: Work = new Work()): Result {
    const before = work.spent
    const result = step(work)
    if (work.spent > before) this.draw(state, task, work.spent - before)
    return result
  }

  draw({ tasks }: TreeState, task: string, units: number): void {
    const agent = tasks.get(task)?.historyKey
    if (agent === undefined) return
    this.#agents.get(agent)?.add(units / UNITS_OF_CALL)
    this.#ledger.add(units / UNITS_OF_CALL)
  }
}

class Bucket {
  readonly #perSecond: number
  #level = 0
  #at = 0

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  /** @returns false if there is no room for one more call */
  take(now: number): boolean {
    // The ledger's clock may have been set back.
    const passed = now > this.#at ? now - this.#at : 0
    const left = this.#level - (passed * this.#perSecond) / 1000
    this.#level = left > 0 ? left : 0
    this.#at = now
    if (this.#level > this.#perSecond * BURST_SECONDS - 1) return false
    this.#level += 1
    return true
  }

  add(calls: number): void {
    this.#level += calls
  }
}
