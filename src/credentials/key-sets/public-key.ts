/**
 * One public key out of a JWK set: strong enough, of one algorithm, imported once. Other members of a set are left out,
 * so that a bad key affects its own tokens only.
 */
import { importJWK, type CryptoKey, type JWK } from "jose"
import { type Algorithm } from "../../core/keys/algorithm.ts"
import { weakness, algorithmOf } from "../../core/keys/key-strength.ts"

export interface PublicKey {
  readonly kid: string | null
  /**
   * The one algorithm that it verifies (RFC 8725, section 3.1): its own `alg`, or the only one that it and the issuer
   * allow.
   */
  readonly alg: Algorithm
  readonly key: CryptoKey
}

/**
 * The usable keys of a set. If two share a key id and algorithm, neither is used, because the choice would be
 * ambiguous.
 * @param use of a SPIFFE bundle's keys `jwt-svid`, and those have a key id (SPIFFE Trust Domain and Bundle, section
 *   4.2)
 */
export async function importKeys(
  jwks: readonly Readonly<Record<string, unknown>>[],
  allowed: readonly string[],
  use: "sig" | "jwt-svid",
): Promise<readonly PublicKey[]> {
  const keys: PublicKey[] = []
  for (const jwk of jwks) {
    if (keys.length === MAX_KEYS) break
    const kid = typeof jwk["kid"] === "string" ? jwk["kid"] : null
    const alg = weakness(jwk, use) === null ? algorithmOf(jwk, allowed) : null
    if (alg === null || (use === "jwt-svid" && kid === null)) continue
    const key = await importKey(jwk, alg)
    if (key) keys.push({ kid, alg, key })
  }
  return keys.filter(
    ({ kid, alg }) => kid === null || keys.filter((other) => other.kid === kid && other.alg === alg).length === 1,
  )
}

/** More usable keys than any issuer rotates through; each costs an import. */
const MAX_KEYS = 64

export async function importKey(jwk: Readonly<Record<string, unknown>>, alg: Algorithm): Promise<CryptoKey | null> {
  const { kty, crv, x, y, n, e } = jwk
  const text = (value: unknown): string => (typeof value === "string" ? value : "")
  // Only the members that make the key: others (`use: jwt-svid`, `x5c`) would be rejected or misread.
  const members: JWK =
    kty === "RSA"
      ? { kty: "RSA", n: text(n), e: text(e) }
      : kty === "EC"
        ? { kty: "EC", crv: text(crv), x: text(x), y: text(y) }
        : { kty: "OKP", crv: text(crv), x: text(x) }
  try {
    const key = await importJWK(members, alg)
    return key instanceof Uint8Array ? null : key
  } catch {
    return null
  }
}

/** The one key for a token, by its key id and algorithm; without a key id, only if a single key has the algorithm. */
export function keyFor(keys: readonly PublicKey[], kid: string | null, alg: string): CryptoKey | null {
  const fitting = keys.filter((key) => key.alg === alg && (kid === null || key.kid === kid))
  return fitting.length === 1 ? (fitting[0]?.key ?? null) : null
}
