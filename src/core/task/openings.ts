/**
 * How many task trees each agent has open in its ledger, and how fast it opens them (`trees` of agents.yaml). The ledger
 * counts them in the step that opens one, so the limits are exact. After a crash the tasks' own rows tell them.
 */
import type { Bundle } from "../policy/assemble.ts"
import type { OpeningLimits } from "../policy/definition/agents.ts"
import { oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import { Shares } from "./shares.ts"
import type { LedgerState, TreeState } from "./state.ts"
import type { Task } from "./task.ts"
import { historyKeyOf, type HistoryKey } from "../guardrails/history-key.ts"

/** Milliseconds, for which an opening counts. */
export const OPENINGS_COUNT_MS = 60_000

/** Among what this tree counts: among requests until its person, who is elsewhere, has consented. */
export function openingsOf({ ledger, consent }: Pick<TreeState, "ledger" | "consent">): Openings {
  return isRequest({ consent }) ? ledger.requests : ledger.openings
}

/** Among whose bytes those of this tree's tasks count. */
export function bytesOf({ ledger, consent }: Pick<TreeState, "ledger" | "consent">): Shares {
  return isRequest({ consent }) ? ledger.requestBytes : ledger.liveBytes
}

/**
 * Why this agent cannot have one more now. Null if it can.
 * @param underWay as many more are being made, and count already
 */
export function whyFull(
  openings: Openings,
  { agents }: Bundle,
  agent: string,
  now: number,
  underWay = 0,
): OAuthFailure | null {
  const definition = agents.get(agent)
  if (!definition) return oauthError({ reason: "agent_unregistered", agent })
  const { live, per_minute } = definition.trees
  return openings.whyFull(historyKeyOf(agent), { live: live - underWay, per_minute: per_minute - underWay }, now)
}

export class Openings {
  /** Root tasks that have not ended. */
  readonly #live = new Shares()
  /** By agent: when it opened each tree of the last minute, in milliseconds, oldest first. Null until it is needed. */
  #recent: Map<HistoryKey, RecentTimes> | null = null
  /** Those of earlier lives of the ledger, oldest first. */
  #earlier: () => readonly EndedOpening[] = () => []

  /** Why the agent cannot open one more tree now. Null if it can. */
  whyFull(agent: HistoryKey, { live, per_minute }: OpeningLimits, now: number): OAuthFailure | null {
    if (per_minute <= 0) return tooMany("rate", 0)
    // The earliest of as many openings as are allowed has to be a minute ago.
    const earliest = this.#times()
      .get(agent)
      ?.last(per_minute, now - OPENINGS_COUNT_MS)
    if (earliest !== undefined) return tooMany("rate", earliest + OPENINGS_COUNT_MS - now)
    this.#live.expire(agent, now)
    return this.#live.of(agent) < live ? null : tooMany("live", (this.#live.firstOf(agent) ?? now) - now)
  }

  add(root: Task): void {
    this.extend(root)
    addTo(this.#times(), root)
  }

  /** @param read receives openings of earlier lives, oldest first, when an agent opens its next tree: no call waits for it */
  countLater(read: () => readonly EndedOpening[]): void {
    this.#earlier = read
  }

  #times(): Map<HistoryKey, RecentTimes> {
    if (this.#recent) return this.#recent
    const times = (this.#recent = new Map<HistoryKey, RecentTimes>())
    for (const opening of this.#earlier()) addTo(times, opening)
    return times
  }

  /** The tree lives, or lives longer as a person has consented to it: it is no further opening. */
  extend({ id, historyKey, expiresAt }: Task): void {
    this.#live.add(historyKey, id, expiresAt)
  }

  /** The tree has ended; its opening still counts for a minute. */
  end({ id, historyKey }: Task): void {
    this.#live.remove(historyKey, id)
  }
}

/** What still counts of the opening of a tree that has ended. */
export interface EndedOpening {
  readonly historyKey: HistoryKey
  /** Milliseconds since the epoch. */
  readonly openedAt: number
  readonly isRequest: boolean
}

export function endedOpening(tree: TreeState): EndedOpening | null {
  const root = tree.tasks.get(tree.root)
  return root ? { historyKey: root.historyKey, openedAt: root.openedAt, isRequest: isRequest(tree) } : null
}

/**
 * After waking: counts the trees that were loaded, and their tasks.
 * @param ended reads those of trees that have ended which may count, except for these roots
 */
export function countTrees(ledger: LedgerState, ended: (roots: ReadonlySet<string>) => readonly EndedOpening[]): void {
  const { trees, clock, liveTasks } = ledger
  for (const tree of trees.values()) {
    for (const { id, historyKey, status, expiresAt, bytes } of tree.tasks.values()) {
      if (status === "completed" || status === "revoked" || clock >= expiresAt || hasMoved(tree)) continue
      if (status !== "pending") liveTasks.add(historyKey, id, expiresAt)
      bytesOf(tree).add(historyKey, id, expiresAt, bytes)
    }
  }
  const opened: EndedOpening[] = []
  for (const tree of trees.values()) {
    const [opening, root] = [endedOpening(tree), tree.tasks.get(tree.root)]
    if (!opening || !root) continue
    opened.push(opening)
    const isOver = root.status === "completed" || root.status === "revoked" || clock >= root.expiresAt || hasMoved(tree)
    if (!isOver) openingsOf(tree).extend(root)
  }
  const roots = new Set(trees.keys())
  for (const [openings, isOfRequests] of [
    [ledger.openings, false],
    [ledger.requests, true],
  ] as const)
    openings.countLater(() => {
      const all = [...opened, ...ended(roots)].filter((each) => each.isRequest === isOfRequests)
      return all
        .filter(({ openedAt }) => openedAt > clock - OPENINGS_COUNT_MS)
        .toSorted((one, other) => one.openedAt - other.openedAt)
    })
}

/** Whether the tree is a request that was granted: the task goes on in the ledger of its person. */
export function hasMoved({ consent }: Pick<TreeState, "consent">): boolean {
  return isRequest({ consent }) && consent?.isRedeemed === true
}

/**
 * Whether the tree is a request to a person who is elsewhere. It waits in its agent's ledger and opens a task in the
 * person's, so nothing that the agent's ledger knows is about it.
 */
export function isRequest({ consent }: Pick<TreeState, "consent">): boolean {
  return consent !== null && !consent.code
}

function addTo(
  times: Map<HistoryKey, RecentTimes>,
  { historyKey, openedAt }: Pick<EndedOpening, "historyKey" | "openedAt">,
): void {
  let recent = times.get(historyKey)
  if (!recent) times.set(historyKey, (recent = new RecentTimes()))
  recent.add(openedAt)
}

/** Times in ascending order, of which the oldest are dropped. */
class RecentTimes {
  #times: number[] = []
  /** How many of the first are dropped already: dropping them one by one would move all others each time. */
  #dropped = 0

  add(time: number): void {
    this.#times.push(time)
  }

  /**
   * The `nth` time from the end that is later than this; undefined if there is none. If the clock was set back, more
   * times stay, and the limit holds nevertheless.
   */
  last(nth: number, after: number): number | undefined {
    while ((this.#times[this.#dropped] ?? Number.POSITIVE_INFINITY) <= after) this.#dropped += 1
    if (this.#dropped > this.#times.length / 2) {
      this.#times = this.#times.slice(this.#dropped)
      this.#dropped = 0
    }
    return nth > this.#times.length - this.#dropped ? undefined : this.#times.at(-nth)
  }
}

function tooMany(what: "live" | "rate", milliseconds: number): OAuthFailure {
  return oauthError({ reason: "too_many_tasks", what, retry_after: Math.max(1, Math.ceil(milliseconds / 1000)) })
}
