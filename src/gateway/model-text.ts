/** The paragraph for models and developers (core/denials/denial-text.ts) about the denial of a message. */
import { codeOf, describeDenial, type Denial } from "../core/denials/denial.ts"
import { denialText, type ApprovalText, type DenialText } from "../core/denials/denial-text.ts"
import type { DeniedMessage } from "./json-rpc.ts"

/** Where people decide on a call, as a denial says it. */
export interface ApprovalLinks extends ApprovalText {
  readonly id: string
  readonly name: string | null
  /** What ends it at `expires_at`. */
  readonly limited_by: string | null
  /** For programs. */
  readonly uri: string
}

export interface ModelText extends Pick<DenialText, "scope" | "retryAfter"> {
  readonly denial: Denial
  readonly message: Pick<DeniedMessage, "tool" | "method">
  readonly decision: string
  readonly approval: ApprovalLinks | null
}

export function modelText({ denial, message, ...rest }: ModelText): string {
  return denialText({ ...rest, code: codeOf(denial), description: describeDenial(denial), subject: message })
}
