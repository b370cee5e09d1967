/** What the API shows of the deliveries to one receiver. */
import type { FormatError } from "./formats/message.ts"
import type { Failure } from "./retry.ts"

/** Why a delivery is dead, also if it was not tried, or could have been tried again. */
export type Reason =
  | Failure
  | FormatError["hindrance"]
  | "url_refused"
  | "queue_full"
  | "not_told"
  | "receiver_unknown"
  | "expired"
  | "failed"

/** Times in milliseconds since the epoch. */
export interface Deliveries {
  readonly waiting: number
  readonly dead: number
  readonly next_at: number | null
  readonly succeeded_at: number | null
  readonly last_failure: { readonly at: number; readonly reason: string; readonly status: number | null } | null
  /** It has answered 410: nothing is sent until its URL changes or an operator retries. */
  readonly gone: boolean
  readonly dead_letters: readonly {
    readonly id: string
    readonly type: string
    readonly reason: string
    readonly tries: number
    readonly died_at: number
  }[]
}
