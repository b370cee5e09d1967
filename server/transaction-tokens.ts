/**
 * Verifies Transaction Tokens (draft-ietf-oauth-transaction-tokens), as an upstream of a gateway with
 * `transaction_tokens` gets them: a statement, signed by Narrowgate, about one allowed call, valid for half a minute.
 */
import { errors, jwtVerify } from "jose"
import { isLoopback } from "../src/core/encoding/url.ts"
import { claimsOf, type Claims } from "./caller.ts"
import { CallRejectedError } from "./errors.ts"
import { KeysUnavailableError, publishedKeys } from "./keys.ts"
import type { SigningAlgorithm, TokenOptions } from "./token-options.ts"

export interface TransactionTokens {
  /** @throws CallRejectedError */
  readonly verify: (token: string) => Promise<Claims>
  /** Uses up the decision, after all other checks. @throws CallRejectedError */
  readonly use: (claims: Claims) => Promise<void>
}

const TYPE = "txntoken+jwt"
/** As long a header as gateways commonly pass on; what is longer is not parsed. */
const MAX_TOKEN_LENGTH = 8_192
const MOST_TOLERANCE = 60
const ALGORITHMS: readonly SigningAlgorithm[] = ["ES256", "EdDSA"]

/** @throws TypeError if an option is not what it has to be */
export function transactionTokens(options: TokenOptions): TransactionTokens {
  const { issuer, audience, algorithms = ALGORITHMS, clockTolerance = 5, replays, fetch: fetchKeys } = options
  if (!isIssuer(issuer)) throw new TypeError("`issuer` is an https URL without a slash at its end")
  // Without one, tokens for every service would do: a program without types can pass an environment variable that is not set.
  if (typeof audience !== "string" || audience === "") throw new TypeError("`audience` is the service's trust domain")
  if (!(clockTolerance >= 0 && clockTolerance <= MOST_TOLERANCE))
    throw new TypeError(`\`clockTolerance\` is 0 to ${MOST_TOLERANCE} seconds`)
  if (algorithms.length === 0 || !algorithms.every((each) => ALGORITHMS.includes(each)))
    throw new TypeError(`\`algorithms\` are some of ${ALGORITHMS.join(", ")}`)
  const keys = publishedKeys(issuer, fetchKeys ?? (async (url, init) => fetch(url, init)))
  const rules = { typ: TYPE, issuer, audience, algorithms: [...algorithms], clockTolerance }
  return {
    async verify(token) {
      if (token.length > MAX_TOKEN_LENGTH) throw new CallRejectedError("invalid_token", "it is too long")
      try {
        const { payload } = await jwtVerify(token, keys, { ...rules, requiredClaims: ["exp", "iat"] })
        return claimsOf(payload)
      } catch (cause) {
        throw cause instanceof CallRejectedError ? cause : rejectionOf(cause)
      }
    },
    async use({ caller: { decision, signed } }) {
      if (!replays) return
      let isFirst: unknown
      try {
        isFirst = await replays.use(decision, signed.expires + clockTolerance)
      } catch (cause) {
        throw new CallRejectedError("unavailable", cause)
      }
      if (isFirst !== true) throw new CallRejectedError("replayed_token")
    },
  }
}

/** Over plain HTTP an attacker on the way could publish keys of their own. */
function isIssuer(issuer: string): boolean {
  const url = URL.parse(issuer)
  if (!url || issuer.endsWith("/") || url.search !== "" || url.hash !== "") return false
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url))
}

/** What the issuer's answer is, if it is no set of keys; what took too long. */
const OF_KEYS: ReadonlySet<string> = new Set([errors.JWKSTimeout.code, errors.JWKSInvalid.code, errors.JOSEError.code])

function rejectionOf(cause: unknown): CallRejectedError {
  if (cause instanceof KeysUnavailableError) return new CallRejectedError("unavailable", cause)
  if (cause instanceof errors.JWTExpired) return new CallRejectedError("expired_token", cause)
  if (cause instanceof errors.JWTClaimValidationFailed && cause.claim === "aud")
    return new CallRejectedError("wrong_audience", cause)
  if (cause instanceof errors.JOSEError && OF_KEYS.has(cause.code)) return new CallRejectedError("unavailable", cause)
  return new CallRejectedError("invalid_token", cause)
}
