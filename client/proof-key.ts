/** The key to which a task's tokens are bound, and what it signs (RFC 9449). */
import { base64url, importJWK, SignJWT, type CryptoKey, type JWK } from "jose"
import { NarrowgateError } from "./errors.ts"
import { definedOf, isObject, textAt } from "./json.ts"

export interface KeyPair {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
}

/**
 * `true`: a key that is made now and cannot be exported. `{ extractable: true }`: one that `save` contains. A key pair:
 * the caller's own, for `ES256`, `ES384` or `Ed25519`.
 */
export type BindingOption = boolean | { readonly extractable: true } | KeyPair

/** ES256. */
const DEFAULT_KIND = { name: "ECDSA", namedCurve: "P-256" } as const

export interface Proven {
  readonly method: string
  readonly url: URL
  /** Absent at the token endpoint. */
  readonly token?: string
  /** Milliseconds since the epoch. */
  readonly now: number
}

export class ProofKey {
  readonly thumbprint: string
  readonly #privateKey: CryptoKey
  readonly #publicJwk: JWK
  readonly #algorithm: string
  /** Whether the key is the caller's to keep. */
  readonly #isKept: boolean
  /** The last nonce of each origin (RFC 9449, section 8.2). */
  readonly #nonces = new Map<string, string>()

  private constructor({ privateKey }: KeyPair, publicJwk: JWK, thumbprint: string, isKept: boolean) {
    this.#privateKey = privateKey
    this.#publicJwk = publicJwk
    this.#algorithm = algorithmOf(publicJwk)
    this.#isKept = isKept
    this.thumbprint = thumbprint
  }

  static async of(option: BindingOption | undefined): Promise<ProofKey | null> {
    if (option === undefined || option === false) return null
    if (option !== true && "privateKey" in option) return ProofKey.#ofPair(option, true)
    const pair = await crypto.subtle.generateKey(DEFAULT_KIND, option !== true && option.extractable, [
      "sign",
      "verify",
    ])
    if (!("privateKey" in pair)) throw new TypeError("no key pair")
    return ProofKey.#ofPair(pair, !pair.privateKey.extractable)
  }

  static async #ofPair(pair: KeyPair, isKept: boolean): Promise<ProofKey> {
    const { kty, crv, x, y } = await exported(pair.publicKey)
    // RFC 7638, section 3.2: the members that it takes, in their order.
    return new ProofKey(pair, definedOf({ kty, crv, x, y }), await hashOf(JSON.stringify({ crv, kty, x, y })), isKept)
  }

  /** @throws {NarrowgateError} `saved_invalid`, if `saved` is no private key */
  static async restored(saved: unknown): Promise<ProofKey> {
    try {
      if (!isObject(saved) || typeof saved["d"] !== "string") throw new TypeError("no private key")
      const { d: _, ...publicPart } = saved
      const algorithm = algorithmOf(publicPart)
      const [privateKey, publicKey] = await Promise.all([
        importJWK(saved, algorithm, { extractable: true }),
        importJWK(publicPart, algorithm, { extractable: true }),
      ])
      if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array) throw new TypeError("no key pair")
      return await ProofKey.#ofPair({ privateKey, publicKey }, false)
    } catch {
      // The cause would be about a key.
      throw new NarrowgateError("saved_invalid", "the saved task has no usable key")
    }
  }

  /** The private key; null if the caller keeps it. */
  async saved(): Promise<JWK | null> {
    if (this.#isKept) return null
    const { d } = await exported(this.#privateKey)
    return { ...this.#publicJwk, ...definedOf({ d }) }
  }

  /** A proof for one request (RFC 9449, section 4.2). */
  async prove({ method, url, token, now }: Proven): Promise<string> {
    const nonce = this.#nonces.get(url.origin)
    const ath = token === undefined ? undefined : await hashOf(token)
    const claims = definedOf({ htm: method, htu: url.origin + url.pathname, ath, nonce })
    return this.#sign("dpop+jwt", claims, now)
  }

  /** Consents that another agent, with another key, gets a task out of the one that has this token. */
  async handOver(audience: string, agent: string, thumbprint: string, token: string, now: number): Promise<string> {
    const claims = { aud: audience, sub: agent, cnf: { jkt: thumbprint }, ath: await hashOf(token) }
    return this.#sign("narrowgate-handover+jwt", claims, now)
  }

  takeNonce(response: Response, url: URL): void {
    const nonce = response.headers.get("dpop-nonce")
    if (nonce !== null) this.#nonces.set(url.origin, nonce)
  }

  async #sign(typ: string, claims: Record<string, unknown>, now: number): Promise<string> {
    return new SignJWT({ ...claims, jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: this.#algorithm, typ, jwk: this.#publicJwk })
      .setIssuedAt(Math.floor(now / 1000))
      .sign(this.#privateKey)
  }
}

async function exported(key: CryptoKey) {
  const jwk: unknown = await crypto.subtle.exportKey("jwk", key)
  const at = (name: string): string | undefined => textAt(jwk, name)
  return { kty: at("kty"), crv: at("crv"), x: at("x"), y: at("y"), d: at("d") }
}

function algorithmOf({ kty, crv }: { readonly kty?: unknown; readonly crv?: unknown }): string {
  if (kty === "EC" && crv === "P-256") return "ES256"
  if (kty === "EC" && crv === "P-384") return "ES384"
  if (kty === "OKP" && crv === "Ed25519") return "Ed25519"
  throw new TypeError("the key is of no kind that signs proofs: P-256, P-384 or Ed25519")
}

/** As RFC 9449, section 4.2 (`ath`), and RFC 7638 have it. */
async function hashOf(text: string): Promise<string> {
  return base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))))
}
