/**
 * Authorization codes (RFC 6749, section 4.1; RFC 7636) and the refresh tokens that follow from them (RFC 6749, section
 * 6): what a client presents with one, and what shows that it was stolen. Pure; the ledger stores their state.
 */
import { isSame } from "../encoding/constant-time.ts"
import { oauthError, type OAuthFailure } from "../denials/oauth-error.ts"

/** What the client must present besides the code. */
export interface CodeTerms {
  /** base64url SHA-256 of the code verifier: `S256`, and no other method. */
  readonly challenge: string
  readonly redirectUri: string
  /**
   * Thumbprint of the key that its token must be bound to (RFC 9449, section 10). Null if any key, or none, will do.
   */
  readonly jkt: string | null
}

/** What the client presents besides the code. */
export interface PresentedCode {
  /** base64url SHA-256 of the code verifier. */
  readonly challenge: string
  /** Null if the request has none, as OAuth 2.1 allows. */
  readonly redirectUri: string | null
  /** The first refresh token, issued if the code is accepted. */
  readonly refresh: PresentedRefresh
}

/** A refresh token: hex SHA-256 of the part that all refresh tokens of its task share, and of its own part. */
export interface PresentedRefresh {
  readonly family: string
  readonly secret: string
}

/** The refresh tokens of a task, by the hashes of their secrets. */
export interface Refreshing {
  readonly family: string
  /**
   * Each is valid until one of them is used; there is more than one only if another was used several times. `token` is
   * the `jti` of the access token that was issued with it.
   */
  readonly good: readonly { readonly secret: string; readonly token: string }[]
  /**
   * The refresh token that was used last, which yields further ones until then, in milliseconds. Null if none was used.
   */
  readonly replaced: { readonly secret: string; readonly until: number } | null
  /** How likely two parties use them: see `REPEATED`. */
  readonly suspicion: number
}

/**
 * A client refreshes for each of its requests that find their token expired, with the refresh token that it has, and
 * again if the network has lost a response. So a used refresh token yields further ones for this long.
 */
const AGAIN_WITHIN_MS = 10_000
/** Requests at once; no client needs more. */
const MOST_AT_ONCE = 32

/**
 * A thief with constant access to the client's store could present each refresh token within seconds of its owner's
 * use, and use none of those it receives. It would have an access token of each round for ever. An owner loses a
 * response only now and then. So a round in which a token is used more than once adds `REPEATED`, one in which it is
 * used once subtracts `ONCE`, and more than `MOST_SUSPICION` is misuse. Four such rounds in succession are allowed, and
 * in the long run one of three. If the task is bound to a key, repetition adds nothing, because each use has proven the
 * key.
 */
const REPEATED = 2
const ONCE = 1
const MOST_SUSPICION = 8

/** @param token `jti` of the access token that is issued with it */
export function firstOf({ family, secret }: PresentedRefresh, token: string): Refreshing {
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
 * A client that presents a code's secret has the code. If the code was issued to another client, or was used before, it
 * was stolen (RFC 6749, section 4.1.2; RFC 9700, section 4.5). Null if nothing shows that.
 */
export function misuseOfCode(
  { agent, secretHash, isRedeemed, code }: Consented,
  by: {
    readonly agent: string
    readonly secretHash: string
    readonly jkt: string | null
    readonly shown?: PresentedCode
  },
): string | null {
  if (!code || !by.shown || !isSame(secretHash, by.secretHash)) return null
  if (isRedeemed) return "used before"
  if (agent !== by.agent) return "another agent's"
  if (!isSame(code.challenge, by.shown.challenge)) return "another verifier"
  if (by.shown.redirectUri !== null && by.shown.redirectUri !== code.redirectUri) return "another redirect_uri"
  return code.jkt !== null && code.jkt !== by.jkt ? "another key" : null
}

/** A refresh token as it was presented; `next` is the secret of the one to be issued for it. */
interface Refresh {
  readonly agent: string
  readonly shown: PresentedRefresh
  readonly next: string
  /** `jti` of the access token to be issued with it. */
  readonly token: string
  /** Thumbprint of the key that was proven. */
  readonly jkt: string | null
}

/**
 * Rotates the refresh tokens of a task (RFC 9700, section 4.14.2). A thief may use a stolen token within the seconds in
 * which its owner could; then each has a token that the other lacks. As soon as one of them uses theirs, the other's
 * becomes invalid at once, and reveals the theft when it is used: at most one of the two goes on. The access tokens
 * that the others got end in the same step. An owner whose responses are lost presents one and the same token again,
 * and is not cut off unless that happens round after round.
 * @param boundTo thumbprint of the key to which the task's tokens are bound
 * @returns what shows that the token was stolen; why it is rejected; or the valid tokens once `next` is issued, and the
 *   access tokens that end by that
 */
export function rotateRefresh(
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
    // Its owner had no key when it was first used: a client that proves one now would bind the task to its own.
    if (!isGood) return { misuse: "another key" }
    // One of several may be a thief's, who could bind the task to their key and so lock its owner out.
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
