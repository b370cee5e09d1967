import { compactVerify, importJWK } from "jose"
import { describe, expect, it } from "vitest"
import { generatePublisherKey, signPublication } from "../../../cli/compiler/sign.ts"

const POINTER = { seq: 7, digest: "a".repeat(64) }
const SAID = { aud: "https://authz.example", by: "somebody", why: "to sign" }

describe("a signed pointer", () => {
  it("is verified by the public key, and says what it is", async () => {
    const { privateJwk, publicJwk } = await generatePublisherKey()
    const jws = await signPublication(privateJwk, POINTER, SAID)
    const { payload, protectedHeader } = await compactVerify(jws, await importJWK(publicJwk, "ES256"))
    expect(JSON.parse(new TextDecoder().decode(payload))).toEqual({ ...POINTER, ...SAID, iat: expect.any(Number) })
    expect(protectedHeader).toEqual({ alg: "ES256", typ: "narrowgate-pointer+jwt", kid: publicJwk.kid })
  })

  it("is not verified by another publisher's key", async () => {
    const jws = await signPublication((await generatePublisherKey()).privateJwk, POINTER, SAID)
    const other = await importJWK((await generatePublisherKey()).publicJwk, "ES256")
    await expect(compactVerify(jws, other)).rejects.toThrow("signature")
  })

  it("gives away no private member with the public key", async () => {
    expect((await generatePublisherKey()).publicJwk).not.toHaveProperty("d")
  })
})
