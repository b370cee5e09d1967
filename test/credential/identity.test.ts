import { describe, expect, inject, test } from "vitest"
import { trustDomainOf, verifySession, verifyWorkload, type SessionKind } from "../../src/credential/identity.ts"
import {
  withIssuerKeys,
  accessToken,
  idp,
  IDP,
  idToken,
  stranger,
  svid,
  US,
  workloads,
  type Minting,
} from "../harness/issuers.ts"

const { issuers } = withIssuerKeys(inject("yard"))
const config = { issuer: US, publisherKeys: { keys: [] }, local: false }
const seconds = (): number => Math.floor(Date.now() / 1000)

async function session(token: string, kind: SessionKind): Promise<string> {
  const verified = await verifySession(token, kind, issuers, config, Date.now())
  return "rejected" in verified ? verified.rejected : `${verified.user.issuer}|${verified.user.subject}`
}

const ALICE = `${IDP}|alice`

describe("an ID token", () => {
  const verdict = async (minting: Minting) => session(await idToken("alice", minting), "id_token")

  test("of a known client's session is one", async () => {
    expect(await verdict({})).toBe(ALICE)
    expect(await verdict({ claims: { azp: "app", aud: ["app", "other"] } })).toBe(ALICE)
    expect(await verdict({ header: { typ: undefined } })).toBe(ALICE)
    const verified = await verifySession(
      await idToken("alice", { claims: { exp: 4_000_000_000, acr: "mfa" } }),
      "id_token",
      issuers,
      config,
      Date.now(),
    )
    expect(verified).toMatchObject({ expiresAt: 4_000_000_000_000, user: { groups: ["staff"], acr: "mfa" } })
  })

  test.each<readonly [string, Minting]>([
    ["another client's", { claims: { aud: "other" } }],
    ["several audiences without azp", { claims: { aud: ["app", "other"] } }],
    ["another client in azp", { claims: { azp: "other" } }],
    ["azp that is a list", { claims: { azp: ["app"] } }],
    ["an unknown issuer", { claims: { iss: "https://idp.test/" } }],
    ["no issuer", { claims: { iss: undefined } }],
    ["another key under the same kid", { signer: stranger }],
    ["a workload's key", { signer: workloads }],
    ["expired beyond tolerance", { claims: { exp: seconds() - 31 } }],
    ["no expiry", { claims: { exp: undefined } }],
    ["no iat", { claims: { iat: undefined } }],
    ["issued in the future", { claims: { iat: seconds() + 40 } }],
    ["not valid yet", { claims: { nbf: seconds() + 40 } }],
    ["no subject", { claims: { sub: undefined } }],
    ["an empty subject", { claims: { sub: "" } }],
    ["a subject with a line break", { claims: { sub: "a\nb" } }],
    ["half a character", { claims: { sub: "\ud800" } }],
    ["an excessive subject", { claims: { sub: "a".repeat(256) } }],
    ["groups that are no list", { claims: { groups: "staff" } }],
    ["delegated", { claims: { act: { sub: "x" } } }],
    ["naming who may act", { claims: { may_act: { sub: "x" } } }],
    // OIDC Back-Channel Logout 2.4: from the same issuer, for the same client, signed by the same key.
    ["a logout token", { header: { typ: "logout+jwt" } }],
    ["a security event", { claims: { events: { "http://schemas.openid.net/event/backchannel-logout": {} } } }],
    ["a proof by its type", { header: { typ: "dpop+jwt" } }],
    ["an access token by its type", { header: { typ: "at+jwt" } }],
  ])("%s is none", async (_what, minting) => {
    expect(await verdict(minting)).not.toContain("|")
  })

  test("clocks may differ by half a minute", async () => {
    expect(await verdict({ claims: { exp: seconds() - 20 } })).toBe(ALICE)
    expect(await verdict({ claims: { iat: seconds() + 20 } })).toBe(ALICE)
  })
})

describe("an access token", () => {
  const verdict = async (minting: Minting) => session(await accessToken("alice", "app", minting), "access_token")

  test("for us, given to a known client, is a session", async () => {
    expect(await verdict({})).toBe(ALICE)
    expect(await verdict({ header: { typ: "application/at+jwt" } })).toBe(ALICE)
  })

  test.each<readonly [string, Minting]>([
    ["for somebody else", { claims: { aud: "https://other.test" } }],
    ["for the client itself", { claims: { aud: "app" } }],
    ["given to another client", { claims: { client_id: "cli" } }],
    ["given to several", { claims: { client_id: ["app"] } }],
    ["given to nobody", { claims: { client_id: undefined } }],
    ["an ID token by its type", { header: { typ: "JWT" } }],
    ["delegated", { claims: { act: { sub: "x" } } }],
    ["another key", { signer: stranger }],
  ])("%s is none", async (_what, minting) => {
    expect(await verdict(minting)).not.toContain("|")
  })

  test("said to be an ID token is none", async () => {
    expect(await session(await accessToken("alice", "app"), "id_token")).toBe("token type")
  })
})

describe("a workload identity (JWT-SVID)", () => {
  async function verdict(minting: Minting, agent = "first"): Promise<string> {
    const verified = await verifyWorkload(await svid(agent, minting), issuers, config, Date.now())
    return "agent" in verified ? verified.agent : verified.rejected
  }

  test("for us and nobody else is one, typed or not", async () => {
    expect(await verdict({})).toBe("spiffe://example.org/agent/first")
    for (const typ of [undefined, "JWT", "JOSE"]) expect(await verdict({ header: { typ } })).toContain("spiffe:")
    expect(await verdict({ claims: { aud: [US] } })).toContain("spiffe:")
  })

  test.each<readonly [string, Minting, string]>([
    ["another audience", { claims: { aud: "https://other.test" } }, "first"],
    ["another audience too", { claims: { aud: [US, "https://other.test"] } }, "first"],
    ["no audience", { claims: { aud: undefined } }, "first"],
    ["no expiry", { claims: { exp: undefined } }, "first"],
    ["expired", { claims: { exp: seconds() - 40 } }, "first"],
    ["another type", { header: { typ: "at+jwt" } }, "first"],
    ["a proof's type", { header: { typ: "dpop+jwt" } }, "first"],
    ["another signer", { signer: stranger }, "first"],
    ["a user provider's key", { signer: idp }, "first"],
    ["another trust domain", {}, "spiffe://evil.test/agent/first"],
    ["a trust domain in upper case", {}, "spiffe://EXAMPLE.ORG/agent/first"],
    ["no path", {}, "spiffe://example.org"],
    ["a dot segment", {}, "spiffe://example.org/agent/../agent/first"],
    ["a slash at the end", {}, "spiffe://example.org/agent/first/"],
    ["a query", {}, "spiffe://example.org/agent/first?x"],
  ])("%s is none", async (_what, minting, agent) => {
    expect(await verdict(minting, agent)).not.toContain("spiffe:")
  })

  test("the trust domain of a SPIFFE ID", () => {
    expect(trustDomainOf("spiffe://example.org/a")).toBe("example.org")
    for (const id of [
      "http://example.org/a",
      "spiffe://user@example.org/a",
      "spiffe://example.org:8/a",
      "spiffe:///a",
    ]) {
      expect(trustDomainOf(id)).toBeNull()
    }
  })
})
