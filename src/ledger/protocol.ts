/** Requests to a ledger and its responses: the values that cross between isolates, and their version. */
import type { Approval, Unanswerable } from "../core/task/approval.ts"
import type { NotApprover } from "../core/task/approvers.ts"
import type { ShadowResult } from "../core/record/record.ts"
import type { Denial, Denied } from "../core/denials/denial.ts"
import type { PresentedRefresh } from "../core/task/authorization-code.ts"
import type { WindowUse } from "../core/guardrails/kind.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { Carried } from "../core/task/labels.ts"
import type { OpenRequest } from "../core/task/open-request.ts"
import type { TaskStatus } from "../core/task/task.ts"

/**
 * Old object code may run for minutes beside new Worker code: the ledger rejects a request of another version, rather
 * than misread it.
 */
export const LEDGER_VERSION = 18

/** The bundle that the request names is older than one that already decided here, or cannot be loaded. */
export type NoBundle = { readonly bundle: "stale"; readonly newest: Pointer } | { readonly bundle: "unavailable" }

export interface LedgerDecision {
  readonly denial: Denial | null
  /** The decision of the first response, if this is the gateway's retry. */
  readonly retryOf: string | null
  /** The agent of the task; what a token claims about it counts for nothing. */
  readonly agent: string | null
  readonly user: string | null
  readonly purpose: string | null
  readonly windows: readonly WindowUse[]
  /**
   * Whether this ledger stores the record. If the credential is rejected, the caller records the denial at the edge.
   */
  readonly recorded: boolean
}

/** The tools that may not be called, and why; or why there is no list. */
export interface Listed extends Pick<LedgerDecision, "denial" | "recorded"> {
  readonly hidden: readonly string[]
}

/** The result of a request for consent to a task: it waits, or another answer of the same page came first. */
export type ConsentOutcome = { readonly task: string } | { readonly answered: true }

/**
 * What an answer finds in the ledger of its page's task: nothing yet, what the same answer has opened, or anything
 * else.
 */
export type PageAnswer = "not yet" | "same" | "otherwise"

/** A request for the approval of a call. */
export interface ApprovalForReader {
  readonly asked: Approval
  /** The reported risk of its task and the task's ancestors, 0 to 100. */
  readonly risk: number
  /** Why this reader cannot answer it, for the moment if the task is quarantined. Null if an answer is awaited. */
  readonly unanswerable: Unanswerable | NotApprover | "frozen" | null
}

/** What its own agent may know of an approval. */
export interface OwnApproval extends Pick<Approval, "name" | "status" | "uses" | "expiresAt" | "limitedBy"> {
  /** The answer comes after a wait. */
  readonly hasWaited: boolean
}

/** A call for which a person's approval is requested. */
export interface WaitingCall {
  readonly asked: Approval
  /** `frozen` if its task is quarantined: until its release nobody can approve the call. */
  readonly unanswerable: "frozen" | null
}

/** Requests that wait for a person's approval, and the ids of those that no longer do. */
export interface Waiting {
  readonly waiting: readonly WaitingCall[]
  readonly gone: readonly string[]
}

/** A presented refresh token, and the one that is to replace it. */
export interface Refresh extends Pick<OpenRequest, "agent" | "jkt" | "token"> {
  readonly shown: PresentedRefresh
  /** The secret part of the next refresh token. */
  readonly next: string
  /** The audience that the request names. Null if it names none. */
  readonly audience: string | null
  readonly scope: string | null
}

/** The agent and the user of the presented token, if it is live, from its ledger. */
export type TokenOwner = Pick<LedgerDecision, "agent" | "user" | "purpose">

/** The result for a call that was denied before it reached the ledger. */
export interface ShadowOnly {
  /** Null if the candidate bundle did not evaluate it. */
  readonly tried: ShadowResult | null
  readonly owner: TokenOwner | Denied
}

/** No agent can end the task while an operator has to look at this quarantined one. */
export interface Frozen {
  readonly frozen: string
  readonly isLive: boolean
}

/** The task had ended before, and all tasks below it. */
export interface EndedBefore {
  readonly status: TaskStatus
  /** Whether the token still opens anything: one that does not identifies nobody. */
  readonly isLive: boolean
}

export interface Ended {
  readonly status: TaskStatus
  readonly ended: readonly string[]
}

/** What the erasure of a person has done in one ledger. */
export interface Erased {
  /** Tasks that it has ended. */
  readonly ended: number
  /** Task trees that the ledger has forgotten, those that had ended before included. */
  readonly trees: number
  /** Milliseconds since the epoch, until when counts, labels and risks matter. Null if there are none. */
  readonly until: number | null
}

/** Null if the caller has no such task. */
export type EndResult = Ended | EndedBefore | Frozen | Denied | null

/** If the ledger rejects a token or proof, the response names no task, and the ledger writes nothing. */
export const unknownTokenDecision = (denial: Denial): LedgerDecision => ({ ...UNKNOWN_TREE, denial })

/** The response for a tree that was never opened here, and so has issued no token. */
export const UNKNOWN_TREE: LedgerDecision = {
  denial: { reason: "task_unknown" },
  retryOf: null,
  agent: null,
  user: null,
  purpose: null,
  windows: [],
  recorded: false,
}

/** The response when the caller no longer waits: nothing was decided. */
export const LATE: LedgerDecision = unknownTokenDecision({ reason: "ledger_unavailable" })

/** A task that has moved answers later, from the ledger of its person. */
export type MaybeLater<Answer> = Answer | Promise<Answer>

/** Whether a risk that is reported of a task is in force; or why not: it waits for a person's consent, or is unknown. */
export type RatingResult = "rated" | "pending" | "unknown"

/** What the first partition of an agent tells another one that is to open tasks. */
export interface Joined {
  /** Milliseconds since the epoch, when the number of partitions has changed. */
  readonly changedAt: number
  readonly carried: readonly Carried[]
}

/** Labels that were cleared of a task. Null if there is no such task. */
export type Cleared = readonly string[] | null
