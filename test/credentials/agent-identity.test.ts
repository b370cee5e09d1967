import { SignJWT } from "jose"
import { describe, expect, inject, test } from "vitest"
import { verifyAgent } from "../../src/credentials/agent-identity.ts"
import type { AgentDefinition } from "../../src/core/policy/definition/agents.ts"
import type { IssuerDefinition } from "../../src/core/policy/definition/issuers.ts"
import { withIssuerKeys, idp, stranger, svid, US, type Minting } from "../harness/issuers.ts"

const yard = withIssuerKeys(inject("yard"))
const [first] = yard.agents
if (!first) throw new Error("the yard has no agent")
const CI = "https://ci.test"
const ci: IssuerDefinition = {
  id: "ci",
  issuer: CI,
  keys: { kind: "inline", jwks: { keys: [{ ...idp.publicJwk }] } },
  algorithms: ["ES256"],
  workloads: {},
}
const RELEASE = "https://agents.test/release"
const SIGNER = "https://agents.test/signer"
const SUBJECT = "repo:acme/app:environment:production"
const release: AgentDefinition = {
  ...first,
  id: RELEASE,
  identities: [
    { kind: "workload", issuer: "ci", subject: SUBJECT, claims: { repository_id: "42", at: { run: { attempt: 1 } } } },
  ],
}
const signer: AgentDefinition = {
  ...first,
  id: SIGNER,
  identities: [
    {
      kind: "private_key_jwt",
      keys: { kind: "inline", jwks: { keys: [{ ...stranger.publicJwk }] } },
      algorithms: ["ES256"],
    },
  ],
}
const registry = {
  issuers: [...yard.issuers, ci],
  agents: new Map([...yard.agents, release, signer].map((agent) => [agent.id, agent])),
}
/** Of the nested one, members that are not asked for do not count. */
const CLAIMS = { repository_id: "42", at: { run: { attempt: 1, id: 7 }, by: "x" } }
const seconds = (): number => Math.floor(Date.now() / 1000)

const verify = async (token: string, kind: "any" | "spiffe" = "any") =>
  verifyAgent(token, kind, registry, US, { now: Date.now(), local: false, background: () => undefined })

async function proven(token: string, kind: "any" | "spiffe" = "any"): Promise<string> {
  const verified = await verify(token, kind)
  return "agent" in verified ? verified.agent : verified.rejected.reason
}

async function sign(claims: Record<string, unknown>, { header, claims: more, signer = idp }: Minting): Promise<string> {
  const times = { iat: seconds(), exp: seconds() + 300, jti: crypto.randomUUID() }
  const { kid = "" } = signer.publicJwk
  return new SignJWT({ ...times, ...claims, ...more })
    .setProtectedHeader({ alg: "ES256", kid, ...header })
    .sign(signer.key)
}

describe("a workload identity (JWT-SVID)", () => {
  async function verdict(minting: Minting, agent = "first"): Promise<string> {
    return proven(await svid(agent, minting))
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
})

test("an identity of a clock that is ahead was given now, not later, and one that does not say when long ago", async () => {
  const since = async (iat: number | undefined): Promise<number> => {
    const verified = await verify(await svid("first", { claims: { iat } }))
    if ("rejected" in verified) throw new Error(verified.rejected.reason)
    return verified.since
  }
  const [before, ahead] = [Date.now(), await since(seconds() + 20)]
  expect([ahead >= before, ahead <= Date.now()]).toEqual([true, true])
  const iat = seconds() - 60
  expect([await since(iat), await since(undefined)]).toEqual([iat * 1000, 0])
})

describe("a workload's token", () => {
  const verdict = async (minting: Minting): Promise<string> =>
    proven(await sign({ iss: CI, sub: SUBJECT, aud: US, ...CLAIMS }, minting))

  test("with the issuer, subject and claims of one registered agent proves it", async () => {
    expect(await verdict({})).toBe(RELEASE)
    expect(await verdict({ header: { typ: "JWT" } })).toBe(RELEASE)
  })

  test.each<readonly [string, Minting, string]>([
    ["another subject", { claims: { sub: "repo:acme/app:environment:staging" } }, "subject_unknown"],
    ["a longer subject", { claims: { sub: `${SUBJECT}2` } }, "subject_unknown"],
    ["the subject in other case", { claims: { sub: SUBJECT.toUpperCase() } }, "subject_unknown"],
    ["a claim of another value", { claims: { repository_id: "43" } }, "claim_mismatch"],
    ["a claim of another type", { claims: { repository_id: 42 } }, "claim_mismatch"],
    ["a claim missing", { claims: { repository_id: undefined } }, "claim_missing"],
    ["a nested claim of another value", { claims: { at: { run: { attempt: 2 } } } }, "claim_mismatch"],
    ["a nested claim missing", { claims: { at: { run: {} } } }, "claim_missing"],
    ["no nested claim where one is asked for", { claims: { at: "run" } }, "claim_mismatch"],
    ["another audience too", { claims: { aud: [US, "https://other.test"] } }, "audience_mismatch"],
    ["no iat", { claims: { iat: undefined } }, "claim_missing"],
    ["another signer", { signer: stranger }, "signature_invalid"],
    ["another type", { header: { typ: "at+jwt" } }, "type_refused"],
    ["the subject of a SPIFFE workload", { claims: { sub: "spiffe://example.org/agent/first" } }, "subject_unknown"],
    ["delegated", { claims: { act: { sub: "x" } } }, "delegated"],
  ])("%s proves nobody", async (_what, minting, reason) => {
    expect(await verdict(minting)).toBe(reason)
  })

  test("is no JWT-SVID, even if the request says so", async () => {
    expect(await proven(await sign({ iss: CI, sub: SUBJECT, aud: US, ...CLAIMS }, {}), "spiffe")).toBe("issuer_unknown")
  })
})

describe("an agent's own assertion (private_key_jwt)", () => {
  const verdict = async (minting: Minting): Promise<string> =>
    proven(await sign({ iss: SIGNER, sub: SIGNER, aud: US }, { signer: stranger, ...minting }))

  test("by its registered key, about itself, for us alone, proves it", async () => {
    expect(await verdict({})).toBe(SIGNER)
    expect(await verdict({ header: { typ: "client-authentication+jwt" } })).toBe(SIGNER)
  })

  test.each<readonly [string, Minting, string]>([
    ["for the token endpoint's URL", { claims: { aud: `${US}/oauth/token` } }, "audience_mismatch"],
    ["for another audience too", { claims: { aud: [US, "https://other.test"] } }, "audience_mismatch"],
    ["without jti", { claims: { jti: undefined } }, "claim_missing"],
    ["with an empty jti", { claims: { jti: "" } }, "claim_mismatch"],
    ["too long-lived", { claims: { exp: seconds() + 7200 } }, "too_long_lived"],
    ["by another key", { signer: idp }, "signature_invalid"],
    ["about another", { claims: { sub: RELEASE } }, "issuer_unknown"],
    ["of an agent without a key", { claims: { iss: RELEASE, sub: RELEASE } }, "issuer_unknown"],
  ])("%s proves nobody", async (_what, minting, reason) => {
    expect(await verdict(minting)).toBe(reason)
  })
})
