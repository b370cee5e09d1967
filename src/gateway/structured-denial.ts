/**
 * What a program learns of a denial by a draft of MCP: SEP-2643, "Structured Authorization Denials" (pull request 2643 of
 * modelcontextprotocol, its text of early September 2026). A gateway's entry asks for it by `experimental:
 * [structured-denials]`. It says nothing that the text beside it does not say. This file is all of it.
 */
import { codeOf } from "../core/denials/denial.ts"
import type { Code } from "../core/denials/terms/code.ts"
import type { ModelText } from "./model-text.ts"

const KEY = "io.modelcontextprotocol/authorization"

/**
 * `unavailable`: neither the agent nor its user can do anything about the denial. `undisclosed`: something may help, which
 * the draft has no hint for, and which the text says in words. Null: it is no denial of authority, or a challenge, which
 * the draft leaves to HTTP.
 */
const REMEDIATION = {
  missing_token: null,
  invalid_token: null,
  step_up_required: null,
  // Without a scope that would do, or it were a challenge.
  insufficient_scope: "unavailable",
  policy_denied: "unavailable",
  unknown_tool: "unavailable",
  unknown_method: null,
  unknown_gateway: null,
  budget_exhausted: "undisclosed",
  sequence_denied: "undisclosed",
  approval_required: "undisclosed",
  loop_detected: "undisclosed",
  deviation: "undisclosed",
  tool_changed: "undisclosed",
  rate_limited: "undisclosed",
  malformed_call: null,
  unavailable: null,
} as const satisfies Readonly<Record<Code, "unavailable" | "undisclosed" | null>>

/**
 * A client sends `authorizationContextId` back when it repeats the request. Nothing here reads it: the draft calls it no
 * authorization, and it is the id of a decision that is in the record already.
 * @param opensPage the result asks the client to open the page of an approval: the one remedy here with a hint
 */
export function structuredDenial(
  { denial, approval, decision }: Pick<ModelText, "denial" | "approval" | "decision">,
  opensPage: boolean,
): Readonly<Record<string, unknown>> {
  const remediation = approval?.status === "rejected" ? "unavailable" : REMEDIATION[codeOf(denial)]
  if (remediation === null) return {}
  const remedy = opensPage ? { remediation: "available", remediationHints: [{ type: "url" }] } : { remediation }
  return { [KEY]: { reason: "insufficient_authorization", authorizationContextId: decision, ...remedy } }
}
