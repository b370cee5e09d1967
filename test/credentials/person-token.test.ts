import { describe, expect, inject, test } from "vitest"
import { isRejected } from "../../src/core/denials/terms/credential-rejection.ts"
import type { IssuerDefinition } from "../../src/core/policy/definition/issuers.ts"
import { namesIn, personIn, verifyPersonToken } from "../../src/credentials/person-token.ts"
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

const provider = issuers.find(({ issuer }) => issuer === IDP)
if (!provider?.users) throw new Error("the yard has no provider of users")
const { operators: _operators, users: yardUsers, assertions: _assertions, sign_in: _signIn, ...bare } = provider
const { issuer: _issuer, ...nameless } = bare
/** The entry of the main provider with these members, and no use but what they say. */
const entry = (members: Partial<IssuerDefinition>): readonly IssuerDefinition[] => [{ ...bare, ...members }]
const operators = { clients: ["cli"] }
const OTHER = "https://other.test"
const SIGN_IN = entry({
  operators: { clients: ["cli", "console"] },
  sign_in: { client: "console", scope: "openid", token: "id_token", resource: "none" },
})
const OF_SIGN_IN = { claims: { aud: "console", nonce: "1", client_id: undefined }, header: { typ: "JWT" } }
const audience = { reason: "audience_mismatch" }

describe("whose token it is", () => {
  test.each<[string, Minting, readonly IssuerDefinition[], object]>([
    ["an access token for us", {}, entry({ operators }), { client: "cli" }],
    ["for us in a list", { claims: { aud: [US] } }, entry({ operators }), { client: "cli" }],
    [
      "for the entry's audience",
      { claims: { aud: "urn:x" } },
      entry({ operators: { ...operators, audiences: ["urn:x"] } }),
      { client: "cli" },
    ],
    [
      "for us and one that the entry allows",
      { claims: { aud: [US, OTHER] } },
      entry({ operators: { ...operators, other_audiences: [OTHER] } }),
      { client: "cli" },
    ],
    [
      "with what the entry requires",
      { claims: { tid: "1" } },
      entry({
        operators,
        access_token: { type: "at+jwt", client_claim: "client_id", require: { tid: "1" }, absent: [] },
      }),
      { client: "cli" },
    ],
    ["the ID token of a sign-in", OF_SIGN_IN, SIGN_IN, { client: "console" }],
    [
      "of an issuer that has an entry without operators too",
      {},
      [...entry({}), ...entry({ operators })],
      { client: "cli" },
    ],
    ["an access token where ID tokens are accepted", {}, SIGN_IN, { client: "cli" }],
  ])("%s", async (_what, minting, by, expected) => {
    expect(await verified(minting, by)).toMatchObject({ subject: "alice", ...expected })
  })

  test.each<[string, Minting, readonly IssuerDefinition[], object]>([
    ["of another issuer", { claims: { iss: OTHER } }, entry({ operators }), { reason: "issuer_unknown", iss: OTHER }],
    ["of an issuer without operators", {}, entry({}), { reason: "issuer_unknown", iss: IDP }],
    [
      "of no issuer",
      { claims: { iss: undefined } },
      [{ ...nameless, operators }],
      { reason: "issuer_unknown", iss: null },
    ],
    ["of another type", { header: { typ: "JWT" } }, issuers, { reason: "type_refused" }],
    ["for us twice", { claims: { aud: [US, US] } }, issuers, audience],
    ["for us and a number", { claims: { aud: [US, 7] } }, issuers, audience],
    ["for us and another", { claims: { aud: [US, OTHER] } }, issuers, audience],
    [
      "for one that may stand beside us alone",
      { claims: { aud: OTHER } },
      entry({ operators: { ...operators, other_audiences: [OTHER] } }),
      audience,
    ],
    [
      "for us, where the entry names another audience",
      {},
      entry({ operators: { ...operators, audiences: ["urn:x"] } }),
      audience,
    ],
    ["issued to another client", { claims: { client_id: "other" } }, issuers, { reason: "client_mismatch" }],
    [
      "without what the entry requires",
      {},
      entry({
        operators,
        access_token: { type: "at+jwt", client_claim: "client_id", require: { tid: "1" }, absent: [] },
      }),
      { reason: "claim_missing", claim: "tid" },
    ],
    ["with an actor", { claims: { act: { sub: "x" } } }, issuers, { reason: "delegated" }],
    ...["sub", "aud", "exp", "iat"].map((claim): [string, Minting, readonly IssuerDefinition[], object] => [
      `without ${claim}`,
      { claims: { [claim]: undefined } },
      issuers,
      { reason: "claim_missing", claim },
    ]),
    [
      "an ID token without a nonce",
      { ...OF_SIGN_IN, claims: { ...OF_SIGN_IN.claims, nonce: undefined } },
      SIGN_IN,
      { reason: "claim_missing", claim: "nonce" },
    ],
    ["an ID token of another type", { ...OF_SIGN_IN, header: { typ: "at+jwt" } }, SIGN_IN, { reason: "type_refused" }],
    [
      "an ID token with the client of an access token",
      { ...OF_SIGN_IN, claims: { ...OF_SIGN_IN.claims, client_id: "console" } },
      SIGN_IN,
      { reason: "claim_unexpected" },
    ],
    [
      "an ID token of another client",
      { ...OF_SIGN_IN, claims: { ...OF_SIGN_IN.claims, aud: "cli" } },
      SIGN_IN,
      { reason: "type_refused" },
    ],
    [
      "an ID token where people are known by access tokens",
      OF_SIGN_IN,
      entry({
        operators,
        sign_in: { client: "console", scope: "openid", token: "access_token", resource: "none" },
      }),
      { reason: "type_refused" },
    ],
  ])("nobody's: %s", async (_what, minting, by, because) => {
    expect(await verified(minting, by)).toMatchObject({ rejected: because })
  })
})

describe("whom it names", () => {
  const named = async (by: readonly IssuerDefinition[], claims: Minting["claims"] = {}) => {
    const token = await verified({ claims: { email: "alice@example.org", ...claims } }, by)
    if (isRejected(token)) throw new Error(token.rejected.reason)
    return {
      person: personIn(token, { now: Date.now() }),
      names: namesIn(token, { now: Date.now() }).map(({ subject }) => subject),
    }
  }
  const users = { audiences: [], clients: [], claims: { ...yardUsers.claims, subject: ["email"] } } as const
  const assertions = { clients: {}, require: {}, claims: { ...yardUsers.claims, subject: ["upn"] }, life: 300 } as const

  test("a user by the claims of the entry, and no machine", async () => {
    const by = entry({ operators, users })
    expect((await named(by)).person).toMatchObject({ user: { subject: "alice@example.org" } })
    expect((await named(by, { gty: "client-credentials" })).person).toMatchObject({ rejected: { reason: "no_person" } })
    const none = entry({ operators })
    expect((await named(none)).person).toMatchObject({ rejected: { reason: "issuer_unknown", iss: IDP } })
  })

  test("all by which they can be revoked: of the token, of sessions, of assertions", async () => {
    const all = { operators, users, assertions }
    expect((await named(entry(all), { upn: "al" })).names).toEqual(["alice", "alice@example.org", "al"])
    // One that the token lacks is none.
    expect((await named(entry(all))).names).toEqual(["alice", "alice@example.org"])
  })
})
