/**
 * What each agent has of something that its ledger keeps for all agents: open trees, tasks and their bytes, tokens. Each
 * item counts, as one or for its weight, until it is removed or its time has passed. Counting costs what changes, not
 * what there is: nothing is scanned.
 */
import type { HistoryKey } from "../guardrails/history-key.ts"

/** The most that one agent may have, and all agents of a ledger together. */
export interface ShareLimits {
  readonly agent: number
  readonly ledger: number
}

export class Shares<Agent extends string = HistoryKey> {
  readonly #ofAgents = new Map<Agent, Share>()
  #total = 0

  get total(): number {
    return this.#total
  }

  /** @param until milliseconds since the epoch; it and the weight replace those of an item that is there already */
  add(agent: Agent, item: string, until: number, weight = 1): void {
    let share = this.#ofAgents.get(agent)
    if (!share) this.#ofAgents.set(agent, (share = new Share()))
    this.#total += share.set(item, until, weight)
  }

  remove(agent: Agent, item: string): void {
    const share = this.#ofAgents.get(agent)
    this.#total -= share?.remove(item) ?? 0
    if (share?.weight === 0) this.#ofAgents.delete(agent)
  }

  of(agent: Agent): number {
    return this.#ofAgents.get(agent)?.weight ?? 0
  }

  /** Removes what has expired of this agent's. @returns those items */
  expire(agent: Agent, now: number): readonly string[] {
    const share = this.#ofAgents.get(agent)
    if (!share) return []
    const before = share.weight
    const expired = share.expire(now)
    this.#total -= before - share.weight
    if (share.weight === 0) this.#ofAgents.delete(agent)
    return expired
  }

  /** The same for all agents, at a cost of one comparison for each agent that has something. */
  expireAll(now: number): readonly string[] {
    return [...this.#ofAgents.keys()].flatMap((agent) => this.expire(agent, now))
  }

  untilOf(agent: Agent, item: string): number | null {
    return this.#ofAgents.get(agent)?.untilOf(item) ?? null
  }

  /** Milliseconds since the epoch, when the first of the agent's items expires. */
  firstOf(agent: Agent): number | null {
    return this.#ofAgents.get(agent)?.first ?? null
  }

  /**
   * Whether the agent can have no more, once what has expired is removed. If the ledger is full, an agent that
   * has its equal part of it, or more, is refused, and thus the agent that has most. An agent that has less still gets its
   * part. So a ledger with n agents never has more than 1 + ln n times its limit, and that only if they come one after
   * the other, each once the ledger is full.
   *
   * @param more the weight of the item that it would have
   */
  isFull(agent: Agent, limits: ShareLimits, now: number, more = 1): boolean {
    if (this.#total + more > limits.ledger) this.expireAll(now)
    else this.expire(agent, now)
    const own = this.of(agent)
    if (own + more > limits.agent) return true
    return this.#total + more > limits.ledger && own >= limits.ledger / Math.max(1, this.#ofAgents.size)
  }
}

/** What one agent has, and a binary heap of it by the time at which it expires. */
class Share {
  readonly #until = new Map<string, number>()
  /** Of items that do not count as one. */
  readonly #weights = new Map<string, number>()
  #weight = 0
  readonly #heap: { readonly item: string; readonly until: number }[] = []

  /** Of all items; each has one. */
  get weight(): number {
    return this.#weight
  }

  untilOf(item: string): number | undefined {
    return this.#until.get(item)
  }

  get first(): number | null {
    this.#dropRemoved()
    return this.#heap[0]?.until ?? null
  }

  /** @returns by how much more it all weighs */
  set(item: string, until: number, weight: number): number {
    const before = this.#until.get(item)
    const gained = weight - (before === undefined ? 0 : this.#weightOf(item))
    this.#weight += gained
    if (weight !== 1) this.#weights.set(item, weight)
    else if (this.#weights.size > 0) this.#weights.delete(item)
    if (before === until) return gained
    this.#until.set(item, until)
    this.#heap.push({ item, until })
    this.#rise(this.#heap.length - 1)
    // Items that were removed or have another time by now stay in the heap until they come first, or until they are
    // the greater part of it.
    if (this.#heap.length > 2 * this.#until.size + 16) this.#rebuild()
    return gained
  }

  /** @returns by how much less it all weighs */
  remove(item: string): number {
    if (!this.#until.delete(item)) return 0
    const weight = this.#weightOf(item)
    this.#weights.delete(item)
    this.#weight -= weight
    return weight
  }

  #weightOf(item: string): number {
    return this.#weights.get(item) ?? 1
  }

  expire(now: number): readonly string[] {
    const expired: string[] = []
    for (let first = this.first; first !== null && first <= now; first = this.first) {
      const { item } = this.#heap[0] ?? { item: "" }
      this.remove(item)
      expired.push(item)
    }
    return expired
  }

  #dropRemoved(): void {
    for (let top = this.#heap[0]; top && this.#until.get(top.item) !== top.until; top = this.#heap[0]) this.#pop()
  }

  #rebuild(): void {
    const entries = Array.from(this.#until, ([item, until]) => ({ item, until }))
    // A sorted list is a heap.
    this.#heap.splice(0, this.#heap.length, ...entries.toSorted((one, other) => one.until - other.until))
  }

  #pop(): void {
    const last = this.#heap.pop()
    if (!last || this.#heap.length === 0) return
    this.#heap[0] = last
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const child = this.#at(right) < this.#at(left) ? right : left
      if (this.#at(child) >= this.#at(at)) return
      this.#swap(at, child)
      at = child
    }
  }

  #rise(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1
      if (this.#at(parent) <= this.#at(at)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #at(index: number): number {
    return this.#heap[index]?.until ?? Number.POSITIVE_INFINITY
  }

  #swap(one: number, other: number): void {
    const [first, second] = [this.#heap[one], this.#heap[other]]
    if (!first || !second) return
    this.#heap[one] = second
    this.#heap[other] = first
  }
}
