/** When each tree that memory holds is to be looked at again. One alarm is set, for the first of them. */
import { Shares } from "../core/task/shares.ts"
import type { TreeState } from "../core/task/state.ts"

/** Expiry is judged when a call comes; the alarm, which only cleans up, is set for whole minutes. */
const ALARM_GRID_MS = 60_000
/** So many trees that have ended are in memory, for requests about them and retries of the call that finished a plan. */
export const MOST_ENDED = 4
/** All trees age alike, whichever agents they have. */
const AGEING = ""

/** Milliseconds since the epoch, of an alarm that is not before this time. */
export const coarse = (at: number): number => Math.ceil(at / ALARM_GRID_MS) * ALARM_GRID_MS
/** Milliseconds since the epoch. */
export const expiryOf = ({ tasks, root }: TreeState): number => tasks.get(root)?.expiresAt ?? 0

export class Ageing {
  readonly #times = new Shares<typeof AGEING>()

  constructor(trees: Iterable<TreeState> = []) {
    for (const tree of trees) this.add(tree)
  }

  /** It is to be looked at when it expires. */
  add(tree: TreeState): void {
    this.#times.add(AGEING, tree.root, expiryOf(tree))
  }

  remove(root: string): void {
    this.#times.remove(AGEING, root)
  }

  /** Roots of the trees that are to be looked at now, and are not any more. */
  due(now: number): readonly string[] {
    return this.#times.expire(AGEING, now)
  }

  /** Milliseconds since the epoch, when the first is due. Null if there is none. */
  get first(): number | null {
    return this.#times.firstOf(AGEING)
  }

  isFirst(root: string): boolean {
    return this.first === this.#times.untilOf(AGEING, root)
  }
}

/** Trees that have ended and that memory holds all the same. */
export class EndedTrees {
  readonly #drop: (tree: TreeState) => void
  /** The oldest first. */
  #trees: TreeState[] = []

  /** @param drop makes room */
  constructor(drop: (tree: TreeState) => void) {
    this.#drop = drop
  }

  add(tree: TreeState): void {
    this.#trees.push(tree)
    const oldest = this.#trees.length > MOST_ENDED ? this.#trees.shift() : undefined
    if (oldest) this.#drop(oldest)
  }

  clear(): void {
    this.#trees = []
  }
}
