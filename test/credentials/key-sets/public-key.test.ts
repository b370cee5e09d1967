/** Which public keys may verify anything, as a table: by each of the others somebody could sign who should not. */
import { exportJWK, generateKeyPair } from "jose"
import { describe, expect, test } from "vitest"
import { weakness } from "../../../src/core/keys/key-strength.ts"
import { importKeys, keyFor } from "../../../src/credentials/key-sets/public-key.ts"

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

/** Moduli of the tests of the tool roca-detect: two of the broken generator, one of them with a digit changed, one sound. */
const ROCA_2048 =
  "nc10IOQgwnCmgGDri1qnRXqfZkj4b6_tJ3XMH3muli8eY_G55RxV-epv3HMy6bAFjJ_y6x_ImFUCnPaq_iHmif6zisn_sS8c43G7XQ6armQWGrznS0JEv2jx7bRBH3VqCXyJKcFHQCReo1X4My0ao2u1DH3LRQXajeAuTlPTj43wYJfadSTfDfk9tI6sjMSvLToWJX6ysq3Ka6Rk5ZdPqSVQ0xsbq_Fh52ktALhuPdiG7KtKv74aj4zCY_9K9VzbRfQkmlGTkl9emD12LwtoAJQ-sCZ7CPQu0xHOH1yG6svIzk08t6L-4e9WQUI6HPQRTl7PUANKYKQSUjr55vSqEQ"
const ROCA_4096 =
  "w5qSgGDbUTCRtgTq2tcZ7ZTiRt6P4V-3bvq1z6u8P8VIb-LvKlpahHLwxb4Int7AcfsoTfRGf6H6bI8LAT0xc_5jZ0RmYom_Z7XJmMh7WQFdlLucINMKcM_ideQv08b0TUxSUvnGtoA_kq_ZKBU725DvCO3pNMB28zVD-aHDYhMJKbmhMkxevuaDHCUcSKfe4k11rFOM6aWNf_CcEqXXcrbDP0JlpOSDC9c60iHSTU0_CS4kJ5wV_B0QymlWH08HExPIaxGrNqXdKN85L1gYNO7P3J4YOkZhmOM88B0nO9QdS34ojMZvJOugRna9IJD29zgwM2oxe8LUI7VYudj2MuEq97Dn_JvbaSgugf30GmjPToXwH8ND3-UqOtAfZ0WdOAFlFZ4SCe8c5OzSZkjgYfrwiWVR9_H5LWtqGa8Kt_HwktfhaLzsDuR4uGGEiaiWenHl4KXBl2YtjpdW8JChdxCdSjSuIKGMVinv6lymZiOWD8Ml93nNrokafsBR8A6De48vuf0Z9qNYMsoOXOg3WXLEKjCPfVygQ0AiwTGHQIfoJu1zeZTkb75E9fHpCJNPYDPmhR69BUR93bqlHAZxhJyv06UDzcFQEBkU7fM7FAwWjD2-pHkedOphmrGzHJBpHeHUJbdGsiKism7VQiLLyvJ6BU-fZvd75kZhmMM-N90"
const ROCA_CHANGED =
  "jc10IOQgwnCmgGDri1qnRXqfZkj4b6_tJ3XMH3muli8eY_G55RxV-epv3HMy6bAFjJ_y6x_ImFUCnPaq_iHmif6zisn_sS8c43G7XQ6armQWGrznS0JEv2jx7bRBH3VqCXyJKcFHQCReo1X4My0ao2u1DH3LRQXajeAuTlPTj43wYJfadSTfDfk9tI6sjMSvLToWJX6ysq3Ka6Rk5ZdPqSVQ0xsbq_Fh52ktALhuPdiG7KtKv74aj4zCY_9K9VzbRfQkmlGTkl9emD12LwtoAJQ-sCZ7CPQu0xHOH1yG6svIzk08t6L-4e9WQUI6HPQRTl7PUANKYKQSUjr55vSqEQ"
const SOUND =
  "r2WWdhl_HbBtp6wRGgoOwXW4t-8HGS_80fa4VMMneF8af9PbfaRc1KMbKy5c4Ngjpo4oyK3xdHMWvszh_ldoBkA5rSBiJgyNGjTgWG3Om8EwkPzJ-4uLLAjtOujWGymBimaWiafZwdqwU7VX-40_nET6rT4YxV5zmwDTyRJlWLyOmAzSrzdxJu9bE3QTZ3S4vTcOPBwUnbOVyPmWlrYosQWUb-ogEG_iTRA6wGJmGpJI6MP2KOALMI0zlTqr5VUTLiGOdO9LV4cWtP5880Do5gSjGb9umVHhlCYB00KRAy21SZnQnl0Dbd41RK01JWu7l9Xj__04Fmwh6ukZlUiFOw"

describe("a public key", () => {
  test.each<readonly [string, Readonly<Record<string, unknown>>]>([
    ["of RSA with 2,048 bits", rsa(2_048)],
    ["of RSA with 8,192 bits", rsa(8_192)],
    ["of RSA that may verify, among others", { ...rsa(2_048), use: "sig", key_ops: ["verify", "encrypt"] }],
    ["of RSA of a sound generator", { ...rsa(2_048), n: SOUND }],
    ["of RSA that is nearly one of the broken generator", { ...rsa(2_048), n: ROCA_CHANGED }],
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
    ["of RSA of the generator of CVE-2017-15361", { ...rsa(2_048), n: ROCA_2048 }],
    ["of RSA of that generator, with 4,096 bits", { ...rsa(4_096), n: ROCA_4096 }],
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
