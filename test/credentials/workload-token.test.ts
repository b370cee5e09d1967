/** Whose token a workload's is, and which instance's: by the whole of what exactly one agent is registered with. */
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from "jose"
import { beforeAll, describe, expect, inject, test } from "vitest"
import { isRejected } from "../../src/core/denials/terms/credential-rejection.ts"
import type { AgentDefinition, IdentityDefinition } from "../../src/core/policy/definition/agents.ts"
import type { IssuerDefinition } from "../../src/core/policy/definition/issuers.ts"
import { readCompact } from "../../src/credentials/jws/compact.ts"
import { verifyWorkloadToken } from "../../src/credentials/workload-token.ts"

const US = "https://authz.example"
const ISS = "https://ci.example"
/** Seconds. */
const NOW = 1_800_000_000
const DAY = 86_400
const HONEST = { iss: ISS, sub: "job", aud: US, iat: NOW, exp: NOW + 300, pod: "pod-1" }
type Workload = Extract<IdentityDefinition, { readonly kind: "workload" }>
const JOB: Workload = { kind: "workload", issuer: "ci", subject: "job", claims: {} }

let issuer: IssuerDefinition
let sign: (claims: JWTPayload, typ: string) => Promise<string>
beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256")
  const jwk = { ...(await exportJWK(publicKey)), kid: "1", alg: "ES256" }
  issuer = { id: "ci", issuer: ISS, algorithms: ["ES256"], keys: { kind: "inline", jwks: { keys: [jwk] } } }
  sign = async (claims, typ) => new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "1", typ }).sign(privateKey)
})

function agentsOf(all: Readonly<Record<string, readonly IdentityDefinition[]>>): readonly AgentDefinition[] {
  const [any] = inject("ciAgent").agents
  if (!any) throw new Error("the starter has no agent")
  return Object.entries(all).map(([id, identities]) => ({ ...any, id, identities }))
}

interface Attempt {
  readonly claims?: object
  readonly typ?: string
  readonly agents?: Readonly<Record<string, readonly IdentityDefinition[]>>
  readonly issuer?: Partial<IssuerDefinition>
}

async function verified({
  claims = {},
  typ = "JWT",
  agents = { a: [JOB] },
  issuer: of = {},
}: Attempt): Promise<unknown> {
  const compact = readCompact(await sign({ ...HONEST, ...claims }, typ))
  if (isRejected(compact)) throw new Error("not a token")
  const reach = { now: NOW * 1_000, local: false, background: () => undefined }
  const result = await verifyWorkloadToken(compact, { ...issuer, ...of }, agentsOf(agents), US, reach)
  return isRejected(result) ? result.rejected : result
}

const POD: Workload = { ...JOB, instance: ["pod"] }

describe("a workload's token", () => {
  test.each<[string, Attempt, object]>([
    ["of the one that has its subject", {}, { agent: "a", instance: null }],
    ["for a day, unless its issuer says less", { claims: { exp: NOW + DAY } }, { agent: "a", instance: null }],
    ["for as long as its issuer says", { claims: { exp: NOW + 300 }, issuer: { max_life: 300 } }, { agent: "a" }],
    [
      "beside those of other issuers and kinds",
      { agents: { b: [{ ...JOB, issuer: "other" }], a: [JOB] } },
      { agent: "a" },
    ],
    [
      "for others too that its issuer's entry names",
      { claims: { aud: [US, "account"] }, issuer: { workloads: { other_audiences: ["account", "realm"] } } },
      { agent: "a" },
    ],
    ["of an instance", { agents: { a: [POD] } }, { agent: "a", instance: "pod-1" }],
    [
      "of an instance that does not say which",
      { claims: { pod: undefined }, agents: { a: [POD] } },
      { instance: null },
    ],
    ["of an instance that says it by no text", { claims: { pod: 1 }, agents: { a: [POD] } }, { instance: "" }],
    ["of an instance, by one of its identities", { agents: { a: [POD, JOB] } }, { agent: "a", instance: "pod-1" }],
    ["of an instance, by the other", { agents: { a: [JOB, POD] } }, { agent: "a", instance: "pod-1" }],
  ])("is accepted: %s", async (_what, attempt, expected) => {
    expect(await verified(attempt)).toMatchObject(expected)
  })

  test.each<[string, Attempt, object]>([
    ["another type", { typ: "at+jwt" }, { reason: "type_refused" }],
    ["no subject", { claims: { sub: undefined } }, { reason: "claim_missing", claim: "sub" }],
    ["no audience", { claims: { aud: undefined } }, { reason: "claim_missing", claim: "aud" }],
    ["no end", { claims: { exp: undefined } }, { reason: "claim_missing", claim: "exp" }],
    ["no time of issue", { claims: { iat: undefined } }, { reason: "claim_missing", claim: "iat" }],
    ["no issuer", { claims: { iss: undefined } }, { reason: "claim_missing", claim: "iss" }],
    ["a subject that is no text", { claims: { sub: 7 } }, { reason: "claim_mismatch", claim: "sub" }],
    ...[
      [US, "account", "https://other.example"],
      [US, US],
      [US, "account", "account"],
      ["account"],
      "account",
      [US, 1],
    ].map((aud): [string, Attempt, object] => [
      `others than us and those that its issuer's entry names: ${JSON.stringify(aud)}`,
      { claims: { aud }, issuer: { workloads: { other_audiences: ["account"] } } },
      { reason: "audience_mismatch" },
    ]),
    ["another audience beside us", { claims: { aud: [US, "https://other.example"] } }, { reason: "audience_mismatch" }],
    ["an actor", { claims: { act: { sub: "x" } } }, { reason: "delegated" }],
    ["more than a day", { claims: { exp: NOW + DAY + 31 } }, { reason: "too_long_lived" }],
    [
      "more than its issuer says",
      { claims: { exp: NOW + 331 }, issuer: { max_life: 300 } },
      { reason: "too_long_lived" },
    ],
    ["a subject that nobody has", { claims: { sub: "other" } }, { reason: "subject_unknown" }],
    ["a subject of another issuer", { agents: { a: [{ ...JOB, issuer: "other" }] } }, { reason: "subject_unknown" }],
    [
      "other claims",
      { agents: { a: [{ ...JOB, claims: { ref: "main" } }] } },
      { reason: "claim_missing", claim: "ref" },
    ],
    ["the identity of two agents", { agents: { a: [JOB], b: [JOB] } }, { reason: "subject_ambiguous" }],
  ])("is rejected: %s", async (_what, attempt, expected) => {
    expect(await verified(attempt)).toMatchObject(expected)
  })
})
