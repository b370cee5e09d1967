import { bytesOfBase64url } from "../encoding/base64url.ts"
import { ALGORITHMS, isAlgorithm, type Algorithm } from "./algorithm.ts"

const MIN_RSA_BITS = 2048

const MAX_RSA_BITS = 8192

const MIN_EXPONENT = 65_537n

/** Why a JWK must not be used, or null. NIST SP 800-131A for the sizes; RFC 7517, sections 4.2 and 4.3, for the use. */
export function weakness(jwk: Readonly<Record<string, unknown>>, use: "sig" | "jwt-svid"): string | null {
  const { kty, n, e, key_ops } = jwk
  if (["d", "p", "q", "dp", "dq", "qi", "oth", "k"].some((member) => member in jwk)) return "it is no public key"
  if (use === "jwt-svid" ? jwk["use"] !== "jwt-svid" : jwk["use"] !== undefined && jwk["use"] !== "sig") {
    return "it is for another use"
  }
  if (key_ops !== undefined && !(Array.isArray(key_ops) && key_ops.includes("verify"))) return "it is for another use"
  if (kty === "OKP") return isSmallOrder(jwk["x"]) ? "anybody can sign for it" : null
  if (kty !== "RSA") return kty === "EC" ? null : "it is of a kind that signs nothing here"
  const modulus = integerOf(n)
  const exponent = integerOf(e)
  if (modulus === null || exponent === null) return "it is malformed"
  const bits = modulus.toString(2).length
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) return `its modulus has ${bits} bits`
  if (exponent < MIN_EXPONENT || exponent % 2n === 0n) return "its exponent is too small, or even"
  return isRoca(modulus) ? "its modulus is of a generator whose keys can be factored (CVE-2017-15361)" : null
}

/**
 * Nemec et al., "The Return of Coppersmith's Attack" (2017), section 5.1: primes of the broken generator are powers of
 * 65537 modulo many small primes, and so is their product. For these seventeen, 65537 generates few residues: a sound
 * modulus is mistaken for a weak one once in 2^27 times.
 */
const ROCA_PRIMES = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157] as const

const ROCA_POWERS = ROCA_PRIMES.map((prime) => {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65_537) % prime) powers.add(power)
  return { prime, powers }
})

const ROCA_PRODUCT = ROCA_PRIMES.reduce((product, prime) => product * BigInt(prime), 1n)

function isRoca(modulus: bigint): boolean {
  const rest = modulus % ROCA_PRODUCT
  return ROCA_POWERS.every(({ prime, powers }) => powers.has(Number(rest % BigInt(prime))))
}

/**
 * Points of edwards25519 of small order, by their y in hex, lowest byte first, without the sign: with these, any text
 * verifies as signed.
 */
const SMALL_ORDER = new Set([
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
])

function isSmallOrder(x: unknown): boolean {
  if (typeof x !== "string") return true
  try {
    const bytes = bytesOfBase64url(x)
    const last = bytes.length - 1
    const unsigned = bytes.map((byte, index) => (index === last ? byte & 0x7f : byte))
    return bytes.length !== 32 || SMALL_ORDER.has(Array.from(unsigned, hexOf).join(""))
  } catch {
    return true
  }
}

const hexOf = (byte: number): string => byte.toString(16).padStart(2, "0")

function integerOf(text: unknown): bigint | null {
  if (typeof text !== "string" || text.length > 2_048) return null
  try {
    const bytes = bytesOfBase64url(text)
    const digits = Array.from(bytes, hexOf).join("")
    return bytes.length === 0 ? null : BigInt(`0x${digits}`)
  } catch {
    return null
  }
}

/** Null if no algorithm of the issuer fits the key, or its own is none of them. */
export function algorithmOf(jwk: Readonly<Record<string, unknown>>, allowed: readonly string[]): Algorithm | null {
  const { kty, crv, alg } = jwk
  const fitting = allowed.filter(isAlgorithm).filter((name) => {
    const needs: { readonly kty: string; readonly crv?: string } = ALGORITHMS[name]
    return needs.kty === kty && (needs.crv === undefined || needs.crv === crv)
  })
  // A key without `alg` verifies the first that its issuer lists and no other.
  return (alg === undefined ? fitting[0] : fitting.find((name) => name === alg)) ?? null
}
