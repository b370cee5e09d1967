/** Signs delegation tokens: JWTs of the type `at+jwt` (RFC 9068), valid for minutes and for one audience. */
import { SignJWT } from "jose"
import type { OpenedTask } from "../core/task/opened-task.ts"
import { TOKEN_KINDS } from "../credentials/token-kinds.ts"
import type { Signer } from "./signing-key.ts"

interface TokenRequest {
  readonly issuer: string
  readonly jti: string
  readonly jkt: string | null
}

async function signDelegationToken(
  { kid, alg, key }: Signer,
  opened: OpenedTask,
  request: TokenRequest,
): Promise<string> {
  const agent = opened.chain.at(-1) ?? ""
  return new SignJWT({
    client_id: agent,
    act: actorOf(opened.chain),
    task: opened.task,
    purpose: opened.purpose,
    scope: opened.scope,
    since: Math.floor(opened.since / 1000),
    ...(opened.details === null ? {} : { authorization_details: opened.details }),
    ...(request.jkt === null ? {} : { cnf: { jkt: request.jkt } }),
  })
    .setProtectedHeader({ alg, kid, typ: TOKEN_KINDS.delegation_token.types[0] })
    .setIssuer(request.issuer)
    .setSubject(opened.user ?? agent)
    .setAudience(opened.audience)
    .setIssuedAt(Math.floor(opened.issuedAt / 1000))
    .setExpirationTime(Math.floor(opened.expiresAt / 1000))
    .setJti(request.jti)
    .sign(key)
}

export interface SignedToken {
  readonly token: string
  readonly opened: OpenedTask
  readonly tokenType: "Bearer" | "DPoP"
  /** Seconds. */
  readonly expiresIn: number
  /** RFC 8693, section 2.2.1; absent for other grants. */
  readonly issuedTokenType: string | null
  /** Null if none is issued with it. */
  readonly refreshToken: string | null
}

/** Issues the token of a task that its ledger has opened, with the parameters of the response. */
export async function issueToken(
  opened: OpenedTask,
  { jkt, token: jti }: { readonly jkt: string | null; readonly token: string },
  signer: Signer,
  issuer: string,
): Promise<SignedToken> {
  return {
    token: await signDelegationToken(signer, opened, { issuer, jti, jkt }),
    opened,
    tokenType: jkt === null ? "Bearer" : "DPoP",
    expiresIn: Math.max(0, Math.floor((opened.expiresAt - opened.issuedAt) / 1000)),
    issuedTokenType: null,
    refreshToken: null,
  }
}

/**
 * The current actor outermost, earlier ones nested: informative, because the tree has the authority (RFC 8693, section
 * 4.1).
 */
function actorOf(chain: readonly string[]): Record<string, unknown> {
  return chain.reduce<Record<string, unknown>>(
    (earlier, sub) => ("sub" in earlier ? { sub, act: earlier } : { sub }),
    {},
  )
}
