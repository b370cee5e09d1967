import type { UserFacts } from "../policy/principals.ts"
import type { CodeTerms, Refreshing } from "./authorization-code.ts"
import type { GrantReduction } from "./grant.ts"
import type { OpenRequest } from "./open-request.ts"

export interface Consent {
  /** Hex SHA-256 of the secret part of `auth_req_id`, or of the code. */
  readonly secretHash: string
  readonly agent: string
  /** The person whose consent is requested; what is known of them so far. */
  readonly user: UserFacts
  readonly purpose: string | null
  readonly asked: OpenRequest["asked"]
  readonly audience: string
  /** Lets the person recognize this request (CIBA, section 7.1). */
  readonly bindingMessage: string | null
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /**
   * Milliseconds that the task may live at most, as the person was shown; 0 if they have not been shown anything yet.
   */
  readonly life: number
  /** The person's answer. Null if there is none yet. */
  readonly answer: ConsentResponse | null
  /** A token has been issued for it, so no other one can be. */
  readonly isRedeemed: boolean
  /** Terms of an authorization code. Absent if the client polls. */
  readonly code?: CodeTerms
  /** What the person's consent leaves of it, if they were shown each part. Absent: all. */
  readonly kept?: GrantReduction
  /** The refresh tokens of its task. Absent if it has none. */
  readonly refreshing?: Refreshing
}

export interface ConsentResponse {
  readonly approved: boolean
  /** The person, by the session in which they answered. */
  readonly person: UserFacts
  /** Milliseconds since the epoch, when that session ends: what it consented to ends with it. */
  readonly until: number
  /** Milliseconds since the epoch, when that session began: their consent is no younger authority than the session. */
  readonly since: number
}
