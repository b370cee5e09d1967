import { compactVerify, importJWK } from "jose"
import { describe, expect, it } from "vitest"
import { generatePublisherKey, signPointer } from "../../../cli/policies/publish.ts"

const POINTER = { seq: 7, digest: "a".repeat(64) }

describe("a signed pointer", () => {
  it("is verified by the public key, and says what it is", async () => {
    const { privateJwk, publicJwk } = await generatePublisherKey()
    const jws = await signPointer(privateJwk, POINTER)
    const { payload, protectedHeader } = await compactVerify(jws, await importJWK(publicJwk, "ES256"))
    expect(JSON.parse(new TextDecoder().decode(payload))).toEqual(POINTER)
    expect(protectedHeader).toEqual({ alg: "ES256", typ: "narrowgate-pointer+jwt", kid: publicJwk.kid })
  })

  it("is not verified by another publisher's key", async () => {
    const jws = await signPointer((await generatePublisherKey()).privateJwk, POINTER)
    const other = await importJWK((await generatePublisherKey()).publicJwk, "ES256")
    await expect(compactVerify(jws, other)).rejects.toThrow("signature")
  })

  it("gives away no private member with the public key", async () => {
    expect((await generatePublisherKey()).publicJwk).not.toHaveProperty("d")
  })
})
