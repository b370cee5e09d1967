/** A call as it is decided upon, and all that a decision on it says: plain values, made by `decide` and applied by the ledger. */
import type { Approval } from "../task/approval.ts"
import type { CallArguments } from "../catalog/arguments.ts"
import type { Denial } from "../denials/denial.ts"
import type { Client } from "./client.ts"
import type { Need, Use, WindowUse } from "../guardrails/kind.ts"
import type { MemoryUpdate } from "../guardrails/memory-update.ts"
import type { ToldRisk } from "../guardrails/risk.ts"
import type { TreeState } from "../task/state.ts"
import type { CedarRecord } from "../policy/cedar/values/value.ts"
import type { TaskChange, TaskEnd } from "../task/change.ts"
import type { Proof } from "../task/proof-log.ts"

/** A located call with a verified token, as it reaches the ledger. */
export interface Call {
  readonly decisionId: string
  readonly task: string
  /** `jti` of the delegation token. */
  readonly token: string
  /** Proof of possession, already verified against the key with this thumbprint. */
  readonly proof: Proof | null
  readonly tool: string
  readonly arguments: CallArguments
  readonly method: string
  /** Path and query, raw: where each argument stands, as the upstream reads it. */
  readonly target: string
  readonly gateway: string
  readonly environment: string
  readonly client: Client
  /** `observe`: the gateway lets it through whatever is decided, so a denial has no consequence. */
  readonly mode: "enforce" | "observe"
  /** The gateway's own request id with the hash of the call, where it sets one. */
  readonly retry: { readonly requestId: string; readonly call: string } | null
  /** What was told of its user and its agents; of tasks the ledger knows. */
  readonly risks: readonly ToldRisk[]
}

/** What determined the decision: enough to explain it from its record alone. */
export interface Evidence {
  readonly chain: readonly string[]
  readonly purpose: string | null
  readonly user: TreeState["user"]
  /** The principal that was not permitted, or null where all were. */
  readonly principal: string | null
  readonly rules: readonly string[]
  readonly windows: readonly WindowUse[]
  /** How every other guardrail stands to it that had to be asked. */
  readonly guardrails: readonly Use[]
  readonly calls: { readonly used: number; readonly limit: number | null } | null
  readonly labels: readonly string[]
  /** That the rules were asked with; null where they were not. */
  readonly context: CedarRecord | null
  /** By which it passes, each as it was before. */
  readonly approvals: readonly Approval[]
}

export interface Verdict {
  /** Null: allowed. */
  readonly denial: Denial | null
  readonly evidence: Evidence
  /** The decision of which this is the gateway's own retry; it consumes nothing and is not recorded again. */
  readonly retryOf: string | null
}

export interface DecisionResult {
  /** Null unless the call is allowed, and no retry; or denied, and let through by a gateway that observes. */
  readonly change: TaskChange | null
  readonly verdict: Verdict
  /**
   * `jti` of the proof that was used up, whatever was decided: who saw a refused call must not be able to repeat it.
   */
  readonly proof: string | null
  readonly end: TaskEnd | null
  /** What people are asked about a denied call. */
  readonly asks: Approval | null
  /** Why it ends, where the denial of the call itself is not why: it was one too many. */
  readonly storm: Denial | null
  /** What is kept in mind of a denied call: that it was denied. Nothing is consumed by it. */
  readonly denialUpdates: readonly MemoryUpdate[]
  /** Of counts that all trees share, what it hangs on: nothing is decided, and it is to be asked again with them. */
  readonly needs: readonly Need[]
  /** The same, of a denied call; if they are unavailable, this is the decision. */
  readonly wants: readonly Need[]
}

/** A denial of the credential: who makes the call is not known, and its ledger tells nothing of the tree. */
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
  context: null,
  approvals: [],
}

/** Who shows a live token of a task, and a proof of its key where it is bound to one. */
export interface Holder {
  /** `jti`. */
  readonly token: string
  readonly proof: Proof | null
}

/** A call that was refused before it came to the ledger; `tool` null: it is not known which it was. */
export interface RefusedCall
  extends
    TokenUse,
    Pick<Call, "decisionId" | "arguments" | "gateway" | "environment" | "client" | "mode" | "retry" | "risks"> {
  /** Which it is; several: it may be any of them; none: it is no tool of the catalog, as far as it can be read. */
  readonly tools: readonly string[]
}

/** What a call shows of whose it is. */
export type TokenUse = Pick<Call, "task" | "token" | "proof">
