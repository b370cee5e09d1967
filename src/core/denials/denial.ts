/**
 * What was decided. A denial is a value with evidence: its `reason` is rich and goes into the record, its `code` is
 * one of the few that others see (DESIGN §5). One table maps each reason to its code, one each code to its status.
 */
import type { Consequence } from "./consequence.ts"

/** Codes on the wire, with the status of a dialect that can carry it. */
export const STATUS_OF_CODE = {
  missing_token: 401,
  invalid_token: 401,
  step_up_required: 401,
  insufficient_scope: 403,
  policy_denied: 403,
  unknown_tool: 403,
  unknown_gateway: 403,
  budget_exhausted: 403,
  sequence_denied: 403,
  approval_required: 403,
  loop_detected: 403,
  deviation: 403,
  tool_changed: 403,
  rate_limited: 429,
  malformed_call: 400,
  unavailable: 503,
} as const
export type Code = keyof typeof STATUS_OF_CODE

/** Why a call was refused, each with what shows it. Never a token, never a key. */
export type Denial =
  // gateway
  | { readonly reason: "gateway_unknown" }
  | { readonly reason: "gateway_dialect_mismatch"; readonly expected: string }
  | { readonly reason: "target_missing"; readonly header: string }
  | { readonly reason: "original_path_differs" }
  // credential; `hash` is that of the one refused, as `token_hash` of a record
  | { readonly reason: "token_missing" }
  | { readonly reason: "authorization_malformed" }
  | { readonly reason: "token_malformed"; readonly what: string; readonly hash?: string }
  | { readonly reason: "token_rejected"; readonly what: string; readonly hash?: string }
  | { readonly reason: "token_expired"; readonly expired_at: number; readonly hash?: string }
  | {
      readonly reason: "audience_mismatch"
      readonly expected: readonly string[]
      readonly got: string
      readonly hash?: string
    }
  | { readonly reason: "binding_required" }
  | { readonly reason: "binding_absent" }
  | { readonly reason: "proof_missing" }
  | { readonly reason: "proof_rejected"; readonly what: string; readonly hash?: string }
  | { readonly reason: "proof_replayed" }
  /** The proof may have been used in an earlier life of the ledger: it is to be made anew, with this nonce. */
  | { readonly reason: "nonce_required"; readonly nonce: string }
  // catalog
  | { readonly reason: "target_ambiguous"; readonly what: string }
  /** Whoever asks says that the call is for somebody else than the token does. */
  | { readonly reason: "subject_differs"; readonly what: string }
  | { readonly reason: "tool_unknown"; readonly called: string }
  | { readonly reason: "body_rejected"; readonly what: string }
  | { readonly reason: "mcp_rejected"; readonly what: string }
  | { readonly reason: "mcp_header_mismatch"; readonly header: string }
  | { readonly reason: "mcp_headers_untrusted"; readonly what: string }
  /** `what`: why they were not seen; absent: the call was made up, or it is not known. */
  | { readonly reason: "arguments_unknown"; readonly needed: readonly string[]; readonly what?: string }
  | { readonly reason: "arguments_unrepresentable"; readonly argument: string }
  | { readonly reason: "argument_variant"; readonly argument: string }
  // ledger
  | { readonly reason: "task_unknown" }
  | { readonly reason: "token_unissued" }
  | { readonly reason: "task_ended"; readonly task: string; readonly state: string }
  | { readonly reason: "tool_not_granted"; readonly scope: string; readonly task?: string }
  | { readonly reason: "sensitivity_exceeded"; readonly scope: string; readonly max: string; readonly task: string }
  | { readonly reason: "environment_not_granted"; readonly scope: string; readonly task: string }
  | {
      readonly reason: "argument_out_of_bounds"
      readonly scope: string
      readonly argument: string
      readonly bound: string
    }
  | { readonly reason: "calls_exhausted"; readonly task: string; readonly limit: number }
  /** The plan of the task, or of one above it, has no place for the call now. */
  | {
      readonly reason: "plan_left"
      readonly task: string
      readonly expected: readonly string[]
      readonly consequence: Consequence
    }
  | {
      readonly reason: "window_full"
      readonly window: string
      readonly limit: number
      readonly seconds: number
      readonly retry_after: number
      readonly consequence: Consequence
    }
  // guardrails
  /** `seconds` null: a budget for as long as the tree lives. */
  | {
      readonly reason: "budget_spent"
      readonly budget: string
      readonly limit: number
      /** Null in a record: it would tell an argument that is redacted. */
      readonly used: number | null
      readonly asked: number | null
      readonly seconds: number | null
      /** Seconds until there is room for the call. Null: there never is, or it would tell an argument that is redacted. */
      readonly retry_after: number | null
      readonly consequence: Consequence
    }
  /** The same call, or values of a field that should not change, or denials, more often than there may be. */
  | {
      readonly reason: "call_repeated" | "origin_changed" | "denial_storm"
      readonly guardrail: string
      readonly limit: number
      readonly seconds: number
      readonly consequence: Consequence
    }
  | {
      readonly reason: "calls_circle"
      readonly guardrail: string
      readonly length: number
      readonly times: number
      readonly consequence: Consequence
    }
  /** What a guardrail or rules deny is left to people. `because`: why they do. */
  | {
      readonly reason: "approval_required"
      /** That asks; null: rules do. */
      readonly guardrail: string | null
      /** In approvers.yaml; null: any operator answers. */
      readonly name: string | null
      readonly because: string
      /** Null: nobody is asked, as the gateway observes. */
      readonly approval: string | null
      readonly status: "pending" | "rejected" | "not_asked"
      /** Seconds since the epoch; null: nobody is asked. */
      readonly expires_at: number | null
    }
  | { readonly reason: "sequence_broken"; readonly guardrail: string; readonly consequence: Consequence }
  | {
      readonly reason: "too_many_at_once"
      readonly guardrail: string
      readonly limit: number
      readonly retry_after: number
      readonly consequence: Consequence
    }
  /** The call does not have what a guardrail tells calls apart by. */
  | { readonly reason: "guardrail_field_missing"; readonly guardrail: string; readonly field: string }
  | {
      readonly reason: "amount_unreadable"
      readonly guardrail: string
      readonly field: string
      /** `missing`, `no number`, `negative`, `too precise`, `too large`. */
      readonly what: string
    }
  /** More would have to be kept in mind than a tree may take up. */
  | { readonly reason: "history_full"; readonly guardrail: string }
  /** A count that all trees share is out of reach. */
  | { readonly reason: "limit_unavailable"; readonly guardrail: string }
  // switches
  | { readonly reason: "stopped"; readonly switch: string; readonly kind: "agent" | "user" | "key" | "everything" }
  | { readonly reason: "tool_stopped"; readonly switch: string; readonly tool: string }
  // observations
  /** `seen`: the hash that was seen last; null: more tools have changed than are kept, this one may be among them. */
  | { readonly reason: "tool_changed"; readonly tool: string; readonly pinned: string; readonly seen: string | null }
  // policy
  | { readonly reason: "agent_unregistered"; readonly agent: string }
  | { readonly reason: "policy_forbids"; readonly principal: string; readonly rules: readonly string[] }
  | { readonly reason: "policy_permits_nothing"; readonly principal: string }
  /** What forbids it would be lifted by a stronger or fresher session of the user (RFC 9470). */
  | {
      readonly reason: "step_up_required"
      readonly principal: string
      readonly rules: readonly string[]
      readonly acr_values: string | null
      /** Seconds. */
      readonly max_age: number | null
      /** The token has to be bound to a key, or is: the challenge is one for bound tokens. */
      readonly bound: boolean
    }
  /** What forbids it would be lifted by a token that is bound to a key (RFC 9449). */
  | { readonly reason: "bound_key_required"; readonly principal: string; readonly rules: readonly string[] }
  // outage
  | { readonly reason: "bundle_unavailable" }
  | { readonly reason: "switches_unavailable" }
  | { readonly reason: "keys_unavailable" }
  | { readonly reason: "ledger_unavailable" }
  /** The gateway wants a Transaction Token, and there is no key to sign it with. */
  | { readonly reason: "signing_key_unavailable" }
  | { readonly reason: "failed" }

export type Reason = Denial["reason"]

export const CODE_OF_REASON: Readonly<Record<Reason, Code>> = {
  gateway_unknown: "unknown_gateway",
  gateway_dialect_mismatch: "unknown_gateway",
  target_missing: "malformed_call",
  original_path_differs: "malformed_call",
  token_missing: "missing_token",
  authorization_malformed: "invalid_token",
  token_malformed: "invalid_token",
  token_rejected: "invalid_token",
  token_expired: "invalid_token",
  audience_mismatch: "invalid_token",
  binding_required: "invalid_token",
  binding_absent: "invalid_token",
  proof_missing: "invalid_token",
  proof_rejected: "invalid_token",
  proof_replayed: "invalid_token",
  nonce_required: "invalid_token",
  target_ambiguous: "malformed_call",
  subject_differs: "malformed_call",
  tool_unknown: "unknown_tool",
  body_rejected: "malformed_call",
  mcp_rejected: "malformed_call",
  mcp_header_mismatch: "malformed_call",
  mcp_headers_untrusted: "malformed_call",
  arguments_unknown: "malformed_call",
  arguments_unrepresentable: "malformed_call",
  argument_variant: "malformed_call",
  task_unknown: "invalid_token",
  token_unissued: "invalid_token",
  task_ended: "invalid_token",
  tool_not_granted: "insufficient_scope",
  sensitivity_exceeded: "insufficient_scope",
  environment_not_granted: "insufficient_scope",
  argument_out_of_bounds: "insufficient_scope",
  calls_exhausted: "budget_exhausted",
  plan_left: "deviation",
  window_full: "rate_limited",
  budget_spent: "budget_exhausted",
  call_repeated: "loop_detected",
  calls_circle: "loop_detected",
  denial_storm: "loop_detected",
  origin_changed: "deviation",
  approval_required: "approval_required",
  sequence_broken: "sequence_denied",
  too_many_at_once: "rate_limited",
  guardrail_field_missing: "policy_denied",
  amount_unreadable: "policy_denied",
  history_full: "budget_exhausted",
  limit_unavailable: "unavailable",
  stopped: "invalid_token",
  tool_stopped: "policy_denied",
  tool_changed: "tool_changed",
  agent_unregistered: "policy_denied",
  policy_forbids: "policy_denied",
  policy_permits_nothing: "policy_denied",
  step_up_required: "step_up_required",
  bound_key_required: "invalid_token",
  bundle_unavailable: "unavailable",
  switches_unavailable: "unavailable",
  keys_unavailable: "unavailable",
  ledger_unavailable: "unavailable",
  signing_key_unavailable: "unavailable",
  failed: "unavailable",
}

export function codeOf(denial: Denial): Code {
  return CODE_OF_REASON[denial.reason]
}

/** Steps return their output or a denial; `deny` marks the latter so that the two can be told apart. */
export interface Denied {
  readonly denied: Denial
}

export function deny(denial: Denial): Denied {
  return { denied: denial }
}

export function isDenied(outcome: object): outcome is Denied {
  return "denied" in outcome
}
