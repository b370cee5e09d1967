/**
 * What a client is told of an assertion that proves no agent: what is wrong with its shape, in the characters of an
 * `error_description`, and the same whatever is registered here.
 */
import { beforeAll, describe, expect, test } from "vitest"
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
