/**
 * What a model reads in place of the result of a tool that it may not call, and a developer in place of another answer:
 * one paragraph that says what was denied, why (no more than any caller may know), what helps, and when. Many clients
 * show nothing else of an answer. Text of the caller stands in it in quotation marks and ASCII alone, so that it cannot
 * pass for ours.
 */
import { codeOf, describeDenial, type Denial } from "../core/denials/denial.ts"
import { CODES } from "../core/denials/terms/code.ts"
import { asciiText, displayText } from "../core/encoding/display-text.ts"
import type { DeniedMessage } from "./json-rpc.ts"

/** Where people decide on a call, as a denial says it. */
export interface ApprovalLinks {
  readonly id: string
  readonly name: string | null
  readonly status: string
  /** Seconds since the epoch. */
  readonly expires_at: number | null
  /** For programs. */
  readonly uri: string
  /** For people. */
  readonly url: string
}

export interface ModelText {
  readonly denial: Denial
  readonly message: Pick<DeniedMessage, "tool" | "method">
  readonly decision: string
  readonly approval: ApprovalLinks | null
  /** The scope that would cover the call; null: the client could get none, or scope is not what is missing. */
  readonly scope: string | null
  /** Seconds; null: waiting does not help, or for how long is unknown. */
  readonly retryAfter: number | null
}

/** More than any sentence of ours; a rule's own message may be long. */
const MAX_SENTENCE = 600

export function modelText({ denial, message, decision, approval, scope, retryAfter }: ModelText): string {
  const code = codeOf(denial)
  const parts = [
    `Narrowgate denied ${subjectOf(message)}, and nothing was done.`,
    displayText(describeDenial(denial), MAX_SENTENCE),
    ...(approval ? [approvalText(approval)] : []),
    scope === null ? (CODES[code].advice ?? "") : `A token with the scope ${scope} would do.`,
    ...(retryAfter === null ? [] : [`Try again in ${retryAfter} ${retryAfter === 1 ? "second" : "seconds"}.`]),
    `(${code}, decision ${decision})`,
  ]
  return parts.filter((part) => part !== "").join(" ")
}

/** What a client shows its user together with the URL. */
export function approvalRequest(message: ModelText["message"], { expires_at }: ApprovalLinks): string {
  const until = expires_at === null ? "" : ` until ${moment(expires_at)}`
  return `A person has to approve ${subjectOf(message)}. That can be done at this page${until}.`
}

function subjectOf({ tool, method }: ModelText["message"]): string {
  if (tool !== null) return `the call of ${JSON.stringify(asciiText(tool))}`
  return method === null ? "the message" : `the request ${JSON.stringify(asciiText(method))}`
}

function approvalText({ status, expires_at, url }: ApprovalLinks): string {
  const until = expires_at === null ? "" : ` until ${moment(expires_at)}`
  return status === "rejected"
    ? `It was rejected; that holds${until}.`
    : `It can be approved at ${url}${until}: give that address to the user, and repeat exactly the same call once it is approved.`
}

const moment = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(".000Z", "Z")
