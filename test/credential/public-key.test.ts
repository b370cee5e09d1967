/** Which public keys may verify anything, as a table: by each of the others somebody could sign who should not. */
import { exportJWK, generateKeyPair } from "jose"
import { describe, expect, test } from "vitest"
import { importKeys, keyFor, weakness } from "../../src/credential/public-key.ts"

const base64url = (bytes: readonly number[]): string =>
  new Uint8Array(bytes).toBase64({ alphabet: "base64url", omitPadding: true })

/** A modulus of so many bits. */
const modulus = (bits: number): string =>
  base64url([2 ** ((bits - 1) % 8), ...Array.from({ length: Math.ceil(bits / 8) - 1 }, () => 255)])
const rsa = (bits: number, e = "AQAB") => ({ kty: "RSA", n: modulus(bits), e })
const point = (...bytes: readonly number[]) => ({
  kty: "OKP",
  crv: "Ed25519",
  x: base64url([...bytes, ...Array.from({ length: 32 - bytes.length }, () => 0)]),
})
/** The sign of x, in the last byte, makes another point of as small an order. */
const withSign = ({ x, ...rest }: ReturnType<typeof point>) => {
  const bytes = [...Uint8Array.fromBase64(x, { alphabet: "base64url" })]
  return { ...rest, x: base64url(bytes.with(31, (bytes[31] ?? 0) | 0x80)) }
}

describe("a public key", () => {
  test.each<readonly [string, Readonly<Record<string, unknown>>]>([
    ["of RSA with 2,048 bits", rsa(2_048)],
    ["of RSA with 8,192 bits", rsa(8_192)],
    ["of RSA that may verify, among others", { ...rsa(2_048), use: "sig", key_ops: ["verify", "encrypt"] }],
    ["of a curve", { kty: "EC", crv: "P-256" }],
    ["of Ed25519", point(9)],
  ])("%s may verify", (_what, jwk) => {
    expect(weakness(jwk, "sig")).toBeNull()
  })

  test.each<readonly [string, Readonly<Record<string, unknown>>]>([
    ["of RSA with 2,047 bits", rsa(2_047)],
    // Whoever publishes one makes each verification cost us what they like.
    ["of RSA with 8,193 bits", rsa(8_193)],
    ["of RSA with more digits than are read", { ...rsa(2_048), n: "A".repeat(2_049) }],
    ["of RSA with an exponent of 3", rsa(2_048, "Aw")],
    ["of RSA with an even exponent", rsa(2_048, "AQAC")],
    ["of RSA without an exponent", rsa(2_048, "")],
    ["of Ed25519 of order 1", point(1)],
    ["of Ed25519 of order 1, with its sign", withSign(point(1))],
    ["of Ed25519 of order 4", point(0)],
    ["of Ed25519 of order 4, with its sign", withSign(point(0))],
    ["of Ed25519 that is too short", { kty: "OKP", crv: "Ed25519", x: base64url([9]) }],
    ["of Ed25519 without a point", { kty: "OKP", crv: "Ed25519" }],
    ["that is a secret", { kty: "oct", k: "AAAA" }],
    ["of a kind that nobody knows", { kty: "XYZ" }],
    ["for encryption", { ...rsa(2_048), use: "enc" }],
    ["that may only sign", { ...rsa(2_048), key_ops: ["sign"] }],
    ["with a private part", { ...rsa(2_048), dp: "AQAB" }],
  ])("%s may not", (_what, jwk) => {
    expect(weakness(jwk, "sig")).not.toBeNull()
  })
})

const { publicKey } = await generateKeyPair("ES256", { extractable: true })
const jwk = { ...(await exportJWK(publicKey)), alg: "ES256" }

describe("a set of keys", () => {
  test("costs no more than sixty-four imports, however many there are in it", async () => {
    const many = Array.from({ length: 70 }, (_, nth) => ({ ...jwk, kid: `key-${nth}` }))
    const keys = await importKeys(many, ["ES256"], "sig")
    expect(keys.map(({ kid }) => kid)).toEqual(many.slice(0, 64).map(({ kid }) => kid))
  })

  test("has none for a token that names no key, where two could be meant", async () => {
    const keys = await importKeys(
      [
        { ...jwk, kid: "one" },
        { ...jwk, kid: "other" },
      ],
      ["ES256"],
      "sig",
    )
    expect([keyFor(keys, null, "ES256"), keyFor(keys, "third", "ES256")]).toEqual([null, null])
    expect(keyFor(keys, "one", "ES256")).not.toBeNull()
  })

  test("of a trust domain are those that are for SVIDs, and have an id", async () => {
    const all = [
      { ...jwk, kid: "svid", use: "jwt-svid" },
      { ...jwk, kid: "x509", use: "x509-svid" },
      { ...jwk, kid: "sig", use: "sig" },
      { ...jwk, kid: "unsaid" },
      { ...jwk, use: "jwt-svid" },
    ]
    const keys = await importKeys(all, ["ES256"], "jwt-svid")
    expect(keys.map(({ kid }) => kid)).toEqual(["svid"])
  })
})
