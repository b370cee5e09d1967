import { describe, expect, inject, test } from "vitest"
import { verifyPersonToken } from "../../src/credentials/person-token.ts"
import { accessToken, IDP, US, withIssuerKeys, type Minting } from "../harness/issuers.ts"

const { issuers } = withIssuerKeys(inject("yard"))

async function verified(minting: Minting, by = issuers) {
  const reach = { now: Date.now(), local: false, background: () => undefined }
  return verifyPersonToken(await accessToken("alice", "cli", minting), by, US, reach)
}

describe("a person's own token", () => {
  test("tells who it is of, and from when to when", async () => {
    const iat = Math.floor(Date.now() / 1000) - 60
    const token = await verified({ claims: { iat, exp: iat + 300 } })
    const times = { issuedAt: iat * 1000, expiresAt: (iat + 300) * 1000 }
    expect(token).toMatchObject({ subject: "alice", issuer: { issuer: IDP }, ...times })
  })

  test("of a clock that is ahead was issued now, not later", async () => {
    const token = await verified({ claims: { iat: Math.floor(Date.now() / 1000) + 20 } })
    expect("issuedAt" in token && token.issuedAt <= Date.now()).toBe(true)
  })

  test.each([
    ["as its issuer's entry says", 600, 600],
    ["than a day, whatever its issuer's entry says", 2_592_000, 86_400],
  ])("lives no longer %s", async (_what, max_life, most) => {
    const now = Math.floor(Date.now() / 1000)
    const by = issuers.map((issuer) => ({ ...issuer, max_life }))
    expect(await verified({ claims: { exp: now + most } }, by)).toMatchObject({ subject: "alice" })
    const longer = await verified({ claims: { exp: now + most + 40 } }, by)
    expect(longer).toMatchObject({ rejected: { reason: "too_long_lived" } })
  })

  test.each([
    ["that is a number", { sub: 42 }, { reason: "claim_mismatch", claim: "sub" }],
    ["that is a list", { sub: ["alice"] }, { reason: "claim_mismatch", claim: "sub" }],
    ["that is none", { sub: undefined }, { reason: "claim_missing", claim: "sub" }],
  ])("with a subject %s is nobody's", async (_what, claims, because) => {
    expect(await verified({ claims })).toMatchObject({ rejected: because })
  })
})
