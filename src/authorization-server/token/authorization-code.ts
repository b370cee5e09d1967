/**
 * The grants of a task that a person has consented to at their browser: its code (RFC 6749, section 4.1.3; RFC 7636,
 * section 4.5), once, and then a refresh token for each further token of the task (RFC 6749, section 6).
 */
import { sha256Base64url, sha256Hex } from "../../core/encoding/hash.ts"
import { LEDGER_VERSION } from "../../ledger/protocol.ts"
import { newSecret } from "../../platform/secret.ts"
import type { PresentedRefresh } from "../../core/task/authorization-code.ts"
import type { SignedToken } from "../../signing/sign-delegation-token.ts"
import type { GrantRequest } from "./open-task.ts"
import { scopeOf, valueOf } from "./parameters.ts"
import { redeemAt } from "./redeem.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import { stampOf } from "./stamp.ts"
import { readRefreshToken, readRooted, refreshTokenOf, type RefreshToken } from "./opaque-token.ts"

/** RFC 7636, section 4.1. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/

export async function redeemCode(request: GrantRequest): Promise<SignedToken | OAuthFailure> {
  const { parameters, context } = request
  const code = valueOf(parameters, "code")
  const verifier = valueOf(parameters, "code_verifier")
  if (code === null) return oauthError({ reason: "parameter_missing", parameter: "code" })
  if (verifier === null) return oauthError({ reason: "parameter_missing", parameter: "code_verifier" })
  if (!VERIFIER.test(verifier)) return oauthError({ reason: "request_malformed", what: "code_verifier is none" })
  const rooted = readRooted(context.env, code)
  if (!rooted) return oauthError({ reason: "grant_refused", what: "unknown" })
  const next = { root: rooted.root, family: newSecret(), secret: newSecret() }
  const presented = {
    challenge: sha256Base64url(verifier),
    redirectUri: valueOf(parameters, "redirect_uri"),
    refresh: hashed(next),
  }
  const stamp = stampOf(request)
  const issued = await redeemAt(rooted.root, request, async (ledger, client, pointer) => {
    const redemption = { ...client, secretHash: sha256Hex(rooted.secret), shown: presented }
    return ledger.redeem(LEDGER_VERSION, pointer, rooted.root, redemption, stamp)
  })
  return withRefreshToken(issued, next)
}

export async function refreshToken(request: GrantRequest): Promise<SignedToken | OAuthFailure> {
  const { parameters, context } = request
  const text = valueOf(parameters, "refresh_token")
  if (text === null) return oauthError({ reason: "parameter_missing", parameter: "refresh_token" })
  const refreshToken = readRefreshToken(context.env, text)
  if (!refreshToken) return oauthError({ reason: "grant_refused", what: "unknown" })
  const next = { ...refreshToken, secret: newSecret() }
  const named = { scope: scopeOf(parameters), shown: hashed(refreshToken), next: hashed(next).secret }
  const stamp = stampOf(request)
  const issued = await redeemAt(refreshToken.root, request, async (ledger, client, pointer) =>
    ledger.refresh(LEDGER_VERSION, pointer, refreshToken.root, { ...client, ...named }, stamp),
  )
  return withRefreshToken(issued, next)
}

const hashed = ({ family, secret }: RefreshToken): PresentedRefresh => ({
  family: sha256Hex(family),
  secret: sha256Hex(secret),
})

function withRefreshToken(issued: SignedToken | OAuthFailure, next: RefreshToken): SignedToken | OAuthFailure {
  return isOAuthFailure(issued) ? issued : { ...issued, refreshToken: refreshTokenOf(next) }
}
