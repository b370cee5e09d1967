/**
 * Trees that call under one shared limit, in a simulated time: the real count, the real way of borrowing of it, and
 * messages that take a while. What was denied is held against an exact window that sees each use at its own moment.
 */
import { Borrowing } from "../../src/core/guardrails/lending/borrowing.ts"
import { Lender } from "../../src/core/guardrails/lending/lender.ts"
import type { LentLimit, Settled, TakeAnswer } from "../../src/core/guardrails/lending/lending.ts"
import { START, type Use } from "./lending.ts"
import { randomOf } from "./random.ts"

export interface Load {
  readonly limit: LentLimit
  readonly trees: number
  /** Calls, as a share of what the limit allows in the long run. */
  readonly share: number
  /** Calls that one tree makes one right after the other. */
  readonly burst: number
  /** Milliseconds. */
  readonly lasts: number
  readonly seed: number
}

export interface LoadSeen {
  readonly calls: number
  readonly denied: number
  /** … of them, those for which there was room. */
  readonly deniedWithRoom: number
  /** Requests to the object. */
  readonly requests: number
  /** Whatever the object had granted, when it was used. */
  readonly uses: readonly Use[]
}

interface Tree {
  readonly holder: string
  readonly borrowing: Borrowing
  left: number
  isAsking: boolean
  waiting: number
  settled: Settled[]
}

/** Milliseconds that a message takes, one way. */
const DELAY = [1, 2, 4, 8] as const

export function underLoad({ limit, trees: count, share, burst, lasts, seed }: Load): LoadSeen {
  const random = randomOf(seed)
  const lender = new Lender(null)
  const clock = new Clock()
  const uses: Use[] = []
  const seen = { calls: 0, denied: 0, deniedWithRoom: 0, requests: 0 }
  const spanMs = limit.span.seconds * 1000
  const delay = (): number => DELAY[Math.floor(random() * DELAY.length)] ?? 1
  const trees = Array.from({ length: count }, (_, index): Tree => {
    const holder = `tree-${index}`
    return { holder, borrowing: new Borrowing(), left: 0, isAsking: false, waiting: 0, settled: [] }
  })

  /** As an exact window has it; of a bucket, what it holds. */
  const hasRoom = (now: number): boolean => {
    const { span } = limit
    if (span.kind === "bucket") return tokensAt(uses, limit.limit, span.burst, spanMs, now) >= 1
    const from = span.kind === "sliding" ? now - spanMs + 1 : now - (now % spanMs)
    let used = 0
    for (let index = uses.length - 1; index >= 0; index--) {
      const { at, count } = uses[index] ?? { at: 0, count: 0 }
      // Not quite in order: of what was granted at once, some arrives later.
      if (at < from - 100) break
      if (at >= from) used += count
    }
    return used + 1 <= limit.limit
  }

  const settle = (tree: Tree): void => {
    const { settled } = tree
    if (settled.length === 0) return
    tree.settled = []
    seen.requests += 1
    clock.at(clock.now + delay(), () => lender.settle(tree.holder, settled, clock.now))
  }

  const watch = (tree: Tree): void => {
    const { dueAt } = tree.borrowing
    if (dueAt === null) return
    clock.at(Math.max(clock.now, dueAt), () => {
      tree.settled.push(...tree.borrowing.usedUp(tree.left))
      if (tree.borrowing.isDue(clock.now)) {
        tree.settled.push(...tree.borrowing.returnUnusedCredit(tree.left))
        tree.left = 0
      }
      settle(tree)
    })
  }

  const answered = (tree: Tree, id: string, answer: TakeAnswer): void => {
    tree.isAsking = false
    if (answer.granted === 1) tree.borrowing.exact(1, answer.lasts, clock.now)
    else if (answer.granted === null) seen.denied += 1
    else {
      tree.borrowing.add(id, answer.granted, answer.lasts, clock.now)
      tree.left += answer.granted
      use(tree)
      watch(tree)
    }
    const { waiting } = tree
    tree.waiting = 0
    for (let index = 0; index < waiting; index++) call(tree)
  }

  const use = (tree: Tree): void => {
    tree.left -= 1
    uses.push({ at: clock.now, count: 1 })
    tree.settled.push(...tree.borrowing.usedUp(tree.left))
  }

  const call = (tree: Tree): void => {
    if (tree.left > 0) return use(tree)
    if (tree.isAsking) {
      tree.waiting += 1
      return
    }
    tree.isAsking = true
    const askedAt = clock.now
    const { settled, holder } = tree
    tree.settled = []
    const want = tree.borrowing.want(1, tree.waiting, askedAt)
    const take = { id: crypto.randomUUID(), holder, limit, amount: 1, want, least: 1, settled }
    seen.requests += 1
    clock.at(askedAt + delay(), () => {
      const answer = lender.take(take, clock.now)
      if (answer.granted === null && hasRoom(clock.now)) seen.deniedWithRoom += 1
      if (answer.granted === 1) uses.push({ at: answer.since, count: 1 })
      lender.drain()
      clock.at(clock.now + delay(), () => answered(tree, take.id, answer))
    })
  }

  const perMs = (limit.limit * share) / spanMs / burst
  for (let at = START - Math.log(1 - random()) / perMs; at < START + lasts; at -= Math.log(1 - random()) / perMs) {
    const tree = trees[Math.floor(random() * count)]
    for (let index = 0; tree && index < burst; index++) {
      seen.calls += 1
      clock.at(Math.floor(at), () => call(tree))
    }
  }
  clock.run()
  return { ...seen, uses }
}

/** What a bucket holds that was full before the first use. */
function tokensAt(uses: readonly Use[], limit: number, burst: number, spanMs: number, now: number): number {
  // Whatever was so long ago has flowed in again, or the bucket was empty meanwhile: begin where it is full for certain.
  let [level, at] = [burst, START]
  for (const use of uses) {
    level = Math.min(burst, level + (Math.max(0, use.at - at) * limit) / spanMs) - use.count
    at = Math.max(at, use.at)
  }
  return Math.min(burst, level + (Math.max(0, now - at) * limit) / spanMs)
}

/** A time that passes from event to event. */
class Clock {
  now = START
  #order = 0
  readonly #events: { readonly at: number; readonly order: number; readonly run: () => void }[] = []

  at(at: number, run: () => void): void {
    const event = { at, order: this.#order++, run }
    let [low, high] = [0, this.#events.length]
    // Latest first: the next is the last.
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.#events[middle]
      if (other && (other.at > at || (other.at === at && other.order > event.order))) low = middle + 1
      else high = middle
    }
    this.#events.splice(low, 0, event)
  }

  run(): void {
    for (let next = this.#events.pop(); next; next = this.#events.pop()) {
      this.now = Math.max(this.now, next.at)
      next.run()
    }
  }
}
