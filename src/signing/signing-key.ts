/** The ring's current keys, which an isolate caches for a while, so that signing needs no request to the ring. */
import { importJWK, type CryptoKey } from "jose"
import type { OwnAlgorithm } from "../core/keys/algorithm.ts"
import { logEvent } from "../platform/log.ts"
import { keyRing } from "./key-ring.ts"

export interface Signer {
  readonly kid: string
  readonly alg: OwnAlgorithm
  readonly key: CryptoKey
}

const REFRESH_AFTER_MS = 60_000

/** With the time of the request to the ring, in milliseconds. */
const signers = new Map<OwnAlgorithm, { readonly signer: Signer; readonly fetchedAt: number }>()

/** For tests: the state of a fresh isolate. */
export function forgetSigningKeys(): void {
  signers.clear()
}

/**
 * The caller fetches it before it counts or uses up anything that is useless without the signature.
 * @param pulled keys that must sign nothing more, by their switches
 * @param now milliseconds
 * @returns null if there is none: the ring is unavailable, or its key is pulled
 */
export async function signerOf(
  env: Env,
  alg: OwnAlgorithm,
  pulled: readonly string[],
  now: number,
): Promise<Signer | null> {
  try {
    return await findSigner(env, alg, pulled, now)
  } catch (error) {
    logEvent("signing_key_failed", { error: String(error) })
    return null
  }
}

/**
 * The key with which the ring signs at this moment, for what is rarely signed. A pulled key leaves the ring before its
 * switch is stored, so no list of switches is needed.
 * @returns null if the ring is unavailable
 */
export async function ringSigner(env: Env, alg: OwnAlgorithm): Promise<Signer | null> {
  try {
    return await readSigner(env, alg)
  } catch (error) {
    logEvent("signing_key_failed", { error: String(error) })
    return null
  }
}

async function findSigner(env: Env, alg: OwnAlgorithm, pulled: readonly string[], now: number): Promise<Signer> {
  const cached = signers.get(alg)
  if (cached && now - cached.fetchedAt < REFRESH_AFTER_MS && !pulled.includes(cached.signer.kid)) return cached.signer
  const signer = await readSigner(env, alg)
  if (pulled.includes(signer.kid)) throw new Error("the ring's key has been pulled")
  signers.set(alg, { signer, fetchedAt: now })
  return signer
}

async function readSigner(env: Env, alg: OwnAlgorithm): Promise<Signer> {
  const { kid, privateJwk } = await keyRing(env).signingKey(alg)
  const key = await importJWK(privateJwk, alg)
  if (key instanceof Uint8Array) throw new Error("the signing key is no asymmetric key")
  return { kid, alg, key }
}
