/** Signature algorithms (RFC 7518, section 3.1; RFC 8037; RFC 9864), and what a key must be to be used with one. */

/**
 * Of the keys that sign our own tokens: each key has one of them, so that no token can choose (RFC 8725, section 3.1).
 */
export const OWN_ALGORITHMS = ["ES256", "EdDSA"] as const
export type OwnAlgorithm = (typeof OWN_ALGORITHMS)[number]

export function isOwnAlgorithm(name: unknown): name is OwnAlgorithm {
  return OWN_ALGORITHMS.some((own) => own === name)
}

/** Only signatures that a private key makes: neither `none` nor a shared secret (RFC 8725, sections 3.1 and 3.5). */
export const ALGORITHMS = {
  ES256: { kty: "EC", crv: "P-256", verify: { name: "ECDSA", hash: "SHA-256" } },
  ES384: { kty: "EC", crv: "P-384", verify: { name: "ECDSA", hash: "SHA-384" } },
  ES512: { kty: "EC", crv: "P-521", verify: { name: "ECDSA", hash: "SHA-512" } },
  RS256: { kty: "RSA", verify: { name: "RSASSA-PKCS1-v1_5" } },
  RS384: { kty: "RSA", verify: { name: "RSASSA-PKCS1-v1_5" } },
  RS512: { kty: "RSA", verify: { name: "RSASSA-PKCS1-v1_5" } },
  PS256: { kty: "RSA", verify: { name: "RSA-PSS", saltLength: 32 } },
  PS384: { kty: "RSA", verify: { name: "RSA-PSS", saltLength: 48 } },
  PS512: { kty: "RSA", verify: { name: "RSA-PSS", saltLength: 64 } },
  EdDSA: { kty: "OKP", crv: "Ed25519", verify: { name: "Ed25519" } },
  Ed25519: { kty: "OKP", crv: "Ed25519", verify: { name: "Ed25519" } },
} as const satisfies Record<string, AlgorithmRule>

interface AlgorithmRule {
  readonly kty: string
  readonly crv?: string
  /** The platform's parameters (Web Cryptography, sections 22 to 24; for RSA the hash belongs to the key). */
  readonly verify: { readonly name: string; readonly hash?: string; readonly saltLength?: number }
}
export type Algorithm = keyof typeof ALGORITHMS

export function isAlgorithm(name: string): name is Algorithm {
  return Object.hasOwn(ALGORITHMS, name)
}

/** JWT-SVID, section 2.1: RSA and EC only. */
export const SVID_ALGORITHMS = Object.entries(ALGORITHMS).flatMap(([name, { kty }]) => (kty === "OKP" ? [] : [name]))
