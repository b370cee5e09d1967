/**
 * Denials that a storm has counted, for as long as a gateway may repeat the call because its own request was cut: the
 * repeated call is no further denial. In memory alone: one that is lost counts twice, which admits nothing.
 */
import type { Call } from "../core/decision/call.ts"
import { retryKey } from "../core/decision/check-credential.ts"

type RetriedCall = Pick<Call, "gateway" | "retry">

/**
 * For this long a gateway's retry is the same call, as in `decide`: the retry of an allowed call must not count twice.
 */
const RETRY_WITHIN_MS = 5_000

export class CountedDenials {
  /** By gateway and request id. */
  readonly #denials = new Map<string, { readonly call: string; readonly until: number }>()

  has({ gateway, retry }: RetriedCall, now: number): boolean {
    if (!retry) return false
    const seen = this.#denials.get(retryKey(gateway, retry.requestId))
    return seen?.call === retry.call && now < seen.until
  }

  add({ gateway, retry }: RetriedCall, now: number): void {
    if (!retry) return
    // The oldest come first.
    for (const [key, { until }] of this.#denials) {
      if (until > now) break
      this.#denials.delete(key)
    }
    const key = retryKey(gateway, retry.requestId)
    this.#denials.delete(key)
    this.#denials.set(key, { call: retry.call, until: now + RETRY_WITHIN_MS })
  }
}
