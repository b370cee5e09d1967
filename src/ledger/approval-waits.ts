/**
 * Agents that wait until people have decided on a call. A wait is a promise in memory: it reads no storage, and costs
 * nothing but the request that it answers. An object that is evicted loses its waits, and their clients ask again.
 */
import type { HistoryKey } from "../core/guardrails/history-key.ts"

/** Waits of an agent, and of all agents of a ledger, at a time: each is a request that the object holds open. */
export const MAX_WAITS = {
  agent: 8,
  ledger: 64,
} as const

export class ApprovalWaits {
  /** By the id of the approval; each wakes one. */
  readonly #waiting = new Map<string, Set<() => void>>()
  readonly #ofAgents = new Map<HistoryKey, number>()

  /**
   * Resolves when the approval is decided or withdrawn, at the latest after `ms`.
   * @returns null if too many wait already
   */
  until(approval: string, agent: HistoryKey, ms: number): Promise<void> | null {
    const ofAgent = this.#ofAgents.get(agent) ?? 0
    const all = this.#ofAgents.values().reduce((sum, each) => sum + each, 0)
    if (ofAgent >= MAX_WAITS.agent || all >= MAX_WAITS.ledger) return null
    this.#ofAgents.set(agent, ofAgent + 1)
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(approval) ?? new Set()
      const end = (): void => {
        clearTimeout(timer)
        waiting.delete(end)
        if (waiting.size === 0) this.#waiting.delete(approval)
        const left = (this.#ofAgents.get(agent) ?? 1) - 1
        if (left === 0) this.#ofAgents.delete(agent)
        else this.#ofAgents.set(agent, left)
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#waiting.set(approval, waiting.add(end))
    })
  }

  wake(approval: string): void {
    for (const end of this.#waiting.get(approval) ?? []) end()
  }
}
