/**
 * An agent's partitions, each a ledger of its own (core/task/home.ts). The first of them knows how many there are. Before
 * another one opens its first task it requests the labels of the first. If the number has changed, the first has by then
 * collected what all the previous others carry, and sent all of it back to each of them. A partition that has been
 * collected from opens no task before it has requested the labels again. It sends the first what it picks up while that
 * may concern an instance which works elsewhere now.
 */
import { oauthError, type OAuthFailure } from "../core/denials/oauth-error.ts"
import { LENDING_VERSION } from "../core/guardrails/lending/lending.ts"
import type { Limit } from "../core/guardrails/limit-definition.ts"
import { countedOf } from "../core/guardrails/limit-meter.ts"
import type { Demand } from "../core/guardrails/meter/meter.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { CHANGE_LASTS_MS, isAtHome, mostPartitions, type Home, type Partition } from "../core/task/home.ts"
import { beyondIsolation, carriedIn, type Carried } from "../core/task/labels.ts"
import { USER_SCOPE } from "../core/task/memories.ts"
import type { OpenRequest } from "../core/task/open-request.ts"
import { otherThanFirst, type AgentLedgers } from "./agent-ledgers.ts"
import { askStub } from "./ask.ts"
import { ledgerOf } from "../platform/task-id.ts"
import { LEDGER_VERSION, type Joined, type NoBundle } from "./protocol.ts"
import type { Trees } from "./trees.ts"
import { historyKeyOf, type HistoryKey } from "../core/guardrails/history-key.ts"

const ONE: Partition = { index: 0, of: 1 }
/** For the first partition it is the first step of a change; the others have had theirs then. Milliseconds. */
const COLLECTED_WITHIN_MS = 2_000
const JOINED_WITHIN_MS = 4_000

const UNAVAILABLE = oauthError({ reason: "unavailable" })

/** Whether it opens a tree of the agent on nobody's behalf. */
export function isForNobody({ user, parent, task }: OpenRequest): boolean {
  return !user && !parent && task === null
}

export class Partitions {
  readonly #trees: Trees
  readonly #others: AgentLedgers
  readonly #env: Env
  #collecting: Promise<boolean> | null = null
  /** Milliseconds since the epoch: the last change that this ledger was told of in this life, even if it stores nothing. */
  #toldOf = 0

  constructor(trees: Trees, others: AgentLedgers, env: Env) {
    this.#trees = trees
    this.#others = others
    this.#env = env
  }

  /** @returns why the tree is not opened here */
  async ready(
    bundle: Bundle,
    pointer: Pointer,
    { agent: id, partition = ONE }: OpenRequest,
  ): Promise<OAuthFailure | NoBundle | null> {
    // The Worker has chosen the partition by an older bundle.
    if ((bundle.agents.get(id)?.partitions ?? 1) !== partition.of) return UNAVAILABLE
    if (isAtHome(this.#home, partition)) return null
    const { index, of } = partition
    const agent = historyKeyOf(id)
    if (index === 0) {
      const joined = await this.join(LEDGER_VERSION, agent, of, pointer)
      return joined ? ("bundle" in joined ? joined : null) : UNAVAILABLE
    }
    const joined = await askStub(
      () => ledgerOf(this.#env, { agent }),
      async (ledger) => ({ answer: await ledger.join(LEDGER_VERSION, agent, of, pointer) }),
      JOINED_WITHIN_MS,
    )
    const answer = joined?.answer
    if (!answer) return UNAVAILABLE
    if ("bundle" in answer) return answer
    const { changedAt, carried } = answer
    const home: Home = { agent, index, of, changedAt, isCurrent: false, before: null }
    return (await this.#adopt(carried, home)) && this.#makeCurrent(home) ? null : UNAVAILABLE
  }

  /** Asked of the first partition, by another one that is to open a task for the first time since the number changed. */
  async join(version: number, agent: HistoryKey, of: number, pointer: Pointer): Promise<Joined | NoBundle | null> {
    if (version !== LEDGER_VERSION) return null
    const known = this.#home
    if (known ? known.of !== of : of !== 1) {
      const bundle = known?.before?.bundle
      // An isolate with an older bundle must not undo what a newer one has changed.
      if (bundle && pointer.seq < bundle.seq) return { bundle: "stale", newest: bundle }
      // An agent that has done nothing yet has nothing that could have to pass.
      const first = this.#trees.state ? 0 : CHANGE_LASTS_MS
      const changedAt = Math.max(Date.now() - first, (known?.changedAt ?? 0) + 1)
      const before = { of: known ? mostPartitions(known, changedAt) : 1, bundle: pointer }
      this.#others.keep([], { agent, index: 0, of, changedAt, isCurrent: false, before })
    }
    const home = this.#home
    if (home && !home.isCurrent) {
      this.#collecting ??= this.#collect(home)
      const isCollected = await this.#collecting.finally(() => (this.#collecting = null))
      if (!isCollected) return null
    }
    const { state } = this.#trees
    if (!state?.home?.isCurrent || state.home.of !== of) return null
    return { changedAt: state.home.changedAt, carried: carriedIn(state, this.#trees.now({ ledger: state })) }
  }

  /** @returns whether all previous partitions have answered, and now have all labels, as this one has */
  async #collect(home: Home): Promise<boolean> {
    const { agent, before, changedAt } = home
    const indices = otherThanFirst(before?.of ?? 1)
    const found = await Promise.all(
      indices.map(async (partition) =>
        askStub(
          () => ledgerOf(this.#env, { agent, partition }),
          async (ledger) => ({ carried: await ledger.part(LEDGER_VERSION, changedAt) }),
          COLLECTED_WITHIN_MS,
        ),
      ),
    )
    const carried = found.flatMap((each) => each?.carried ?? [])
    const isWhole = found.every((each) => each !== null && each.carried !== null)
    return (
      isWhole && (await this.#adopt(carried, home)) && (await this.#sendBack(indices, home)) && this.#makeCurrent(home)
    )
  }

  /**
   * Earlier tasks go on in their partitions. From now on those receive what is picked up, but only what is new here: so
   * they have to have all that this ledger has already.
   */
  async #sendBack(partitions: readonly number[], home: Home): Promise<boolean> {
    const { state } = this.#trees
    const carried = state ? carriedIn(state, this.#trees.now({ ledger: state })) : []
    return carried.length === 0 || this.#others.notifyEach(partitions, home, carried, [home.agent])
  }

  /** @returns whether the ledger has these labels now, with all that follows from them */
  async #adopt(carried: readonly Carried[], { agent }: Home): Promise<boolean> {
    return carried.length === 0 || this.#others.adopt(carried.map(beyondIsolation), [agent])
  }

  /** @returns whether the ledger may open tasks from now on: not if the number has changed again meanwhile */
  #makeCurrent(home: Home): boolean {
    if (Math.max(this.#home?.changedAt ?? 0, this.#toldOf) > home.changedAt) return false
    this.#others.keep([], { ...home, isCurrent: true })
    return true
  }

  /** Asked of another partition than the first: the number has changed. A ledger that has never been used stays so. */
  part(version: number, changedAt: number): readonly Carried[] | null {
    if (version !== LEDGER_VERSION) return null
    this.#toldOf = changedAt
    const { state } = this.#trees
    if (!state) return []
    if (state.home) this.#others.keep([], { ...state.home, changedAt, isCurrent: false })
    return carriedIn(state, this.#trees.now({ ledger: state }))
  }

  /** What this ledger has counted of its agent before that had others; it counts no more of it (`CreditHolder`). */
  async countedAlone(version: number, limit: Limit, key: string): Promise<Demand | null> {
    const { state } = this.#trees
    if (version !== LENDING_VERSION || !state?.home) return null
    return countedOf(state.memories.of(USER_SCOPE), limit, key, this.#trees.now({ ledger: state }))
  }

  get #home(): Home | null {
    return this.#trees.state?.home ?? null
  }
}
