/**
 * What follows from a try to deliver: the delivery is done, tried again later, or dead. The pauses grow, with a random
 * part, so that receivers that were down together do not get their requests together; for a day at most. Pure.
 */

/** The parts of a receiver's response that have an effect; its body is not read. */
export type ReceiverResponse =
  | { readonly status: number; readonly retryAfter: string | null }
  | { readonly failure: "timeout" | "unreachable" }

/** Why a try failed, or a delivery is dead: one of a closed set that may be shown. */
export type Failure =
  | "timeout"
  | "unreachable"
  /** 3xx: only receivers.yaml determines the URL. */
  | "redirected"
  /** 410: the receiver wants no more deliveries. */
  | "gone"
  /** 429. */
  | "throttled"
  /** Another 4xx. */
  | "refused"
  /** 5xx, and what is no status of a response. */
  | "failing"

export type Next =
  | { readonly kind: "done" }
  | {
      readonly kind: "again"
      readonly failure: Failure
      /** Milliseconds since the epoch. */
      readonly at: number
      /** Milliseconds since the epoch, until when nothing else is sent. Null if the failure is the message's own. */
      readonly holdUntil: number | null
    }
  | { readonly kind: "dead"; readonly failure: Failure }

export interface Tries {
  /** Including the one that was just made. */
  readonly tries: number
  /** Milliseconds since the epoch, when the first was due. */
  readonly since: number
  /** Successive failures of the receiver, with any message; including this one. */
  readonly inARow: number
}

const FIRST_PAUSE_MS = 5_000
export const LONGEST_PAUSE_MS = 14_400_000
export const GIVE_UP_AFTER_MS = 86_400_000
/** A receiver that rejects a message will probably reject it again: the cause may be fixed soon, or never. */
const MOST_REFUSALS = 4
export const LONGEST_HOLD_MS = 300_000
/** A longer `Retry-After` counts as one hour; otherwise a receiver could silence us for good. */
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
  const requestedWait = "status" in answer ? retryAfterOf(answer.retryAfter, now) : null
  const at = now + Math.max(pauseOf(tried.tries, chance), requestedWait ?? 0)
  if (at > tried.since + GIVE_UP_AFTER_MS) return { kind: "dead", failure }
  const isItsOwn = failure === "refused" || failure === "redirected"
  const hold = requestedWait ?? Math.min(pauseOf(tried.inARow, chance), LONGEST_HOLD_MS)
  return { kind: "again", failure, at, holdUntil: isItsOwn ? null : now + hold }
}

/** Null if the response is a success. */
export function failureOf(answer: ReceiverResponse): Failure | null {
  if ("failure" in answer) return answer.failure
  const { status } = answer
  if (status >= 200 && status < 300) return null
  if (status >= 300 && status < 400) return "redirected"
  if (status === 410) return "gone"
  if (status === 429) return "throttled"
  // 408, 425: a later try may succeed.
  return status >= 400 && status < 500 && status !== 408 && status !== 425 ? "refused" : "failing"
}

/** Between half and all of the pause. */
export function pauseOf(tries: number, chance: number, first = FIRST_PAUSE_MS): number {
  const whole = Math.min(first * 4 ** Math.max(0, tries - 1), LONGEST_PAUSE_MS)
  return Math.round(whole * (0.5 + chance / 2))
}

/**
 * RFC 9110, section 10.2.3: seconds or a date.
 * @returns milliseconds; null if it is neither
 */
export function retryAfterOf(text: string | null, now: number): number | null {
  if (text === null) return null
  const wait = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isNaN(wait) ? null : Math.min(Math.max(wait, 0), LONGEST_RETRY_AFTER_MS)
}
