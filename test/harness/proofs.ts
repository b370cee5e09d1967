/** DPoP keys and proofs (RFC 9449), right ones and, by what `more` changes, wrong ones. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose"
import { sha256Base64url } from "../../src/core/encoding/hash.ts"
import { US } from "./issuers.ts"

export interface ProofKey {
  readonly key: CryptoKey
  readonly publicJwk: JWK
  readonly privateJwk: JWK
  readonly jkt: string
}

export async function newProofKey(alg = "ES256"): Promise<ProofKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const publicJwk = await exportJWK(publicKey)
  return {
    key: privateKey,
    publicJwk,
    privateJwk: await exportJWK(privateKey),
    jkt: await calculateJwkThumbprint(publicJwk, "sha256"),
  }
}

export interface Changes {
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
  readonly key?: CryptoKey
}

/** @param token that it goes with; null at the token endpoint */
export async function proofOf(
  holder: ProofKey,
  method: string,
  uri: string,
  token: string | null,
  { claims, header, key }: Changes = {},
): Promise<string> {
  const ath = token === null ? {} : { ath: sha256Base64url(token) }
  const base = { jti: crypto.randomUUID(), htm: method, htu: uri, iat: Math.floor(Date.now() / 1000), ...ath }
  return new SignJWT({ ...base, ...claims })
    .setProtectedHeader({ typ: "dpop+jwt", alg: "ES256", jwk: holder.publicJwk, ...header })
    .sign(key ?? holder.key)
}

export async function proofForToken(holder: ProofKey, changes: Changes = {}): Promise<string> {
  return proofOf(holder, "POST", `${US}/oauth/token`, null, changes)
}

/** A hand-over (src/credentials/handover.ts) of `token`, by its key, to an agent and its key. */
export async function handoverOf(
  holder: ProofKey,
  to: { readonly agent: string; readonly jkt: string; readonly token: string },
  { claims, header, key }: Changes = {},
): Promise<string> {
  const base = {
    aud: US,
    sub: to.agent,
    cnf: { jkt: to.jkt },
    ath: sha256Base64url(to.token),
    jti: crypto.randomUUID(),
  }
  return new SignJWT({ iat: Math.floor(Date.now() / 1000), ...base, ...claims })
    .setProtectedHeader({ typ: "narrowgate-handover+jwt", alg: "ES256", jwk: holder.publicJwk, ...header })
    .sign(key ?? holder.key)
}
