/** Signing delegation tokens (RFC 9068, DESIGN §4) with the ring's current key, which an isolate keeps for a while. */
import { importJWK, SignJWT, type CryptoKey } from "jose"
import { OWN_ALGORITHM } from "../credential/algorithm.ts"
import { DELEGATION_TOKEN_TYPE } from "../credential/delegation-token.ts"
import type { OpenedTask } from "../ledger/ledger.ts"
import type { Surroundings } from "../surroundings.ts"
import { keyRing } from "./key-ring.ts"

const REFRESH_AFTER_MS = 60_000

let held: { readonly kid: string; readonly key: CryptoKey; readonly fetchedAt: number } | undefined

/** For tests: a fresh isolate. */
export function forgetSigningKey(): void {
  held = undefined
}

interface TokenRequest {
  readonly issuer: string
  readonly audience: string
  readonly jti: string
  readonly jkt: string | null
  /** Keys that must sign nothing more, by their switches. */
  readonly pulled: readonly string[]
}

async function signDelegationToken(env: Env, opened: OpenedTask, request: TokenRequest, now: number): Promise<string> {
  const { kid, key } = await signingKey(env, request.pulled, now)
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
    .setProtectedHeader({ alg: OWN_ALGORITHM, kid, typ: DELEGATION_TOKEN_TYPE })
    .setIssuer(request.issuer)
    .setSubject(opened.user ?? agent)
    .setAudience(request.audience)
    .setIssuedAt(Math.floor(opened.issuedAt / 1000))
    .setExpirationTime(Math.floor(opened.expiresAt / 1000))
    .setJti(request.jti)
    .sign(key)
}

export interface Issued {
  readonly token: string
  readonly opened: OpenedTask
  readonly tokenType: "Bearer" | "DPoP"
  /** Seconds. */
  readonly expiresIn: number
  /** RFC 8693 2.2.1; absent for other grants. */
  readonly issuedTokenType: string | null
}

/** The token of a task that its ledger has opened, with what is said about it. */
export async function issue(
  opened: OpenedTask,
  { jkt, token: jti }: { readonly jkt: string | null; readonly token: string },
  audience: string,
  pulled: readonly string[],
  { env, config, receivedAt }: Surroundings,
): Promise<Issued> {
  const request = { issuer: config.issuer, audience, jti, jkt, pulled }
  return {
    token: await signDelegationToken(env, opened, request, receivedAt),
    opened,
    tokenType: jkt === null ? "Bearer" : "DPoP",
    expiresIn: Math.max(0, Math.floor((opened.expiresAt - opened.issuedAt) / 1000)),
    issuedTokenType: null,
  }
}

/** The current actor outermost, earlier ones nested: informative, authority is the tree's (RFC 8693 4.1). */
function actorOf(chain: readonly string[]): Record<string, unknown> {
  return chain.reduce<Record<string, unknown>>(
    (earlier, sub) => ("sub" in earlier ? { sub, act: earlier } : { sub }),
    {},
  )
}

async function signingKey(
  env: Env,
  pulled: readonly string[],
  now: number,
): Promise<{ readonly kid: string; readonly key: CryptoKey }> {
  if (held && now - held.fetchedAt < REFRESH_AFTER_MS && !pulled.includes(held.kid)) return held
  const { kid, privateJwk } = await keyRing(env).signingKey()
  const key = await importJWK(privateJwk, OWN_ALGORITHM)
  if (key instanceof Uint8Array) throw new Error("the signing key is no asymmetric key")
  held = { kid, key, fetchedAt: now }
  return held
}
