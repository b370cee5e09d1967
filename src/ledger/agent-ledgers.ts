/**
 * What an agent carries on nobody's behalf, in the ledgers of other agents. A tree without a user is in the ledger of
 * its root's agent; a sub-agent has a ledger of its own, in which its own trees are. So a ledger says of another agent
 * that it carries a label only once that agent's own ledger says so, and no step that depends on it is made before.
 */
import type { DecisionResult } from "../core/decision/call.ts"
import { resultWithoutChange } from "../core/decision/decide.ts"
import type { TaskChange } from "../core/task/change.ts"
import { beyondIsolation, carry, extending, withSubAgents, type Carried } from "../core/task/labels.ts"
import type { LedgerState, TreeState } from "../core/task/state.ts"
import { askLedgerById, type LedgerStub } from "./ask.ts"
import { TIMEOUT_MS } from "./credit-request.ts"
import { ledgerOf } from "./locator.ts"
import { LEDGER_VERSION } from "./protocol.ts"
import type { Trees } from "./trees.ts"

/** Rounds in which a step tells other ledgers, if meanwhile its tree gets further agents. */
const MOST_ROUNDS = 4

/** A ledger without trees has been decided in by no bundle. */
const NO_BUNDLE = { seq: 0, digest: "" }

/** The step adds labels that other ledgers do not know of yet: it has decided nothing. */
export interface Untold {
  readonly untold: readonly Carried[]
}

/** Of the labels that a step of this tree adds, those that have to be in another agent's ledger first. */
export function untoldOf({ user, root, tasks }: TreeState, carried: readonly Carried[]): readonly Carried[] {
  if (carried.length === 0 || user !== null) return []
  const owner = tasks.get(root)?.agent
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

  /**
   * @param through agents whose ledgers have passed it on
   * @returns whether all of them know of it
   */
  async tellAll(carried: readonly Carried[], through: readonly string[] = []): Promise<boolean> {
    const byAgent = Map.groupBy(carried, ({ agent }) => agent)
    const told = await Promise.all(Array.from(byAgent, async ([agent, ofAgent]) => this.#tell(agent, ofAgent, through)))
    const { state } = this.#trees
    if (state) this.#keep(state, told.flat())
    return told.flat().length === carried.length
  }

  /** @returns what the agent's ledger knows of */
  async #tell(agent: string, carried: readonly Carried[], through: readonly string[]): Promise<readonly Carried[]> {
    const learn = async (ledger: LedgerStub) => ({
      learned: await ledger.learn(LEDGER_VERSION, [...carried], [...through, agent]),
    })
    const answer = await askLedgerById(this.#env, ledgerOf(this.#env, { agent }), learn, TIMEOUT_MS)
    return answer?.learned === true ? carried : []
  }

  /**
   * The agent whose ledger this is carries these labels, which it has come across in the tree of another agent. The
   * ledger may be a new one; a bundle that opens a task in it is newer than none.
   * @param through agents whose ledgers have passed it on, this one last; none of them is notified again
   * @returns whether it knows of them now, and those to whom it has delegated: not if the request is of another version
   */
  async learn(version: number, carried: readonly Carried[], through: readonly string[]): Promise<boolean> {
    if (version !== LEDGER_VERSION) return false
    const { ledger } = this.#trees.newTreeState("", null, 0, NO_BUNDLE, { figuresHidden: new Set() })
    const own = carried.map(beyondIsolation)
    const until = this.#keep(ledger, own)
    if (until !== null && (await this.#ctx.storage.getAlarm()) === null) await this.#ctx.storage.setAlarm(until)
    const others = withSubAgents(ledger, own, ledger.clock).filter(({ agent }) => !through.includes(agent))
    return others.length === 0 || this.tellAll(others, through)
  }

  /** @returns milliseconds since the epoch, until when it matters; null if nothing is new */
  #keep(ledger: LedgerState, carried: readonly Carried[]): number | null {
    const now = this.#trees.now({ ledger })
    const added = extending(ledger, carried, now)
    if (added.length === 0) return null
    this.#trees.transaction(true, () => {
      this.#trees.storage.saveLedger(ledger)
      this.#trees.storage.labels.saveCarried(added, now)
    })
    carry(ledger, added, now)
    this.#trees.state = ledger
    return Math.max(...added.map(({ at, carry: time }) => at + time))
  }
}
