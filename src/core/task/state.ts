/**
 * The state of one task tree, as its ledger holds it: plain values, no storage, no clock. `decide` and `openTask` read
 * it; only `apply*` changes it, and only by a change that one of them made.
 */
import type { Approval } from "./approval.ts"
import { Memory } from "../guardrails/memory.ts"
import type { Signal } from "../guardrails/risk.ts"
import type { Pointer } from "../policy/bundle.ts"
import type { UserFacts } from "../policy/principals.ts"
import type { Consent } from "./pending-consent.ts"
import type { ProofLog } from "./proof-log.ts"
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

export interface TreeState {
  readonly root: string
  /** As of the freshest session. */
  user: UserFacts | null
  /**
   * Milliseconds since the epoch, when the authority behind the tree was given: the start of that session, or of the
   * agent's own.
   */
  since: number
  readonly tasks: Map<string, Task>
  /** Reported risks by task id; each also applies to the tasks below. */
  readonly risks: Map<string, Signal>
  /** The person's consent to the root. Null if none was requested. */
  consent: Consent | null
  /** By `jti`. */
  readonly tokens: Map<string, IssuedToken>
  /** Proofs admitted in this life of the ledger. */
  proofs: ProofLog
  /** The memory of the guardrails. */
  readonly memory: Memory
  /** Approvals of single calls, by id. */
  readonly approvals: Map<string, Approval>
  /** What the tree has done: labels of every admitted tool. */
  readonly labels: Set<string>
  /** By gateway and request id. */
  readonly retries: Map<string, RememberedAdmission>
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

/** @param proofs those of a tree that has just been opened, or of a ledger that has just woken */
export function newTree(
  root: string,
  user: UserFacts | null,
  since: number,
  bundle: Pointer,
  now: number,
  proofs: ProofLog,
  memory = new Memory(),
): TreeState {
  return {
    root,
    user,
    since,
    tasks: new Map(),
    risks: new Map(),
    consent: null,
    tokens: new Map(),
    proofs,
    memory,
    approvals: new Map(),
    labels: new Set(),
    retries: new Map(),
    bundle,
    hidden: new Set(),
    clock: now,
  }
}

/** Why it opens nothing now, or null: it is alive by itself. Those above it are another question. */
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
export function mayGoOn(state: TreeState, ancestry: readonly Task[], now: number): boolean {
  const goesOn = (task: Task): boolean => {
    const why = whyEnded(task, now)
    return (why === null || why === "quarantined") && now < task.expiresAt
  }
  return ancestry.at(-1)?.id === state.root && ancestry.every(goesOn)
}

/** A quarantined task that an operator may still release: the task, an ancestor, or a task below it. */
export function frozenAround(state: TreeState, id: string, now: number): Task | undefined {
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

const TASK_ID = /^tsk_[0-9A-HJKMNP-TV-Z]{26}(?:\.[1-9][0-9]{0,5}){0,16}$/

export function isTaskId(text: string): boolean {
  return TASK_ID.test(text)
}

/** The root task, which names the ledger of this task's tree. */
export function rootOf(task: string): string {
  const dot = task.indexOf(".")
  return dot < 0 ? task : task.slice(0, dot)
}
