/** Signature algorithms (RFC 7518 3.1, RFC 8037, RFC 9864), and what a key must be to be used with one. */

/** The algorithm of every token that we sign: one, so that no token can choose (RFC 8725 3.1). */
export const OWN_ALGORITHM = "ES256"

/** Only signatures that a private key makes: neither `none` nor a shared secret (RFC 8725 3.1, 3.5). */
export const ALGORITHMS = {
  ES256: { kty: "EC", crv: "P-256" },
  ES384: { kty: "EC", crv: "P-384" },
  ES512: { kty: "EC", crv: "P-521" },
  RS256: { kty: "RSA" },
  RS384: { kty: "RSA" },
  RS512: { kty: "RSA" },
  PS256: { kty: "RSA" },
  PS384: { kty: "RSA" },
  PS512: { kty: "RSA" },
  EdDSA: { kty: "OKP", crv: "Ed25519" },
  Ed25519: { kty: "OKP", crv: "Ed25519" },
} as const satisfies Record<string, { readonly kty: string; readonly crv?: string }>
export type Algorithm = keyof typeof ALGORITHMS

export function isAlgorithm(name: string): name is Algorithm {
  return Object.hasOwn(ALGORITHMS, name)
}

/** JWT-SVID 2.1: of RSA and EC only. */
export const SVID_ALGORITHMS = Object.entries(ALGORITHMS).flatMap(([name, { kty }]) => (kty === "OKP" ? [] : [name]))
