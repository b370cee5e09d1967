import { generateKeyPair, exportJWK, SignJWT, type CryptoKey, type JWK } from "jose"
import { beforeEach, describe, expect, test } from "vitest"
import { readCompact } from "../../../src/credentials/jws/compact.ts"
import { forgetKeySets, type KeyOwner } from "../../../src/credentials/key-sets/key-set.ts"
import { isRejected } from "../../../src/core/denials/terms/credential-rejection.ts"
import { verifySigned } from "../../../src/credentials/jws/signature.ts"
import { Place } from "../../harness/places.ts"

const START = 1_800_000_000_000
const SECOND = 1_000

interface Signer {
  readonly key: CryptoKey
  readonly jwk: JWK
}

async function signer(kid?: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true })
  return { key: privateKey, jwk: { ...(await exportJWK(publicKey)), ...(kid === undefined ? {} : { kid }) } }
}

async function verify(owner: KeyOwner, { key, jwk }: Signer, now: number): Promise<string> {
  const kid = jwk.kid === undefined ? {} : { kid: jwk.kid }
  const token = await new SignJWT({ exp: now / 1000 + 60 }).setProtectedHeader({ alg: "ES256", ...kid }).sign(key)
  const compact = readCompact(token)
  if (isRejected(compact)) throw new Error("the token cannot be read")
  const verified = await verifySigned(compact, owner, { maxLife: 3_600 }, { now, local: true, background: () => {} })
  return isRejected(verified) ? verified.rejected.reason : "verified"
}

const ownerOf = (place: Place): KeyOwner => ({
  id: "issuer",
  keys: { kind: "jwks_uri", uri: place.uri },
  algorithms: ["ES256"],
})

beforeEach(forgetKeySets)

describe.each([
  ["replaced under its id", "a"],
  ["that has no id", undefined],
])("a key %s", (_what, kid) => {
  test("verifies at once, and the one before no more", async () => {
    const place = new Place()
    const [before, after] = [await signer(kid), await signer(kid)]
    await place.serves(before.jwk)
    expect(await verify(ownerOf(place), before, START)).toBe("verified")
    await place.serves(after.jwk)
    expect(await verify(ownerOf(place), after, START + SECOND)).toBe("verified")
    expect(await verify(ownerOf(place), before, START + 2 * SECOND)).toBe("signature_invalid")
    expect(await place.asked()).toBe(2)
  })

  test("is asked for because of forged tokens once in a cooldown, and they are refused as ever", async () => {
    const place = new Place()
    const [honest, forger] = [await signer(kid), await signer(kid)]
    await place.serves(honest.jwk)
    await verify(ownerOf(place), honest, START)
    for (let index = 0; index < 40; index++) {
      expect(await verify(ownerOf(place), forger, START + 10 * SECOND + index)).toBe("signature_invalid")
    }
    expect(await place.asked()).toBe(2)
    const many = Array.from({ length: 40 }, async () => verify(ownerOf(place), forger, START + 20 * SECOND))
    expect(new Set(await Promise.all(many))).toEqual(new Set(["signature_invalid"]))
    expect(await place.asked()).toBe(3)
    expect(await verify(ownerOf(place), honest, START + 21 * SECOND)).toBe("verified")
  })

  test("of an issuer that is down is what it was", async () => {
    const place = new Place()
    const [honest, forger] = [await signer(kid), await signer(kid)]
    await place.serves(honest.jwk)
    await verify(ownerOf(place), honest, START)
    await place.answers({ status: 503 })
    expect(await verify(ownerOf(place), forger, START + 10 * SECOND)).toBe("signature_invalid")
    expect(await verify(ownerOf(place), honest, START + 10 * SECOND)).toBe("verified")
  })
})
