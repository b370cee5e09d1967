/**
 * What a model reads in place of the result of a tool that it may not call: one paragraph that says what was denied, why
 * as far as any caller may know, what helps, and when. Text of the caller stands in it in quotation marks and ASCII
 * alone, so that it cannot pass for ours.
 */
import { codeOf, describeDenial, type Denial } from "../core/denials/denial.ts"
import { CODES } from "../core/denials/terms/code.ts"
import { asciiText, displayText } from "../core/encoding/display-text.ts"

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
  /** In the client's own words. */
  readonly tool: string
  readonly decision: string
  readonly approval: ApprovalLinks | null
  /** Seconds; null: waiting does not help, or nobody knows how long. */
  readonly retryAfter: number | null
}

/** More than any sentence of ours; a rule's own message may be long. */
const MAX_SENTENCE = 600

export function modelText({ denial, tool, decision, approval, retryAfter }: ModelText): string {
  const parts = [
    `Narrowgate denied the call of ${JSON.stringify(asciiText(tool))}, and nothing was done.`,
    displayText(describeDenial(denial), MAX_SENTENCE),
    ...(approval ? [approvalText(approval)] : []),
    CODES[codeOf(denial)].advice ?? "",
    ...(retryAfter === null ? [] : [`Try again in ${retryAfter} ${retryAfter === 1 ? "second" : "seconds"}.`]),
    `(Decision ${decision}.)`,
  ]
  return parts.filter((part) => part !== "").join(" ")
}

/** What a client shows its user together with the URL. */
export function approvalRequest(tool: string, { expires_at }: ApprovalLinks): string {
  const until = expires_at === null ? "" : ` until ${moment(expires_at)}`
  return `The call of ${JSON.stringify(asciiText(tool))} needs a person's approval, which can be given at this page${until}.`
}

function approvalText({ status, expires_at, url }: ApprovalLinks): string {
  const until = expires_at === null ? "" : ` until ${moment(expires_at)}`
  return status === "rejected"
    ? `It was rejected; that holds${until}.`
    : `It can be approved at ${url}${until}: give that address to the user, and repeat exactly the same call once it is approved.`
}

const moment = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(".000Z", "Z")
