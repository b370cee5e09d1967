/**
 * A call as it is decided, and everything that a decision on it says: plain values, made by `decide` and applied by the
 * ledger.
 */
import type { Approval } from "../task/approval.ts"
import type { CallArguments } from "../catalog/arguments.ts"
import type { Denial } from "../denials/denial.ts"
import type { Client } from "./client.ts"
import type { Need, Use, WindowUse } from "../guardrails/kind.ts"
import type { ReportedRisk } from "../guardrails/risk.ts"
import type { CarriedLabel } from "../task/labels.ts"
import type { TreeState } from "../task/state.ts"
import type { CedarRecord } from "../policy/cedar/values/value.ts"
import type { TaskChange, TaskEnd } from "../task/change.ts"
import type { ScopedUpdates } from "../task/memories.ts"
import type { Proof } from "../task/proof-log.ts"

/** A located call with a verified token, as it reaches the ledger. */
export interface Call {
  readonly decisionId: string
  readonly task: string
  /** `jti` of the delegation token. */
  readonly token: string
  /** Proof of possession, already verified with the key of this thumbprint. */
  readonly proof: Proof | null
  readonly tool: string
  readonly arguments: CallArguments
  readonly method: string
  /** Path and query as sent: where each argument stands, as the upstream reads it. */
  readonly target: string
  readonly gateway: string
  readonly environment: string
  readonly client: Client
  /** `observe`: the gateway allows the call whatever is decided, so a denial has no consequence. */
  readonly mode: "enforce" | "observe"
  /** The gateway's own request id with the hash of the call; null if the gateway sets none. */
  readonly retry: { readonly requestId: string; readonly call: string } | null
  /** Risk that was reported of the call's user and agents; the ledger itself knows the risk of tasks. */
  readonly risks: readonly ReportedRisk[]
  /** Tools that have to be permitted as well; absent if none (`McpCall`). */
  readonly besides?: readonly string[]
}

/** What determined the decision: enough to explain it from its record alone. */
export interface Evidence {
  readonly chain: readonly string[]
  readonly purpose: string | null
  readonly user: TreeState["user"]
  /** The principal that was not permitted; null if all were. */
  readonly principal: string | null
  readonly rules: readonly string[]
  readonly windows: readonly WindowUse[]
  /** The state of each other guardrail that was evaluated. */
  readonly guardrails: readonly Use[]
  readonly calls: { readonly used: number; readonly limit: number | null } | null
  readonly labels: readonly string[]
  /** Those of the labels that the tree does not bear. */
  readonly carried: readonly CarriedLabel[]
  /** The context that the policies were evaluated with; null if they were not evaluated. */
  readonly context: CedarRecord | null
  /** The approvals that allow the call, each as it was before. */
  readonly approvals: readonly Approval[]
}

export interface Verdict {
  /** Null: allowed. */
  readonly denial: Denial | null
  readonly evidence: Evidence
  /** The decision of which this call is the gateway's own retry; a retry consumes nothing and is not recorded again. */
  readonly retryOf: string | null
}

export interface DecisionResult {
  /** Null unless the call is allowed and no retry, or denied and yet allowed by an observing gateway. */
  readonly change: TaskChange | null
  readonly verdict: Verdict
  /**
   * `jti` of the proof that was used up, whatever was decided: an observer of a denied call must not be able to repeat
   * it.
   */
  readonly proof: string | null
  readonly end: TaskEnd | null
  /** The approval that is requested for a denied call. */
  readonly requestedApproval: Approval | null
  /** Why the task ends, if not because of the call's own denial: it was one denial too many. */
  readonly storm: Denial | null
  /** What guardrails remember of a denied call. Nothing is consumed by it. */
  readonly denialUpdates: readonly ScopedUpdates[]
  /**
   * Counts, shared by all ledgers, on which the decision depends: nothing is decided, and `decide` is to run again with
   * them.
   */
  readonly needs: readonly Need[]
  /** The same, for a denied call; if the counts are unavailable, this is the decision. */
  readonly wants: readonly Need[]
}

/** A denial of the credential: the client is not authenticated, and the ledger discloses nothing of the tree. */
export function isUnproven({ chain }: Evidence): boolean {
  return chain.length === 0
}

export const NO_EVIDENCE: Evidence = {
  chain: [],
  purpose: null,
  user: null,
  principal: null,
  rules: [],
  windows: [],
  guardrails: [],
  calls: null,
  labels: [],
  carried: [],
  context: null,
  approvals: [],
}

/** A client that presents a live token of a task, and a proof of its key if the token is bound to one. */
export interface Holder {
  /** `jti`. */
  readonly token: string
  readonly proof: Proof | null
}

/** A call that was denied before it reached the ledger. */
export interface DeniedCall
  extends
    TokenUse,
    Pick<Call, "decisionId" | "arguments" | "gateway" | "environment" | "client" | "mode" | "retry" | "risks"> {
  /** The tool, or several if it may be any of them; empty if it is no tool of the catalog, as far as it can be read. */
  readonly tools: readonly string[]
}

/** What a call presents to show which task it belongs to. */
export type TokenUse = Pick<Call, "task" | "token" | "proof">
