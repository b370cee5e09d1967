/**
 * What a model reads in place of the result of a tool that it may not call, and a developer in place of another answer:
 * one paragraph that says what was denied, why (no more than any caller may know), what helps, and when. Many clients
 * show nothing else of an answer. Text of the caller stands in it in quotation marks and ASCII alone, so that it cannot
 * pass for ours.
 */
import { asciiText, displayText } from "../encoding/display-text.ts"
import { CODES } from "./terms/code.ts"

/** What the paragraph says of an approval: whether it waits or is rejected, until when, and the page for people. */
export interface ApprovalText {
  readonly status: string
  /** Seconds since the epoch. */
  readonly expires_at: number | null
  readonly url: string
}

/** What was denied, in the client's own words. */
export interface DeniedSubject {
  /** The tool that was called. */
  readonly tool: string | null
  /** The JSON-RPC method. */
  readonly method: string | null
}

export interface DenialText {
  /** One of `CODES`; of another version's code no advice is known. */
  readonly code: string
  /** What any caller may know of the reason: a sentence, and what the rules say themselves. */
  readonly description: string
  readonly subject: DeniedSubject
  /** Null: nothing was recorded, because nobody was asked. */
  readonly decision: string | null
  readonly approval: ApprovalText | null
  /** The scope that would cover the call; null: the client could get none, or scope is not what is missing. */
  readonly scope: string | null
  /** Seconds; null: waiting does not help, or for how long is unknown. */
  readonly retryAfter: number | null
}

/** More than any sentence of ours; a rule's own message may be long. */
const MAX_SENTENCE = 600

const ADVICE: ReadonlyMap<string, string | null> = new Map(
  Object.entries(CODES).map(([code, { advice }]) => [code, advice]),
)

export function denialText({ code, description, subject, decision, approval, scope, retryAfter }: DenialText): string {
  const parts = [
    `Narrowgate denied ${subjectText(subject)}, and nothing was done.`,
    displayText(description, MAX_SENTENCE),
    ...(approval ? [approvalText(approval)] : []),
    scope === null ? (ADVICE.get(code) ?? "") : `A token with the scope ${scope} would do.`,
    ...(retryAfter === null ? [] : [`Try again in ${retryAfter} ${retryAfter === 1 ? "second" : "seconds"}.`]),
    decision === null ? `(${code})` : `(${code}, decision ${decision})`,
  ]
  return parts.filter((part) => part !== "").join(" ")
}

/** What a client shows its user together with the URL. */
export function approvalRequest(subject: DeniedSubject, { expires_at }: Pick<ApprovalText, "expires_at">): string {
  const until = expires_at === null ? "" : ` until ${moment(expires_at)}`
  return `A person has to approve ${subjectText(subject)}. That can be done at this page${until}.`
}

function subjectText({ tool, method }: DeniedSubject): string {
  if (tool !== null) return `the call of ${JSON.stringify(asciiText(tool))}`
  return method === null ? "the message" : `the request ${JSON.stringify(asciiText(method))}`
}

function approvalText({ status, expires_at, url }: ApprovalText): string {
  const until = expires_at === null ? "" : ` until ${moment(expires_at)}`
  return status === "rejected"
    ? `It was rejected; that holds${until}.`
    : `It can be approved at ${url}${until}: give that address to the user, and repeat exactly the same call once it is approved.`
}

// oxlint-disable-next-line no-restricted-globals -- it formats the moment that it is given
const moment = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(".000Z", "Z")
