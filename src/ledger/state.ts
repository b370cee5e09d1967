/**
 * The state of one task tree, as its ledger holds it: plain values, no storage, no clock. `decide` and `openTask` read
 * it; only `apply` changes it, and only by a change that one of them made.
 */
import { AdmissionLog } from "../guardrails/window.ts"
import type { Grant } from "../exchange/grant.ts"
import type { Pointer } from "../policy/bundle.ts"
import type { ProofLog } from "./proof-log.ts"

/** The person on whose behalf the tree acts, as their session token told. */
export interface UserFacts {
  readonly issuer: string
  readonly subject: string
  readonly groups: readonly string[]
  readonly acr?: string
  /** Seconds since the epoch. */
  readonly auth_time?: number
  /** Milliseconds; then the session ends that showed how they logged in. */
  readonly until?: number
}

export type TaskStatus = "active" | "completed" | "revoked"

export interface Task {
  /** `tsk_<ulid>`, below it `tsk_<ulid>.<n>` and so on. */
  readonly id: string
  readonly parent: string | null
  readonly agent: string
  readonly purpose: string
  readonly grant: Grant
  /** The grant in scopes, for tokens and people. */
  readonly scope: string
  /** Milliseconds. */
  readonly openedAt: number
  /** Milliseconds; never past the parent's. */
  readonly expiresAt: number
  status: TaskStatus
  /** Admitted calls of this task and of those below it that count against `grant.calls`. */
  calls: number
  /** Children opened so far; numbers the next. */
  children: number
}

export interface IssuedToken {
  readonly task: string
  /** Milliseconds. */
  readonly expiresAt: number
  /** Thumbprint (RFC 7638) of the key that it is bound to. */
  readonly jkt: string | null
}

/** An admission that a gateway may ask about again, because its own try was cut. */
export interface RememberedAdmission {
  /** Hash of the call that was admitted. */
  readonly call: string
  readonly decisionId: string
  /** Milliseconds. */
  readonly until: number
}

export interface TreeState {
  readonly root: string
  /** As the freshest session that was brought told. */
  user: UserFacts | null
  readonly tasks: Map<string, Task>
  /** By `jti`. */
  readonly tokens: Map<string, IssuedToken>
  /** Proofs admitted in this life of the ledger. */
  proofs: ProofLog
  /** By `windowKey`. */
  readonly windows: Map<string, AdmissionLog>
  /** What the tree has done: labels of every tool admitted. */
  readonly labels: Set<string>
  /** By gateway and request id. */
  readonly retries: Map<string, RememberedAdmission>
  /** The newest bundle that decided here; an older one never does again. */
  bundle: Pointer
  /** Latest time read, milliseconds: the clock never runs backwards. */
  clock: number
}

/** @param proofs those of a tree that has just been opened, or of a ledger that has just woken */
export function newTree(
  root: string,
  user: UserFacts | null,
  bundle: Pointer,
  now: number,
  proofs: ProofLog,
): TreeState {
  return {
    root,
    user,
    tasks: new Map(),
    tokens: new Map(),
    proofs,
    windows: new Map(),
    labels: new Set(),
    retries: new Map(),
    bundle,
    clock: now,
  }
}

export function windowLog(state: TreeState, key: string): AdmissionLog {
  let log = state.windows.get(key)
  if (!log) state.windows.set(key, (log = new AdmissionLog()))
  return log
}

/** The task and all above it, itself first; empty where it is unknown. */
export function lineOf(state: TreeState, id: string): readonly Task[] {
  const line: Task[] = []
  for (let task = state.tasks.get(id); task; task = task.parent === null ? undefined : state.tasks.get(task.parent)) {
    line.push(task)
  }
  return line
}

export function isBelow(id: string, ancestor: string): boolean {
  return id.startsWith(`${ancestor}.`)
}

const TASK_ID = /^tsk_[0-9A-HJKMNP-TV-Z]{26}(?:\.[1-9][0-9]{0,5}){0,16}$/

export function isTaskId(text: string): boolean {
  return TASK_ID.test(text)
}

/** The ledger of a task: named by the root of its tree. */
export function rootOf(task: string): string {
  const dot = task.indexOf(".")
  return dot < 0 ? task : task.slice(0, dot)
}
