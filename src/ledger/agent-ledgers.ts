/**
 * What an agent carries on nobody's behalf, in the ledgers of other agents. A tree without a user is in the ledger of
 * its root's agent; a sub-agent has a ledger of its own, in which its own trees are. So a ledger says of another agent
 * that it carries a label only once that agent's own ledger says so, and no step that depends on it is made before.
 */
import type { DecisionResult } from "../core/decision/call.ts"
import { resultWithoutChange } from "../core/decision/decide.ts"
import type { TaskChange } from "../core/task/change.ts"
import { mostPartitions, passesLabels, type Home } from "../core/task/home.ts"
import { beyondIsolation, carry, extending, withSubAgents, type Carried } from "../core/task/labels.ts"
import type { LedgerState, TreeState } from "../core/task/state.ts"
import { askStub } from "./ask.ts"
import { TIMEOUT_MS } from "./credit-request.ts"
import { ledgerOf, type LedgerStub } from "../platform/task-id.ts"
import { LEDGER_VERSION } from "./protocol.ts"
import type { Trees } from "./trees.ts"
import type { HistoryKey } from "../core/guardrails/history-key.ts"

/** Rounds in which a step tells other ledgers, if meanwhile its tree gets further agents. */
const MOST_ROUNDS = 4

/** A ledger without trees has been decided in by no bundle. */
const NO_BUNDLE = { seq: 0, digest: "" }

/** The ledger, which may be a new one that is not stored yet. */
export function ledgerIn(trees: Trees): LedgerState {
  return trees.newTreeState("", null, 0, NO_BUNDLE, { figuresHidden: new Set() }).ledger
}

/** The step adds labels that other ledgers do not know of yet: it has decided nothing. */
export interface Untold {
  readonly untold: readonly Carried[]
}

/** Of the labels that a step of this tree adds, those that have to be in another agent's, or partition's, ledger first. */
export function untoldOf({ user, root, tasks, ledger }: TreeState, carried: readonly Carried[]): readonly Carried[] {
  if (carried.length === 0 || user !== null) return []
  if (passesLabels(ledger.home, ledger.clock)) return carried
  const owner = tasks.get(root)?.historyKey
  return carried.filter(({ agent }) => agent !== owner)
}

/**
 * A decided call as far as other ledgers know of its labels. If they cannot be notified, a call that an observing gateway
 * lets happen picks its labels up all the same; the next pick-up tries again to tell the others.
 */
export function withoutUntold(
  state: TreeState,
  outcome: DecisionResult,
  mode: "enforce" | "observe",
  mayTell: boolean,
): DecisionResult | Untold {
  const { change, verdict, proof } = outcome
  const untold = untoldOf(state, change?.carried ?? [])
  const [first] = untold
  if (!first || !change) return outcome
  if (mayTell) return { untold }
  if (mode === "observe") return { ...outcome, change: withoutCarried(change, untold) }
  const denial = { reason: "agent_ledger_unavailable", agent: first.agent } as const
  return { ...resultWithoutChange(denial, verdict.evidence), proof }
}

export function withoutCarried(change: TaskChange, untold: readonly Carried[]): TaskChange {
  return { ...change, carried: change.carried.filter((each) => !untold.includes(each)) }
}

/** Indices of all other partitions than the first. */
export function otherThanFirst(partitions: number): readonly number[] {
  return Array.from({ length: partitions - 1 }, (_, index) => index + 1)
}

export class AgentLedgers {
  readonly #trees: Trees
  readonly #ctx: DurableObjectState
  readonly #env: Env

  constructor(trees: Trees, ctx: DurableObjectState, env: Env) {
    this.#trees = trees
    this.#ctx = ctx
    this.#env = env
  }

  /**
   * Repeats a step until the ledgers that it has to tell know of everything.
   * @param step receives whether it may tell others; if not, it has nothing untold
   */
  async tellBefore<Answer extends object>(
    first: Answer | Untold | Promise<Answer | Untold>,
    step: (mayTell: boolean) => Answer | Untold | Promise<Answer | Untold>,
  ): Promise<Answer> {
    let answer = await first
    for (let round = 1; "untold" in answer; round++) {
      const areTold = await this.tellAll(answer.untold)
      answer = await step(areTold && round < MOST_ROUNDS)
    }
    return answer
  }

  /** @returns whether all ledgers know of it that have to */
  async tellAll(carried: readonly Carried[]): Promise<boolean> {
    const { state } = this.#trees
    if (!state) return false
    const { home, clock } = state
    const [told, isShared] = await Promise.all([
      this.#tellAgents(
        carried.filter(({ agent }) => agent !== home?.agent),
        [],
      ),
      home && passesLabels(home, clock) ? this.#share(state, home, carried) : true,
    ])
    if (!this.#trees.state) return false
    const known = isShared ? [...told, ...carried.filter(({ agent }) => agent === home?.agent)] : []
    this.keep(known, null)
    return known.length === carried.length
  }

  /**
   * @param through agents whose ledgers have passed it on
   * @returns what the agents' ledgers know of
   */
  async #tellAgents(carried: readonly Carried[], through: readonly HistoryKey[]): Promise<readonly Carried[]> {
    const byAgent = Map.groupBy(carried, ({ agent }) => agent)
    const told = Array.from(byAgent, async ([agent, ofAgent]) =>
      (await this.#tell({ agent }, ofAgent, [...through, agent])) ? ofAgent : [],
    )
    return (await Promise.all(told)).flat()
  }

  /** The other partitions of this ledger's agent learn of it; the first one tells all others. */
  async #share(ledger: LedgerState, { agent, index }: Home, carried: readonly Carried[]): Promise<boolean> {
    if (index === 0) return this.#tellPartitions(ledger, carried, [agent])
    return this.#tell({ agent }, carried, [agent])
  }

  async #tellPartitions(
    { home, clock }: LedgerState,
    carried: readonly Carried[],
    through: readonly HistoryKey[],
  ): Promise<boolean> {
    if (home?.index !== 0) return true
    return this.notifyEach(otherThanFirst(mostPartitions(home, clock)), home, carried, through)
  }

  /** @returns whether all these partitions know of it */
  async notifyEach(
    partitions: readonly number[],
    { agent }: Home,
    carried: readonly Carried[],
    through: readonly HistoryKey[],
  ): Promise<boolean> {
    const answers = partitions.map(async (partition) => this.#tell({ agent, partition }, carried, through))
    return (await Promise.all(answers)).every(Boolean)
  }

  async #tell(
    owner: { readonly agent: HistoryKey; readonly partition?: number },
    carried: readonly Carried[],
    through: readonly HistoryKey[],
  ): Promise<boolean> {
    const learn = async (ledger: LedgerStub) => ({
      learned: await ledger.learn(LEDGER_VERSION, [...carried], [...through]),
    })
    const answer = await askStub(() => ledgerOf(this.#env, owner), learn, TIMEOUT_MS)
    return answer?.learned === true
  }

  /**
   * The agent whose ledger this is carries these labels, which it has come across in the tree of another agent, or in
   * another of its partitions. The ledger may be a new one; a bundle that opens a task in it is newer than none.
   * @param through agents whose ledgers have passed it on, this one last; none of them is notified again
   * @returns whether it knows of them now, its other partitions, and those to whom it has delegated: not if the request
   *   is of another version
   */
  async learn(version: number, carried: readonly Carried[], through: readonly HistoryKey[]): Promise<boolean> {
    if (version !== LEDGER_VERSION) return false
    const own = carried.map(beyondIsolation)
    const isAdopted = this.adopt(own, through)
    const isShared = this.#trees.state ? this.#tellPartitions(this.#trees.state, own, through) : true
    return (await isAdopted) && isShared
  }

  /** @returns whether those know of it to whom its agents have delegated in this ledger */
  async adopt(carried: readonly Carried[], through: readonly HistoryKey[]): Promise<boolean> {
    const until = this.keep(carried, null)
    const ledger = ledgerIn(this.#trees)
    // Whose label is among these knows of it, but not yet of others that it inherits here.
    const known = new Set(carried)
    const others = withSubAgents(ledger, carried, ledger.clock).filter(
      (each) => !known.has(each) && !through.includes(each.agent),
    )
    const told = this.#tellAgents(others, through)
    if (until !== null && (await this.#ctx.storage.getAlarm()) === null) await this.#ctx.storage.setAlarm(until)
    const learned = await told
    this.keep(learned, null)
    return learned.length === others.length
  }

  /**
   * In the ledger as it is now: while others were told, it may have been read from storage anew.
   * @param home null: it stays as it is
   * @returns milliseconds since the epoch, until when the labels matter; null if nothing of them is new
   */
  keep(carried: readonly Carried[], home: Home | null): number | null {
    const ledger = ledgerIn(this.#trees)
    const now = this.#trees.now({ ledger })
    const added = extending(ledger, carried, now)
    if (added.length === 0 && !home) return null
    this.#trees.transaction(true, () => {
      this.#trees.storage.saveLedger(ledger)
      this.#trees.storage.labels.saveCarried(added, now)
      if (home) this.#trees.storage.saveHome(home)
    })
    carry(ledger, added, now)
    if (home) ledger.home = home
    this.#trees.state = ledger
    return added.length === 0 ? null : Math.max(...added.map(({ at, carry: time }) => at + time))
  }
}
