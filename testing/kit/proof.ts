/** An agent's own key, and the proofs that it has it (DPoP, RFC 9449), for agents whose tokens are bound to one. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose"

const ALGORITHM = "ES256"

export class ProofKey {
  readonly #key: CryptoKey
  readonly #jwk: JWK

  private constructor(key: CryptoKey, jwk: JWK) {
    this.#key = key
    this.#jwk = jwk
  }

  static async generate(): Promise<ProofKey> {
    const { privateKey, publicKey } = await generateKeyPair(ALGORITHM)
    return new ProofKey(privateKey, await exportJWK(publicKey))
  }

  async thumbprint(): Promise<string> {
    return calculateJwkThumbprint(this.#jwk)
  }

  /**
   * @param now milliseconds
   * @param token that the proof comes with; absent at the token endpoint
   */
  async sign(htm: string, url: string, now: number, token?: string): Promise<string> {
    const [htu] = url.split("?", 1)
    const ath = token === undefined ? undefined : await hashOf(token)
    const claims = {
      jti: crypto.randomUUID(),
      htm,
      htu,
      iat: Math.floor(now / 1000),
      ...(ath !== undefined && { ath }),
    }
    return new SignJWT(claims).setProtectedHeader({ alg: ALGORITHM, typ: "dpop+jwt", jwk: this.#jwk }).sign(this.#key)
  }
}

/** Base64url of its SHA-256. */
async function hashOf(token: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)))
  return btoa(String.fromCharCode(...hash))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "")
}
