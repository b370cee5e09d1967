/**
 * The state of a ledger and of its task trees: plain values, no storage, no clock. `decide` and `openTask` read it; only
 * `apply*` changes it, and only by a change that one of them made.
 */
import type { Approval } from "./approval.ts"
import type { Pointer } from "../policy/bundle.ts"
import type { UserFacts } from "../policy/principals.ts"
import type { DelegatingTasks } from "./delegations.ts"
import type { ContinuableTasks } from "./continuation.ts"
import type { Home } from "./home.ts"
import type { IsolatedTasks } from "./isolation.ts"
import type { CarriedLabels } from "./labels.ts"
import { Memories } from "./memories.ts"
import type { QuarantinedTasks } from "./quarantine.ts"
import type { ReportedRisks } from "./risks.ts"
import { LiveTokens } from "./live-tokens.ts"
import { Openings } from "./openings.ts"
import type { Consent } from "./pending-consent.ts"
import type { Proofs } from "./proof-log.ts"
import { Shares } from "./shares.ts"
import type { IssuedToken, Task, WhyEnded } from "./task.ts"

/** An admission whose call a gateway may repeat, because its own request was cut. */
export interface RememberedAdmission {
  readonly task: string
  /** The task whose plan this call finished. Null if it finished none. */
  readonly finished: string | null
  /** Hash of the call that was admitted. */
  readonly call: string
  readonly decisionId: string
  /** Milliseconds since the epoch. */
  readonly until: number
}

/** What all trees of a ledger have in common. */
export interface LedgerState {
  /** By the id of the root task. */
  readonly trees: Map<string, TreeState>
  /** Those of the guardrails. */
  readonly memories: Memories
  /** Reported of tasks. */
  readonly risks: ReportedRisks
  /** How many trees each agent has open, and how fast it opens them. */
  readonly openings: Openings
  /** The same for requests for the consent of people who are elsewhere, which wait in the ledger of their agent. */
  readonly requests: Openings
  /** Tasks that have not ended, of roots and below them, by agent. */
  readonly liveTasks: Shares
  /** Their bytes, with those of tasks that wait for the consent of a person who was at their browser. */
  readonly liveBytes: Shares
  /** The bytes of requests for the consent of people who are elsewhere. */
  readonly requestBytes: Shares
  readonly liveTokens: LiveTokens
  /** Requests for the approval of single calls that count, by the agent that made the call. */
  readonly openApprovals: Shares
  /** Labels that agents carry from tree to tree. */
  readonly carried: CarriedLabels
  /** The isolated tasks of each instance of an agent. */
  readonly isolated: IsolatedTasks
  /** Tasks below which there are others. */
  readonly delegating: DelegatingTasks
  /** Tasks that a request for the same continues. */
  readonly continuable: ContinuableTasks
  /** Tasks that an operator has to look at. */
  readonly quarantined: QuarantinedTasks
  /** Proofs admitted in this life of the ledger. */
  readonly proofs: Proofs
  /** Null: it is a person's ledger, or that of an agent which has never had another one. */
  home: Home | null
  /** The newest bundle that decided here; an older one never decides again. */
  bundle: Pointer
  /**
   * Ids of guardrails whose figures a bundle that decided here hid. They stay hidden if a later bundle no longer
   * redacts the argument: the values were sent, and counted, under the earlier promise.
   */
  readonly hidden: Set<string>
  /** The latest time read, in milliseconds: the clock never runs backwards. */
  clock: number
}

export interface TreeState {
  readonly ledger: LedgerState
  readonly root: string
  /** As of the freshest session. */
  user: UserFacts | null
  /**
   * Milliseconds since the epoch, when the authority behind the tree was given: the start of that session, or of the
   * agent's own.
   */
  since: number
  readonly tasks: Map<string, Task>
  /** The person's consent to the root. Null if none was requested. */
  consent: Consent | null
  /** By `jti`; `LiveTokens` counts them, and so adds and drops them. */
  readonly tokens: Map<string, IssuedToken>
  /** By gateway and request id, the oldest first. */
  readonly retries: Map<string, RememberedAdmission>
  /** Approvals of single calls, by id. */
  readonly approvals: Map<string, Approval>
  /** What the tree has done: labels of every admitted tool. */
  readonly labels: Set<string>
}

/**
 * @param proofs those of a ledger that has just been created, or has just woken
 * @param memories absent: it has just been created
 */
export function newLedger(
  bundle: Pointer,
  now: number,
  proofs: Proofs,
  memories: Memories = new Memories(),
): LedgerState {
  return {
    trees: new Map(),
    memories,
    risks: new Map(),
    openings: new Openings(),
    requests: new Openings(),
    liveTasks: new Shares(),
    liveBytes: new Shares(),
    requestBytes: new Shares(),
    liveTokens: new LiveTokens(),
    openApprovals: new Shares(),
    carried: new Map(),
    isolated: new Map(),
    delegating: new Map(),
    continuable: new Map(),
    quarantined: new Map(),
    proofs,
    home: null,
    bundle,
    hidden: new Set(),
    clock: now,
  }
}

/** A tree without tasks. The ledger does not hold it yet: a step that fails leaves nothing behind. */
export function newTree(ledger: LedgerState, root: string, user: UserFacts | null, since: number): TreeState {
  return {
    ledger,
    root,
    user,
    since,
    tasks: new Map(),
    consent: null,
    tokens: new Map(),
    retries: new Map(),
    approvals: new Map(),
    labels: new Set(),
  }
}

/** Why the task itself opens nothing now. Null if it is alive, whatever the state of its ancestors. */
export function whyEnded({ status, expiresAt, idle, lastCall }: Task, now: number): WhyEnded | null {
  if (status !== "active") return status
  if (now >= expiresAt) return "expired"
  return idle !== null && now - lastCall >= idle ? "idle" : null
}

/** Whether the task and all its ancestors are alive, up to the root. */
export function isAlive(state: TreeState, ancestry: readonly Task[], now: number): boolean {
  return ancestry.at(-1)?.id === state.root && ancestry.every((task) => whyEnded(task, now) === null)
}

/** Whether they are alive, or quarantined: an operator may release a quarantined task. */
export function mayContinue(state: TreeState, ancestry: readonly Task[], now: number): boolean {
  const goesOn = (task: Task): boolean => {
    const why = whyEnded(task, now)
    return (why === null || why === "quarantined") && now < task.expiresAt
  }
  return ancestry.at(-1)?.id === state.root && ancestry.every(goesOn)
}

/** A quarantined task that an operator may still release: the task, an ancestor, or a task below it. */
export function quarantinedRelative(state: TreeState, id: string, now: number): Task | undefined {
  const around = [...ancestryOf(state, id), ...[...state.tasks.values()].filter((task) => isBelow(task.id, id))]
  return around.find(({ status, expiresAt }) => status === "quarantined" && now < expiresAt)
}

/** The task and its ancestors, itself first. Empty if it is unknown. */
export function ancestryOf(state: TreeState, id: string): readonly Task[] {
  const ancestry: Task[] = []
  for (let task = state.tasks.get(id); task; task = task.parent === null ? undefined : state.tasks.get(task.parent)) {
    ancestry.push(task)
  }
  return ancestry
}

export function isBelow(id: string, ancestor: string): boolean {
  return id.startsWith(`${ancestor}.`)
}

/**
 * `tsk_` and 36 characters: time and randomness, the ledger's locator, and a check (platform/task-id.ts); below the root,
 * the number of each child. The first character of the time is at most 7, as in a ULID.
 */
const TASK_ID = /^tsk_[0-7][0-9A-HJKMNP-TV-Z]{35}(?:\.[1-9][0-9]{0,5}){0,16}$/
export const LOCATOR_AT = 19
export const CHECK_AT = 35

export function isTaskId(text: string): boolean {
  return TASK_ID.test(text)
}

/** What locates the ledger of a task, and tells it from others. */
export function readLocator(task: string): string {
  return task.slice(LOCATOR_AT, CHECK_AT)
}

/** The root task of a task's tree. */
export function rootOf(task: string): string {
  const dot = task.indexOf(".")
  return dot < 0 ? task : task.slice(0, dot)
}
