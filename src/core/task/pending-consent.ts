import type { UserFacts } from "../policy/principals.ts"
import type { CodeTerms, Refreshing } from "./authorization-code.ts"
import type { GrantReduction } from "./grant.ts"
import type { OpenRequest } from "./open-request.ts"

export interface Consent {
  /** Hex SHA-256 of the secret part of `auth_req_id`, or of the code. */
  readonly secretHash: string
  readonly agent: string
  /** Whom it is asked of; what is known of them so far. */
  readonly user: UserFacts
  readonly purpose: string | null
  readonly asked: OpenRequest["asked"]
  readonly audience: string
  /** For the person, to know this request by (CIBA 7.1). */
  readonly bindingMessage: string | null
  /** Milliseconds. */
  readonly expiresAt: number
  /** What the person was shown; 0 where nothing was yet: milliseconds that the task may live at most. */
  readonly life: number
  /** What the person said. */
  readonly answer: ConsentResponse | null
  /** A token has been issued for it: it is over. */
  readonly isRedeemed: boolean
  /** Of an authorization code; absent: it is polled for. */
  readonly code?: CodeTerms
  /** What the person left of it, where they were shown each part; absent: all. */
  readonly kept?: GrantReduction
  /** Of the refresh tokens of its task; absent: it has none. */
  readonly refreshing?: Refreshing
}

export interface ConsentResponse {
  readonly approved: boolean
  /** The person, by the session in which they said it. */
  readonly person: UserFacts
  /** Milliseconds, when that session ends: what it consented to ends with it. */
  readonly until: number
  /** Milliseconds, when that session was issued: what they said is no younger authority than it. */
  readonly since: number
}
