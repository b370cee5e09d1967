/**
 * What becomes of a delivery after a try: it is done, tried again later, or dead. Later and later, with a part left to
 * chance, so that receivers which were down together are not asked together; for a day at most. Pure.
 */

/** What a receiver answered, as far as anything follows from it: of its body nothing is read. */
export type ReceiverResponse =
  | { readonly status: number; readonly retryAfter: string | null }
  | { readonly failure: "timeout" | "unreachable" }

/** Why a try failed, or a delivery is dead: one of a closed set, fit to be shown. */
export type Failure =
  | "timeout"
  | "unreachable"
  /** 3xx: nobody but receivers.yaml says where to. */
  | "redirected"
  /** 410: it wants nothing more. */
  | "gone"
  /** 429. */
  | "throttled"
  /** Another 4xx. */
  | "refused"
  /** 5xx, and what is no status of an answer. */
  | "failing"

export type Next =
  | { readonly kind: "done" }
  | {
      readonly kind: "again"
      readonly failure: Failure
      /** Milliseconds, when. */
      readonly at: number
      /** It is no fault of this message: nothing else is sent before then. */
      readonly holdUntil: number | null
    }
  | { readonly kind: "dead"; readonly failure: Failure }

export interface Tries {
  /** With the one that was just made. */
  readonly tries: number
  /** Milliseconds, when the first was due. */
  readonly since: number
  /** Failures in a row of the receiver, whatever the message; with this one. */
  readonly inARow: number
}

const FIRST_PAUSE_MS = 5_000
export const LONGEST_PAUSE_MS = 14_400_000
export const GIVE_UP_AFTER_MS = 86_400_000
/** What says that the message is wrong says so again: it may be a slip that is fixed soon, or never. */
const MOST_REFUSALS = 4
const LONGEST_HOLD_MS = 300_000
/** Whoever wants to be left alone for longer is asked once an hour all the same, or they could silence us for good. */
export const LONGEST_RETRY_AFTER_MS = 3_600_000

/**
 * @param now milliseconds
 * @param chance from 0 to 1
 */
export function nextOf(answer: ReceiverResponse, tried: Tries, now: number, chance: number): Next {
  const failure = failureOf(answer)
  if (failure === null) return { kind: "done" }
  if (failure === "gone") return { kind: "dead", failure }
  if ((failure === "refused" || failure === "redirected") && tried.tries >= MOST_REFUSALS)
    return { kind: "dead", failure }
  const asked = "status" in answer ? retryAfterOf(answer.retryAfter, now) : null
  const at = now + Math.max(pauseOf(tried.tries, chance), asked ?? 0)
  if (at > tried.since + GIVE_UP_AFTER_MS) return { kind: "dead", failure }
  const isItsOwn = failure === "refused" || failure === "redirected"
  const hold = asked ?? Math.min(pauseOf(tried.inARow, chance), LONGEST_HOLD_MS)
  return { kind: "again", failure, at, holdUntil: isItsOwn ? null : now + hold }
}

function failureOf(answer: ReceiverResponse): Failure | null {
  if ("failure" in answer) return answer.failure
  const { status } = answer
  if (status >= 200 && status < 300) return null
  if (status >= 300 && status < 400) return "redirected"
  if (status === 410) return "gone"
  if (status === 429) return "throttled"
  // 408, 425: another time it may do.
  return status >= 400 && status < 500 && status !== 408 && status !== 425 ? "refused" : "failing"
}

/** From half of it to all of it. */
export function pauseOf(tries: number, chance: number): number {
  const whole = Math.min(FIRST_PAUSE_MS * 4 ** Math.max(0, tries - 1), LONGEST_PAUSE_MS)
  return Math.round(whole * (0.5 + chance / 2))
}

/** RFC 9110 10.2.3: seconds or a date. @returns milliseconds; null where it says neither */
function retryAfterOf(text: string | null, now: number): number | null {
  if (text === null) return null
  const wait = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isNaN(wait) ? null : Math.min(Math.max(wait, 0), LONGEST_RETRY_AFTER_MS)
}
