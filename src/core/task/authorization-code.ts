/**
 * Authorization codes (RFC 6749 4.1, RFC 7636) and the refresh tokens that come of them (6): what has to be shown with one,
 * and how it shows that somebody has it who should not. Pure; the ledger keeps what is to be known of them.
 */
import { isSame } from "../encoding/constant-time.ts"
import { oauthError, type OAuthFailure } from "../denials/oauth-error.ts"

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
  /**
   * Each is good until one of them is used; more than one only where another was used several times. `token` is the `jti`
   * of the access token that was issued with it.
   */
  readonly good: readonly { readonly secret: string; readonly token: string }[]
  /** The one that was used last. Until then, in milliseconds, it gives further ones. Null: none was used. */
  readonly replaced: { readonly secret: string; readonly until: number } | null
  /** How much it looks as if two used them: see `REPEATED`. */
  readonly suspicion: number
}

/**
 * A client refreshes for each of its requests that find their token expired, with the token that it has, and once more
 * where the network has lost an answer. So a token that was used gives further ones for this long.
 */
const AGAIN_WITHIN_MS = 10_000
/** Requests at once: more no program has need of. */
const MOST_AT_ONCE = 32

/**
 * A thief who can read the client's store at any time shows each token within the seconds after its owner's use, goes on
 * with none, and so would have an access token of each round for ever. An owner loses an answer now and then. So a round
 * in which a token is used more than once adds `REPEATED`, one in which it is used once takes off `ONCE`, and what passes
 * `MOST_SUSPICION` is misuse: four such rounds in succession pass, and in the long run one of three. A token of a task
 * that is bound to a key adds nothing: each of its uses has proven the key.
 */
const REPEATED = 2
const ONCE = 1
const MOST_SUSPICION = 8

/** @param token `jti` of the access token that comes with it */
export function firstOf({ family, secret }: RefreshShown, token: string): Refreshing {
  return { family, good: [{ secret, token }], replaced: null, suspicion: 0 }
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

/** A refresh token as it was shown; `next` is the secret of the one to be given for it. */
interface Refresh {
  readonly agent: string
  readonly shown: RefreshShown
  readonly next: string
  /** `jti` of the access token to be issued with it. */
  readonly token: string
  /** Thumbprint of the key that was proven. */
  readonly jkt: string | null
}

/**
 * What becomes of the refresh tokens of a task (RFC 9700, section 4.14.2). Whoever has stolen one may use it within the
 * seconds in which its owner could have; then both have a token that the other has not. As soon as one of them uses what
 * it got, the other's is good no more, without any delay, and shows the theft when it is used: at most one of the two goes
 * on. The access tokens that the others got end in the same step. An owner whose answers are lost shows one and the same
 * token again, and is not cut off by that, unless it goes on for round after round.
 * @param boundTo thumbprint of the key to which the task's tokens are bound
 * @returns what shows that one has come to somebody else; why it is refused; or what is good once `next` was given, and
 * which access tokens end by that
 */
export function judgeRefresh(
  { agent, refreshing }: Consented,
  { agent: by, shown, next, token, jkt }: Refresh,
  boundTo: string | null,
  now: number,
): { readonly misuse: string } | OAuthFailure | { readonly refreshing: Refreshing; readonly lost: readonly string[] } {
  if (!refreshing || !isSame(refreshing.family, shown.family)) return misused("unknown")
  if (agent !== by) return { misuse: "another agent's" }
  const { family, good, replaced, suspicion } = refreshing
  const isGood = good.some(({ secret }) => isSame(secret, shown.secret))
  const isAgain = replaced !== null && now < replaced.until && isSame(replaced.secret, shown.secret)
  if (!isGood && !isAgain) return { misuse: "replaced before" }
  if (boundTo !== null && jkt !== boundTo) return { misuse: "another key" }
  if (boundTo === null && jkt !== null) {
    // Its owner had no key when it was used first: whoever brings one now would bind the task to it.
    if (!isGood) return { misuse: "another key" }
    // Of several one may be a thief's, who could bind the task to a key of theirs and so keep its owner out.
    if (good.length > 1) return oauthError({ reason: "key_differs" })
  }
  const given = { secret: next, token }
  const isRepeated = good.length > 1
  if (isGood) {
    const lost = good.flatMap((each) => (isSame(each.secret, shown.secret) ? [] : [each.token]))
    const by = { secret: shown.secret, until: now + AGAIN_WITHIN_MS }
    const less = isRepeated || replaced === null ? suspicion : Math.max(0, suspicion - ONCE)
    return { refreshing: { family, good: [given], replaced: by, suspicion: less }, lost }
  }
  const more = isRepeated || boundTo !== null ? suspicion : suspicion + REPEATED
  if (more > MOST_SUSPICION) return { misuse: "used again in too many rounds" }
  if (good.length >= MOST_AT_ONCE) return oauthError({ reason: "too_many_tasks", what: "tree", retry_after: 10 })
  return { refreshing: { family, good: [...good, given], replaced, suspicion: more }, lost: [] }
}

export const misused = (what: string): OAuthFailure => oauthError({ reason: "grant_refused", what })
