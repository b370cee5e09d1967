/**
 * What a client is told of an assertion that proves no agent: what is wrong with its shape, in the characters of an
 * `error_description`, and the same whatever is registered here.
 */
import { beforeAll, describe, expect, test } from "vitest"
import { describeFlaws } from "../../src/credentials/assertion-flaws.ts"
import { postForm, JWT_BEARER, type TokenAnswer } from "../harness/agents.ts"
import {
  assertionOf,
  besieged,
  leaveSpiffeBundles,
  namedSvid,
  neighbour,
  robotToken,
  seconds,
  type Changes,
} from "../harness/besieged.ts"
import { publish, yard } from "../harness/bundles.ts"
import { forgetCaches, freshIsolate } from "../harness/isolate.ts"
import { US } from "../harness/issuers.ts"

const ask = async (assertion: string): Promise<TokenAnswer> =>
  postForm({ grant_type: "client_credentials", client_assertion: assertion, client_assertion_type: JWT_BEARER })
const told = async (assertion: string): Promise<string> =>
  (await ask(assertion)).refused?.error_description ?? "accepted"

const PREFIX = "The agent's identity was not proven. "
const RIGHT_SHAPE =
  "Its shape is right, but no registered agent or issuer is proven by it: compare iss, sub, kid, alg and the key with what is registered."
const NEAR = `Its aud must be ${US} alone, without a slash at the end and not the token endpoint, unless the agent's identity is registered with audience: token_endpoint.`

const own =
  (claims: Changes["claims"], header: Changes["header"] = {}) =>
  async () =>
    assertionOf({ claims: claims ?? {}, header: header ?? {} })

const FLAWS: Readonly<Record<string, readonly [make: () => Promise<string>, told: string]>> = {
  "no jti": [own({ jti: undefined }), "It lacks jti."],
  "no jti and no exp": [own({ jti: undefined, exp: undefined }), "It lacks exp, jti."],
  "no aud": [own({ aud: undefined }), "It lacks aud."],
  "another server's aud": [own({ aud: "https://other.test" }), `Its aud must be ${US} alone.`],
  "us and another": [own({ aud: [US, "https://other.test"] }), `Its aud must be ${US} alone.`],
  "the token endpoint": [own({ aud: `${US}/oauth/token` }), NEAR],
  "us with a slash": [own({ aud: [`${US}/`] }), NEAR],
  expired: [own({ exp: seconds() - 60, iat: seconds() - 120 }), "It has expired."],
  "exp too far": [own({ exp: seconds() + 7_200 }), "Its exp is more than 3600 seconds after its iat."],
  "exp as a text": [own({ exp: "soon" }), "Its exp is no number."],
  "iat in the future": [own({ iat: seconds() + 600, exp: seconds() + 900 }), "Its iat is in the future."],
  "nbf in the future": [own({ nbf: seconds() + 200 }), "Its nbf is in the future."],
  "a shared secret": [
    own({}, { alg: "HS256" }),
    "Its alg is none that is accepted: neither none nor one of a shared secret.",
  ],
  "no algorithm": [
    own({}, { alg: "none" }),
    "Its alg is none that is accepted: neither none nor one of a shared secret.",
  ],
  "an access token's typ": [own({}, { typ: "at+jwt" }), "Its typ is that of another kind of token."],
  "a key of its own in the header": [own({}, { jwk: {} }), "Its header has jwk, which is not accepted."],
  "an actor": [own({ act: { sub: "x" } }), "It has act, which a proof of identity must not have."],
  "iss and sub differ": [
    own({ sub: "https://agents.test/other" }),
    "Its iss and sub differ: in an agent's own assertion both are the agent's id; otherwise its iss has to be a registered issuer of workloads.",
  ],
  "two flaws": [own({ jti: undefined, aud: `${US}/oauth/token` }), `It lacks jti. ${NEAR}`],
  "a kid that nobody has registered": [own({}, { kid: "other" }), RIGHT_SHAPE],
  "another's key": [async () => assertionOf({ by: neighbour }), RIGHT_SHAPE],
  "an agent that nobody has registered": [own({ iss: "https://a.test/x", sub: "https://a.test/x" }), RIGHT_SHAPE],
  "a JWT-SVID by another": [async () => namedSvid({ by: neighbour }), RIGHT_SHAPE],
  "a JWT-SVID of an unknown trust domain": [
    async () => namedSvid({ claims: { sub: "spiffe://nobody.test/a" } }),
    RIGHT_SHAPE,
  ],
  "no token at all": [async () => "x".repeat(40), "It is no signed token in compact form."],
}

/** Seconds. */
const NOW = 1_800_000_000
const AGENT = "https://agents.test/one"
const OWN = { iss: AGENT, sub: AGENT, aud: US, exp: NOW + 300, iat: NOW, jti: "1" }
const SVID = { sub: "spiffe://example.org/agent/one", aud: US, exp: NOW + 300 }
const WORKLOAD = { iss: "https://ci.test", sub: "repo:x", aud: US, exp: NOW + 300, iat: NOW }
const DIFFER =
  "Its iss and sub differ: in an agent's own assertion both are the agent's id; otherwise its iss has to be a registered issuer of workloads."
const TOO_LONG = "Its exp is more than 3600 seconds after its iat."

/** To the second, and of each kind. */
const SHAPES: readonly (readonly [what: string, claims: object, flaw: string, typ?: string])[] = [
  ["no typ", OWN, RIGHT_SHAPE],
  ["a typ of its own", OWN, RIGHT_SHAPE, "client-authentication+jwt"],
  ["the typ JOSE", OWN, RIGHT_SHAPE, "JOSE"],
  ["the typ JWT", OWN, RIGHT_SHAPE, "JWT"],
  ["a workload's without iat", { ...WORKLOAD, iat: undefined }, `It lacks iat. ${DIFFER}`],
  [
    "a workload's for others too",
    { ...WORKLOAD, aud: [US, "account"] },
    `Its aud names others than ${US}. Request it for that audience alone, or have the others listed in the other_audiences of its issuer. If they are, compare sub, kid, alg and the key with what is registered.`,
  ],
  ["a workload's for another alone", { ...WORKLOAD, aud: "account" }, `${DIFFER} Its aud must be ${US} alone.`],
  ["a workload's without iss", { ...WORKLOAD, iss: undefined }, "It lacks iss."],
  ["a workload's without sub", { ...WORKLOAD, sub: undefined }, "It lacks sub."],
  ["a JWT-SVID without exp", { ...SVID, exp: undefined }, "It lacks exp."],
  ["a JWT-SVID for long", { ...SVID, exp: NOW + 7_200 }, RIGHT_SHAPE],
  ["expired for 30 seconds", { ...SVID, exp: NOW - 30 }, "It has expired."],
  ["expired for 29 seconds", { ...SVID, exp: NOW - 29 }, RIGHT_SHAPE],
  ["as long as it may be, since iat", { ...OWN, iat: NOW - 100, exp: NOW - 100 + 3_630 }, RIGHT_SHAPE],
  ["longer, since iat", { ...OWN, iat: NOW - 100, exp: NOW - 100 + 3_631 }, TOO_LONG],
  ["longer, of which iat is ahead", { ...OWN, iat: NOW + 20, exp: NOW + 3_631 }, TOO_LONG],
  ["as long as it may be, without iat", { ...OWN, iat: undefined, exp: NOW + 3_630 }, RIGHT_SHAPE],
  ["longer, without iat", { ...OWN, iat: undefined, exp: NOW + 3_631 }, TOO_LONG],
  ["30 seconds ahead", { ...OWN, iat: NOW + 30, nbf: NOW + 30 }, RIGHT_SHAPE],
  ["31 seconds ahead", { ...OWN, iat: NOW + 31, nbf: NOW + 31 }, "Its iat and nbf is in the future."],
  ["times as texts", { ...OWN, iat: "9999999999", nbf: "9999999999" }, "Its iat and nbf is no number."],
  ["a hand-over", { ...OWN, may_act: {} }, "It has may_act, which a proof of identity must not have."],
  ["a key", { ...OWN, cnf: {} }, "It has cnf, which a proof of identity must not have."],
  ["an event", { ...OWN, events: {} }, "It has events, which a proof of identity must not have."],
]

describe("the shape of an assertion", () => {
  const part = (of: object): string =>
    new TextEncoder().encode(JSON.stringify(of)).toBase64({ alphabet: "base64url", omitPadding: true })

  const cases = SHAPES.map(([what, claims, flaw, typ]) => ({ what, claims, flaw, typ }))

  test.each(cases)("$what", ({ claims, flaw, typ }) => {
    const token = `${part({ alg: "ES256", ...(typ !== undefined && { typ }) })}.${part(claims)}.AA`
    expect(describeFlaws(token, US, NOW * 1_000)).toBe(flaw)
  })
})

describe("what a client is told", () => {
  beforeAll(async () => {
    await freshIsolate()
    await leaveSpiffeBundles()
    await publish(await besieged())
  })

  test.each(Object.entries(FLAWS))("%s", async (_what, [make, flaw]) => {
    const answer = await told(await make())
    expect(answer).toBe(PREFIX + flaw)
    // RFC 6749, section 5.2.
    expect(answer).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
  })

  test("a good one is accepted, as that of an agent that is registered", async () => {
    const { status } = await postForm({
      grant_type: "client_credentials",
      audience: "https://api.test/",
      purpose: "alone",
      client_assertion: await assertionOf(),
      client_assertion_type: JWT_BEARER,
    })
    expect(status).toBe(200)
  })

  test("is the same where the agent, its keys, its issuer and its trust domain are not registered", async () => {
    const assertions = await Promise.all([
      ...Object.values(FLAWS).map(async ([make]) => make()),
      // Of these only who has the key of a registered agent is told more than a stranger.
      robotToken({ by: neighbour }),
      namedSvid({ claims: { iss: "https://other.test" } }),
    ])
    const here = await Promise.all(assertions.map(told))
    await publish(await yard())
    forgetCaches()
    expect(await Promise.all(assertions.map(told))).toEqual(here)
  })

  test("an assertion that was used is told so, as its sender has proven itself by it", async () => {
    await publish(await besieged())
    forgetCaches()
    const form = {
      grant_type: "client_credentials",
      audience: "https://api.test/",
      purpose: "alone",
      client_assertion: await assertionOf(),
      client_assertion_type: JWT_BEARER,
    }
    expect((await postForm(form)).status).toBe(200)
    expect((await postForm(form)).refused?.error_description).toBe(
      "The assertion was used before. Each request takes a new one.",
    )
  })
})
