/**
 * The tokens of all trees of a ledger, counted by the agent to whom they were issued. Each tree has its own tokens
 * (`TreeState.tokens`), which change here only.
 */
import { Shares } from "./shares.ts"
import type { TreeState } from "./state.ts"
import type { IssuedToken } from "./task.ts"
import { historyKeyOf, type HistoryKey } from "../guardrails/history-key.ts"

/** A token takes a few hundred bytes of its ledger's memory. */
export const MAX_LIVE_TOKENS = {
  agent: 16_384,
  ledger: 32_768,
} as const

export class LiveTokens {
  readonly #shares = new Shares()
  readonly #trees = new Map<string, TreeState>()

  add(tree: TreeState, jti: string, token: IssuedToken): void {
    tree.tokens.set(jti, token)
    this.#trees.set(jti, tree)
    this.#shares.add(agentOf(tree, token), jti, token.expiresAt)
  }

  drop(tree: TreeState, jti: string): void {
    const token = tree.tokens.get(jti)
    if (!token) return
    tree.tokens.delete(jti)
    this.#trees.delete(jti)
    this.#shares.remove(agentOf(tree, token), jti)
  }

  dropAll(tree: TreeState): void {
    for (const jti of tree.tokens.keys()) this.drop(tree, jti)
  }

  /**
   * The tree has ended and leaves memory: its tokens open nothing, so they count no more, and nothing here holds the
   * tree. It keeps them itself, as its storage does for an hour; how many that are is bounded by the trees that an agent
   * may open in a minute.
   */
  release(tree: TreeState): void {
    for (const [jti, token] of tree.tokens) {
      this.#trees.delete(jti)
      this.#shares.remove(agentOf(tree, token), jti)
    }
  }

  /**
   * Drops tokens that have expired: the agent's own, or those of all agents if there is no more room in the ledger or in
   * the tree.
   */
  expire(tree: TreeState, mostOfTree: number, agent: HistoryKey, now: number): void {
    const isShort = tree.tokens.size >= mostOfTree || this.#shares.total >= MAX_LIVE_TOKENS.ledger
    const expired = isShort ? this.#shares.expireAll(now) : this.#shares.expire(agent, now)
    for (const jti of expired) {
      this.#trees.get(jti)?.tokens.delete(jti)
      this.#trees.delete(jti)
    }
  }

  /** Milliseconds since the epoch, from when the agent can have one more. Null if it can have one now. */
  fullUntil(agent: HistoryKey): number | null {
    // What has expired has been dropped (`expire`).
    return this.#shares.isFull(agent, MAX_LIVE_TOKENS, Number.NEGATIVE_INFINITY) ? this.#shares.firstOf(agent) : null
  }
}

function agentOf({ tasks }: TreeState, { task }: IssuedToken): HistoryKey {
  return tasks.get(task)?.historyKey ?? historyKeyOf("")
}
