import { describe, expect, inject, test } from "vitest"
import { readCompact } from "../../src/credentials/jws/compact.ts"
import type { Person } from "../../src/credentials/person.ts"
import { verifySession, type SessionKind } from "../../src/credentials/session.ts"
import type { Rejected } from "../../src/core/denials/terms/credential-rejection.ts"
import { withIssuerKeys, accessToken, IDP, idToken, stranger, workloads, type Minting } from "../harness/issuers.ts"

const { issuers } = withIssuerKeys(inject("yard"))
/** Who brings the session. */
const AGENT = "spiffe://example.org/agent/first"
const seconds = (): number => Math.floor(Date.now() / 1000)
const reach = () => ({ now: Date.now(), local: false, background: () => undefined })

async function verify(token: string, kind: SessionKind): Promise<Person | Rejected> {
  const compact = readCompact(token)
  if ("rejected" in compact) return compact
  const issuer = issuers.find((known) => known.issuer === compact.claims["iss"])
  if (!issuer?.users) return { rejected: { reason: "issuer_unknown", iss: null } }
  return verifySession(compact, kind, { ...issuer, users: issuer.users }, AGENT, reach())
}

async function session(token: string, kind: SessionKind): Promise<string> {
  const verified = await verify(token, kind)
  return "rejected" in verified ? verified.rejected.reason : `${verified.user.issuer}|${verified.user.subject}`
}

const ALICE = `${IDP}|alice`

describe("an ID token", () => {
  const verdict = async (minting: Minting) => session(await idToken("alice", minting), "id_token")

  test("of a known client's session is one", async () => {
    expect(await verdict({})).toBe(ALICE)
    expect(await verdict({ claims: { azp: "app", aud: ["app"] } })).toBe(ALICE)
    expect(await verdict({ header: { typ: undefined } })).toBe(ALICE)
    const late = seconds() + 86_400
    const verified = await verify(await idToken("alice", { claims: { exp: late, acr: "mfa" } }), "id_token")
    expect(verified).toMatchObject({ expiresAt: late * 1000, user: { groups: ["staff"], acr: "mfa" } })
  })

  test.each<readonly [string, Minting]>([
    ["another client's", { claims: { aud: "other" } }],
    ["several audiences without azp", { claims: { aud: ["app", "other"] } }],
    ["another audience beside the client's", { claims: { azp: "app", aud: ["app", "other"] } }],
    ["our client twice, without azp", { claims: { aud: ["app", "app"] } }],
    ["no audience at all", { claims: { aud: [] } }],
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
    ["groups that are no texts", { claims: { groups: [1] } }],
    // All of it stands in the ledger, in each record, and in what policy is asked.
    ["more groups than anybody is in", { claims: { groups: Array.from({ length: 257 }, (_, nth) => `g${nth}`) } }],
    ["a group of an excessive name", { claims: { groups: ["g".repeat(257)] } }],
    ["a group alone of an excessive name", { claims: { groups: "g".repeat(257) } }],
    ["an excessive level", { claims: { acr: "a".repeat(257) } }],
    ["a login before 1970", { claims: { auth_time: -1 } }],
    ["delegated", { claims: { act: { sub: "x" } } }],
    ["naming who may act", { claims: { may_act: { sub: "x" } } }],
    ["naming who may act in no way that we know", { claims: { may_act: { sub: AGENT, iss: "https://idp.test" } } }],
    ["naming nobody", { claims: { may_act: {} } }],
    ["naming who may act in a list", { claims: { may_act: [AGENT] } }],
    // OIDC Back-Channel Logout 2.4: from the same issuer, for the same client, signed by the same key.
    ["a logout token", { header: { typ: "logout+jwt" } }],
    ["a security event", { claims: { events: { "http://schemas.openid.net/event/backchannel-logout": {} } } }],
    ["a proof by its type", { header: { typ: "dpop+jwt" } }],
    ["an access token by its type", { header: { typ: "at+jwt" } }],
  ])("%s is none", async (_what, minting) => {
    expect(await verdict(minting)).not.toContain("|")
  })

  test("that names the agent that brings it may be brought by it", async () => {
    expect(await verdict({ claims: { may_act: { sub: AGENT } } })).toBe(ALICE)
  })

  test("clocks may differ by half a minute", async () => {
    expect(await verdict({ claims: { exp: seconds() - 20 } })).toBe(ALICE)
    expect(await verdict({ claims: { iat: seconds() + 20 } })).toBe(ALICE)
  })
})

test("a session of a clock that is ahead was given now, not later: what stops all of before would miss it", async () => {
  for (const ahead of [0, 20]) {
    const verified = await verify(await idToken("alice", { claims: { iat: seconds() + ahead } }), "id_token")
    expect("issuedAt" in verified && verified.issuedAt <= Date.now() && verified.issuedAt > Date.now() - 5_000).toBe(
      true,
    )
  }
  const iat = seconds() - 600
  expect(await verify(await idToken("alice", { claims: { iat } }), "id_token")).toMatchObject({ issuedAt: iat * 1000 })
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
    ["bound to a key", { claims: { cnf: { jkt: "x" } } }],
    ["another key", { signer: stranger }],
  ])("%s is none", async (_what, minting) => {
    expect(await verdict(minting)).not.toContain("|")
  })

  test("said to be an ID token is none", async () => {
    expect(await session(await accessToken("alice", "app"), "id_token")).toBe("type_refused")
  })
})
