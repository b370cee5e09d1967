/** What a ledger is asked by and what it says: the values that cross between isolates, and their version. */
import type { Approval, Unanswerable } from "../core/task/approval.ts"
import type { NotAsked } from "../core/task/approvers.ts"
import type { ShadowResult } from "../core/record/record.ts"
import type { Denial, Denied } from "../core/denials/denial.ts"
import type { RefreshShown } from "../core/task/authorization-code.ts"
import type { WindowUse } from "../core/guardrails/kind.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { OpenRequest } from "../core/task/open-request.ts"
import type { TaskStatus } from "../core/task/task.ts"

/**
 * Old object code may run for minutes beside new Worker code: a question of another version is refused, not misread.
 */
export const LEDGER_VERSION = 11

/** The bundle that the question names is older than one that already decided here, or cannot be had. */
export type NoBundle = { readonly bundle: "stale"; readonly newest: Pointer } | { readonly bundle: "unavailable" }

export interface LedgerDecision {
  readonly denial: Denial | null
  /** The first answer's decision, where this is the gateway's retry. */
  readonly retryOf: string | null
  /** Whose task it is: what a token says of it counts for nothing. */
  readonly agent: string | null
  readonly user: string | null
  readonly purpose: string | null
  readonly windows: readonly WindowUse[]
  /** Whether this ledger keeps the record; if the credential is not taken, it is the asker's to keep, as a stranger's. */
  readonly recorded: boolean
}

/** Which tools may not be called, and why; or why nothing is said of any. */
export interface Listed extends Pick<LedgerDecision, "denial" | "recorded"> {
  readonly hidden: readonly string[]
}

/** What became of a question whether a task is consented to: it waits; or another answer of the same page came first. */
export type AskOutcome = { readonly task: string } | { readonly answered: true }

/** What an answer finds where its page's task is to be: none yet, what the same answer has opened, or anything else. */
export type Answered = "not yet" | "same" | "otherwise"

/** A question about a call. */
export interface ShownApproval {
  readonly asked: Approval
  /** That is told of its task and those above it, 0 to 100. */
  readonly risk: number
  /** Why an answer of whoever reads it would be none, for now where the task is frozen; null: it is waited for. */
  readonly unanswerable: Unanswerable | NotAsked | "frozen" | null
}

/** One that is asked of a person. */
export interface WaitingCall {
  readonly asked: Approval
  /** `frozen`: its task is, and until it is released an answer would be none. */
  readonly unanswerable: "frozen" | null
}

/** Questions that wait for a person; and ids of those that wait for nobody any more. */
export interface Waiting {
  readonly waiting: readonly WaitingCall[]
  readonly gone: readonly string[]
}

/** A refresh token that was shown, and what is to replace it. */
export interface Refresh extends Pick<OpenRequest, "agent" | "jkt" | "token"> {
  readonly shown: RefreshShown
  /** `secret` of the next one. */
  readonly next: string
  /** What the request names besides; null: nothing. */
  readonly audience: string | null
  readonly scope: string | null
}

/** Whose the token is that was shown, and alive, by its ledger. */
export type TokenOwner = Pick<LedgerDecision, "agent" | "user" | "purpose">

/** Of a call that was refused before it came to the ledger. */
export interface ShadowOnly {
  /** Null: it was not tried. */
  readonly tried: ShadowResult | null
  readonly owner: TokenOwner | Denied
}

/** No agent ends the task as long as an operator has to look at this one. */
export interface Frozen {
  readonly frozen: string
  readonly isLive: boolean
}

/** The task had ended before, and all below it. */
export interface EndedBefore {
  readonly status: TaskStatus
  /** Whether the token opens anything now: one that does not proves nobody. */
  readonly isLive: boolean
}

export interface Ended {
  readonly status: TaskStatus
  readonly ended: readonly string[]
}

/** Whose token or proof is not taken is a stranger, and answering one writes nothing. */
export const strangerTo = (denial: Denial): LedgerDecision => ({ ...UNKNOWN_TREE, denial })

/** A tree that was never opened here has issued no token. */
export const UNKNOWN_TREE: LedgerDecision = {
  denial: { reason: "task_unknown" },
  retryOf: null,
  agent: null,
  user: null,
  purpose: null,
  windows: [],
  recorded: false,
}

/** Nobody waits for the answer any more: nothing was decided. */
export const LATE: LedgerDecision = strangerTo({ reason: "ledger_unavailable" })
