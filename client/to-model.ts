/** A denial in words for a model. */
import { asciiText, displayText } from "../src/core/encoding/display-text.ts"
import { CODES, isCode } from "../src/core/denials/terms/code.ts"
import type { Approval, Denial, StepUp } from "./denial.ts"
import { isObject, isTime } from "./json.ts"

/** Characters; a rule's own message may be long. */
const LONGEST = 600

/**
 * One paragraph that a model can act on: what is denied, why, what helps, and when. Nothing in it is invisible or breaks
 * the line.
 *
 * @throws {TypeError} if `denial` is none, such as the promise of `denialOf`
 */
export function toModel(denial: Denial): string {
  const given: unknown = denial
  if (!isObject(given) || typeof given["code"] !== "string")
    throw new TypeError("this is no denial: give what `await denialOf(…)` returned, if it returned one")
  const { code, description, tool, decision, scope, approval, stepUp, retryAfter } = denial
  const advice =
    scope !== undefined ? `A token with the scope ${scope} would do.` : isCode(code) ? CODES[code].advice : null
  const parts = [
    `Narrowgate denied the call${tool === undefined ? "" : ` of ${JSON.stringify(asciiText(tool))}`}, and nothing was done.`,
    description,
    ...(approval ? [approvalText(approval)] : []),
    ...(stepUp ? [stepUpText(stepUp)] : []),
    advice ?? "",
    // A model that reads a time would repeat the call until people answer.
    ...(retryAfter === undefined || code === "approval_required"
      ? []
      : [`Try again in ${retryAfter} ${retryAfter === 1 ? "second" : "seconds"}.`]),
    `(${code}${decision === undefined ? "" : `, decision ${decision}`})`,
  ]
  return parts
    .map((part) => displayText(part, LONGEST))
    .filter((part) => part !== "")
    .join(" ")
}

function approvalText({ status, url, expiresAt }: Approval): string {
  const isKnown = expiresAt !== undefined && isTime(expiresAt)
  const until = isKnown ? ` until ${new Date(expiresAt).toISOString().replace(".000Z", "Z")}` : ""
  if (status === "rejected") return `It was rejected; that holds${until}.`
  return `It can be approved at ${url}${until}: give that address to the user, and repeat exactly the same call once it is approved.`
}

function stepUpText({ acrValues, maxAge }: StepUp): string {
  const strength = acrValues ? ` by ${acrValues.join(" or ")}` : ""
  const age = maxAge === undefined ? "" : `, at most ${maxAge} seconds ago`
  return `Ask the user to log in again${strength}${age}.`
}
