/**
 * Authorization codes (RFC 6749 4.1, RFC 7636) and the refresh tokens that come of them (6): what has to be shown with one,
 * and how it shows that somebody has it who should not. Pure; the ledger keeps what is to be known of them.
 */
import { isSame } from "../constant-time.ts"
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
  /** The first refresh token, should it be taken. */
  readonly refresh: RefreshShown
}

/** A refresh token: hex SHA-256 of what all of its task share, and of what it has besides. */
export interface RefreshShown {
  readonly family: string
  readonly secret: string
}

/** The refresh tokens of a task, by the hashes of their secrets. */
export interface Refreshing {
  readonly family: string
  /** Each is good; more than one only where several requests came at once. */
  readonly good: readonly string[]
  /** What was replaced last; until then, in milliseconds, another is to be had for it. */
  readonly replaced: { readonly secrets: readonly string[]; readonly until: number }
}

/**
 * A program whose requests all find that their token has expired refreshes for each of them, with what it has; and one
 * that has heard no answer tries again. Whoever steals one has no more time than this, and is noticed when next one of
 * the two comes late (RFC 9700 4.14.2).
 */
const AGAIN_WITHIN_MS = 10_000
/** Requests at once: more no program has need of. */
const MOST_AT_ONCE = 32

export function firstOf({ family, secret }: RefreshShown): Refreshing {
  return { family, good: [secret], replaced: { secrets: [], until: 0 } }
}

/** What is good once `next` was given for `shown`, which is no misuse; null: for too many at once. */
export function renewed(
  { family, good, replaced }: Refreshing,
  shown: string,
  next: string,
  now: number,
): Refreshing | null {
  if (good.some((each) => isSame(each, shown))) {
    return { family, good: [next], replaced: { secrets: good, until: now + AGAIN_WITHIN_MS } }
  }
  return good.length < MOST_AT_ONCE ? { family, good: [...good, next], replaced } : null
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

/** One that was replaced, and whoever shows it late: one of two has stolen it. */
export function misuseOfRefresh(
  { agent, refreshing }: Consented,
  by: { readonly agent: string; readonly shown: RefreshShown },
  now: number,
): string | null {
  if (!refreshing || !isSame(refreshing.family, by.shown.family)) return null
  if (agent !== by.agent) return "another agent's"
  const { good, replaced } = refreshing
  const taken = now < replaced.until ? [...good, ...replaced.secrets] : good
  return taken.some((each) => isSame(each, by.shown.secret)) ? null : "replaced before"
}

export const misused = (what: string): Refused => refuse({ reason: "grant_refused", what })
