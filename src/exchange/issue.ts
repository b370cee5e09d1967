/** Signing delegation tokens (RFC 9068, DESIGN §4). */
import { SignJWT } from "jose"
import { DELEGATION_TOKEN_TYPE } from "../credential/delegation-token.ts"
import type { OpenedTask } from "../ledger/ledger.ts"
import type { Signer } from "./signing-key.ts"

export interface TokenRequest {
  readonly issuer: string
  readonly audience: string
  readonly jti: string
  readonly jkt: string | null
}

export async function signDelegationToken(
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
    ...(request.jkt === null ? {} : { cnf: { jkt: request.jkt } }),
  })
    .setProtectedHeader({ alg, kid, typ: DELEGATION_TOKEN_TYPE })
    .setIssuer(request.issuer)
    .setSubject(opened.user ?? agent)
    .setAudience(request.audience)
    .setIssuedAt(Math.floor(opened.issuedAt / 1000))
    .setExpirationTime(Math.floor(opened.expiresAt / 1000))
    .setJti(request.jti)
    .sign(key)
}

/** The current actor outermost, earlier ones nested: informative, authority is the tree's (RFC 8693 4.1). */
function actorOf(chain: readonly string[]): Record<string, unknown> {
  return chain.reduce<Record<string, unknown>>(
    (earlier, sub) => ("sub" in earlier ? { sub, act: earlier } : { sub }),
    {},
  )
}
