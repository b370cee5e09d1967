/**
 * Tokens put together by hand, byte by byte: what no library would make, a library would refuse to make, or only an
 * attacker makes.
 */
import { exportJWK, generateKeyPair, type CryptoKey, type JWK } from "jose"

/** A private key, and the public one as its owner would publish it. */
export interface Signer {
  readonly key: CryptoKey
  readonly publicJwk: JWK
}

export async function newSigner(kid: string, alg: "ES256" | "ES384" | "RS256" | "EdDSA" = "ES256"): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { key: privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid } }
}

/** An RSA key that no library makes any more. */
export async function newWeakSigner(kid: string, modulusLength: number, exponent: number): Promise<Signer> {
  const publicExponent = new Uint8Array([exponent >> 16, (exponent >> 8) & 255, exponent & 255])
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength, publicExponent }
  const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])
  if (!("privateKey" in pair)) throw new Error("a key pair was asked for")
  return { key: pair.privateKey, publicJwk: { ...(await exportJWK(pair.publicKey)), kid } }
}

/** A part of a token: as JSON, or word for word. */
export type Part = Readonly<Record<string, unknown>> | string | Uint8Array

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text))

export function base64url(part: Part): string {
  const bytes = part instanceof Uint8Array ? part : bytesOf(typeof part === "string" ? part : JSON.stringify(part))
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true })
}

/** @param alg by which it is really signed, whatever its header says */
export async function forge(header: Part, claims: Part, { key }: Pick<Signer, "key">, alg = "ES256"): Promise<string> {
  const input = `${base64url(header)}.${base64url(claims)}`
  const signature = await crypto.subtle.sign(PARAMETERS[alg] ?? "Ed25519", await keyFor(alg, key), bytesOf(input))
  return `${input}.${base64url(new Uint8Array(signature))}`
}

const PARAMETERS: Readonly<Record<string, SubtleCryptoSignAlgorithm>> = {
  ES256: { name: "ECDSA", hash: "SHA-256" },
  ES384: { name: "ECDSA", hash: "SHA-384" },
  RS256: { name: "RSASSA-PKCS1-v1_5" },
  PS256: { name: "RSA-PSS", saltLength: 32 },
}

/** The platform ties an RSA key to one padding; an attacker does not. */
async function keyFor(alg: string, key: CryptoKey): Promise<CryptoKey> {
  if (alg !== "PS256") return key
  const jwk = await exportJWK(key)
  return crypto.subtle.importKey("jwk", { ...jwk, kty: "RSA" }, { name: "RSA-PSS", hash: "SHA-256" }, false, ["sign"])
}

/** Signed by HMAC with what everybody knows: the bytes of a public key. */
export async function forgeWithSecret(header: Part, claims: Part, secret: Uint8Array<ArrayBuffer>): Promise<string> {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"])
  const input = `${base64url(header)}.${base64url(claims)}`
  const signature = await crypto.subtle.sign("HMAC", key, bytesOf(input))
  return `${input}.${base64url(new Uint8Array(signature))}`
}

/** The public key in the spellings in which libraries have taken it for a secret (CVE-2015-9235, CVE-2016-10555). */
export async function publicKeyBytes(publicJwk: JWK): Promise<Readonly<Record<string, Uint8Array<ArrayBuffer>>>> {
  const { kty = "", crv = "", x = "", y = "" } = publicJwk
  const members = { kty, crv, x, y }
  const key = await crypto.subtle.importKey("jwk", members, { name: "ECDSA", namedCurve: crv }, true, ["verify"])
  const exported = await crypto.subtle.exportKey("spki", key)
  if (!(exported instanceof ArrayBuffer)) throw new Error("bytes were asked for")
  const der = new Uint8Array(exported)
  const pem = `-----BEGIN PUBLIC KEY-----\n${der.toBase64().replaceAll(/.{64}/g, "$&\n")}\n-----END PUBLIC KEY-----\n`
  return { PEM: bytesOf(pem), DER: der, JWK: bytesOf(JSON.stringify(publicJwk)) }
}

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** The other signature by the same key over the same words: (r, n − s) verifies wherever (r, s) does. */
export function twinOf(token: string): string {
  const [header = "", claims = "", signature = ""] = token.split(".")
  const bytes = Uint8Array.fromBase64(signature, { alphabet: "base64url" })
  const s = P256_ORDER - BigInt(`0x${bytes.slice(32).toHex()}`)
  const twin = new Uint8Array([...bytes.slice(0, 32), ...Uint8Array.fromHex(s.toString(16).padStart(64, "0"))])
  return `${header}.${claims}.${base64url(twin)}`
}
