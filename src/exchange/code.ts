/**
 * Authorization codes (RFC 6749 4.1, RFC 7636) and the refresh tokens that come of them (6): what has to be shown with one,
 * and how it shows that somebody has it who should not. Pure; the ledger keeps what is to be known of them.
 */
import { refuse, type Refused } from "./refusal.ts"

/** What its client has to show besides the code. */
export interface CodeTerms {
  /** base64url SHA-256 of its verifier: `S256`, and no other method. */
  readonly challenge: string
  readonly redirectUri: string
  /** Thumbprint of the key that its token has to be bound to (RFC 9449 10); null: any, or none. */
  readonly jkt: string | null
}

/** What was shown besides the code. */
export interface CodeShown {
  /** base64url SHA-256 of the verifier. */
  readonly challenge: string
  /** Null: not told, as OAuth 2.1 has it. */
  readonly redirectUri: string | null
  /** Null: not told. */
  readonly audience: string | null
  readonly refreshing: Refreshing
}

/** Of the refresh tokens of a task: hex SHA-256 of what all of them share, and of what the last one has besides. */
export interface Refreshing {
  readonly family: string
  readonly last: string
}

interface Consented {
  readonly agent: string
  readonly secretHash: string
  readonly isRedeemed: boolean
  readonly code?: CodeTerms
  readonly refreshing?: Refreshing
}

/**
 * Who shows a code's secret has the code: where that is not whom it was for, or it was used, it has come to somebody else
 * (RFC 6749 4.1.2, RFC 9700 4.5). Null: nothing shows that.
 */
export function misuseOfCode(
  { agent, secretHash, isRedeemed, code }: Consented,
  by: { readonly agent: string; readonly secretHash: string; readonly jkt: string | null; readonly shown?: CodeShown },
): string | null {
  if (!code || !by.shown || !isSame(secretHash, by.secretHash)) return null
  if (isRedeemed) return "used before"
  if (agent !== by.agent) return "another agent's"
  if (!isSame(code.challenge, by.shown.challenge)) return "another verifier"
  if (by.shown.redirectUri !== null && by.shown.redirectUri !== code.redirectUri) return "another redirect_uri"
  return code.jkt !== null && code.jkt !== by.jkt ? "another key" : null
}

/** One of the family that is not the last was replaced, and whoever has shown it, one of two has stolen it (RFC 9700 4.14.2). */
export function misuseOfRefresh(
  { agent, refreshing }: Consented,
  by: { readonly agent: string; readonly shown: Refreshing },
): string | null {
  if (!refreshing || !isSame(refreshing.family, by.shown.family)) return null
  if (agent !== by.agent) return "another agent's"
  return isSame(refreshing.last, by.shown.last) ? null : "replaced before"
}

export const misused = (what: string): Refused => refuse({ reason: "grant_refused", what })

/** Takes as long whichever letter differs. */
export function isSame(one: string, other: string): boolean {
  let difference = one.length ^ other.length
  for (let at = 0; at < one.length; at++) difference |= one.charCodeAt(at) ^ other.charCodeAt(at)
  return difference === 0
}
