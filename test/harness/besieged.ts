/**
 * The yard with more to attack: issuers of users, workloads and keys of every sort, agents that prove themselves in
 * each way that there is. With an honest token of each kind, of which an attack changes one thing.
 */
import type { JWK } from "jose"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { AgentDefinition } from "../../src/core/policy/definition/agents.ts"
import { PLAIN_ID_TOKEN, type IssuerDefinition } from "../../src/core/policy/definition/issuers.ts"
import type { KeySource } from "../../src/core/policy/definition/keys.ts"
import { writeShared } from "../../src/credentials/key-sets/shared-cache.ts"
import { yard } from "./bundles.ts"
import { forge, newSigner, newWeakSigner, type Part, type Signer } from "./forge.ts"
import { agentId, IDP, idp, US, workloads } from "./issuers.ts"

export const RSA_IDP = "https://rsa.test"
export const MIXED_IDP = "https://mixed.test"
export const ONCE_IDP = "https://once.test"
export const BRIEF_IDP = "https://brief.test"
export const CI = "https://ci.test"
export const CI_ONCE = "https://ci-once.test"
export const CI_BRIEF = "https://ci-brief.test"
/** Of operators only, and generous with them. */
export const STAFF = "https://staff.test"
export const ROBOT = "https://agents.test/robot"
export const SIGNER = "https://agents.test/signer"
/** It may name the token endpoint as its audience. */
export const LENIENT = "https://agents.test/lenient"
export const PAGES_IDP = "https://pages.test"
export const NEIGHBOUR = "https://agents.test/neighbour"
export const NAMED = "spiffe://named.test/agent"
export const BUNDLED = "spiffe://bundle.test/agent"
/** Of a domain that nobody should have configured: JWT-SVIDs are by RSA and EC alone. */
export const EDWARDS = "spiffe://edwards.test/agent"
export const MAIN = "repo:acme/app:ref:refs/heads/main"
/** Subject that two agents are registered with. */
export const SHARED = "repo:acme/shared:ref:refs/heads/main"

export const rsa = await newSigner("rsa-1", "RS256")
export const ci = await newSigner("ci-1")
export const signer = await newSigner("signer-1")
export const lenient = await newSigner("lenient-1")
export const neighbour = await newSigner("neighbour-1")
const named = await newSigner("named-1")
export const bundled = await newSigner("bundle-1")
export const edwards = await newSigner("edwards-1", "EdDSA")
export const unnamed = await newSigner("")
export const forX509 = await newSigner("x509-1")
export const forNothing = await newSigner("no-use-1")

const weak1024 = await newWeakSigner("k", 1024, 65_537)
const weakExponent = await newWeakSigner("k", 2048, 3)
const strong = await newSigner("k", "RS256")
export const curve = await newSigner("k")

interface BadSet {
  readonly keys: readonly Readonly<Record<string, unknown>>[]
  readonly algorithms: readonly string[]
  /** The key that an attacker signs with: it is in the set, and must not count. */
  readonly by: Signer
}
const inSet = (by: Signer, more: Readonly<Record<string, unknown>>, alg = "ES256"): BadSet => ({
  keys: [{ ...by.publicJwk, ...more }],
  algorithms: [alg],
  by,
})

/** Sets with a key that must not be used, each of an issuer of its own, `https://keys.test/<name>`. */
export const BAD_SETS: Readonly<Record<string, BadSet>> = {
  "rsa-1024": inSet(weak1024, {}, "RS256"),
  "rsa-exponent-3": inSet(weakExponent, {}, "RS256"),
  "two-for-one-id": {
    keys: [curve.publicJwk, (await newSigner("k")).publicJwk].map((jwk) => ({ ...jwk })),
    algorithms: ["ES256"],
    by: curve,
  },
  "same-key-twice": { keys: [{ ...curve.publicJwk }, { ...curve.publicJwk }], algorithms: ["ES256"], by: curve },
  "for-encryption": inSet(curve, { use: "enc" }),
  "for-encryption-rsa": inSet(strong, { use: "enc" }, "RS256"),
  "to-derive-only": inSet(curve, { key_ops: ["deriveKey"] }),
  "operations-no-list": inSet(curve, { key_ops: "verify" }),
  "private-part-published": inSet(curve, { d: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE" }),
  "rsa-private-part-published": inSet(strong, { p: "AQAB" }, "RS256"),
  "of-another-algorithm": inSet(curve, { alg: "ES384" }),
  "rsa-for-encryption-by-alg": inSet(strong, { alg: "RSA-OAEP" }, "RS256"),
  "not-on-the-curve": inSet(curve, { y: curve.publicJwk.x }),
  "of-another-curve": inSet(curve, { crv: "P-384" }),
  "certificate-only": { keys: [{ kty: "EC", kid: "k", x5c: ["MIIB"] }], algorithms: ["ES256"], by: curve },
  "no-key": { keys: [], algorithms: ["ES256"], by: curve },
}
export const badIssuer = (name: string): string => `https://keys.test/${name}`

/** What an issuer that nobody should have configured would list: no token of these may verify. */
export const OPEN_IDP = "https://keys.test/open"
export const SECRET_IDP = "https://keys.test/secret"
export const SECRET = new Uint8Array(new TextEncoder().encode("a secret that is not one: it stands in the key set"))

const inline = (...keys: readonly (JWK | Readonly<Record<string, unknown>>)[]): KeySource => ({
  kind: "inline",
  jwks: { keys: keys.map((jwk) => ({ ...jwk })) },
})

/**
 * Fetched from nowhere: the address is one that no Worker may ask, the document another isolate has left in the cache.
 */
const SPIFFE_BUNDLE = "https://10.0.0.1/bundle"
const LOST_BUNDLE = "https://10.0.0.1/lost"

export async function besieged(): Promise<BundleBody> {
  const body = await yard()
  const [first] = body.agents
  const users = body.issuers.find(({ id }) => id === "idp")?.users
  if (!first || !users) throw new Error("the yard has changed")
  const provider = (id: string, issuer: string, keys: KeySource, algorithms: readonly string[]): IssuerDefinition => ({
    id,
    issuer,
    keys,
    algorithms,
    users,
  })
  const domain = (name: string, keys: KeySource): IssuerDefinition => ({
    id: `domain-${name}`,
    trust_domain: name,
    keys,
    algorithms: ["ES256"],
  })
  const agent = (id: string, identities: AgentDefinition["identities"] = []): AgentDefinition => ({
    ...first,
    id,
    ...(identities.length === 0 ? {} : { identities }),
    purposes: [...first.purposes, "alone"],
  })
  const ES256 = ["ES256"]
  const workload = (issuer: string, subject: string, claims = {}) =>
    ({ kind: "workload", issuer, subject, claims }) as const
  const own = ({ publicJwk }: Signer) =>
    ({ kind: "private_key_jwt", keys: inline(publicJwk), algorithms: ES256 }) as const
  const claims = { repository_id: "42", attempt: 1, protected: true, place: { namespace: "prod" } }
  return {
    ...body,
    operators: [
      ...body.operators,
      { issuer: "pages", subject: "keeper", roles: ["operator"] },
      { issuer: "staff", subject: "keeper", roles: ["operator"] },
    ],
    issuers: [
      ...body.issuers,
      provider("rsa", RSA_IDP, inline(rsa.publicJwk), ["RS256"]),
      provider("mixed", MIXED_IDP, inline({ ...rsa.publicJwk, alg: "RS256" }, { ...ci.publicJwk, alg: "ES256" }), [
        "RS256",
        "PS256",
        "ES256",
      ]),
      { ...provider("once", ONCE_IDP, inline(ci.publicJwk), ES256), single_use: true },
      { ...provider("brief", BRIEF_IDP, inline(ci.publicJwk), ES256), max_life: 600 },
      { id: "ci", issuer: CI, keys: inline(ci.publicJwk), algorithms: ES256, workloads: {} },
      {
        id: "ci-once",
        issuer: CI_ONCE,
        keys: inline(ci.publicJwk),
        algorithms: ES256,
        workloads: {},
        single_use: true,
      },
      { id: "ci-brief", issuer: CI_BRIEF, keys: inline(ci.publicJwk), algorithms: ES256, workloads: {}, max_life: 600 },
      {
        id: "staff",
        issuer: STAFF,
        keys: inline(ci.publicJwk),
        algorithms: ES256,
        operators: { clients: ["cli"] },
        max_life: 2_592_000,
      },
      {
        id: "pages",
        issuer: PAGES_IDP,
        keys: inline(ci.publicJwk),
        algorithms: ES256,
        access_token: { type: "JWT", client_claim: "azp", require: { typ: "Bearer" }, absent: ["client_id"] },
        id_token: { ...PLAIN_ID_TOKEN, require: { typ: "ID" } },
        operators: { clients: ["console", "cli"], other_audiences: ["account"] },
        sign_in: { client: "console", scope: "openid", token: "id_token", resource: "resource" },
      },
      { ...domain("named.test", inline(named.publicJwk)), issuer: "https://named.test", max_life: 600 },
      { ...domain("edwards.test", inline(edwards.publicJwk)), algorithms: ["EdDSA"] },
      domain("bundle.test", { kind: "spiffe_bundle", uri: SPIFFE_BUNDLE }),
      domain("revoked.test", { kind: "spiffe_bundle", uri: SPIFFE_BUNDLE }),
      domain("lost.test", { kind: "spiffe_bundle", uri: LOST_BUNDLE }),
      ...Object.entries(BAD_SETS).map(([name, { keys, algorithms }]) =>
        provider(name, badIssuer(name), inline(...keys), algorithms),
      ),
      provider("open", OPEN_IDP, inline(curve.publicJwk), ["none", "ES256"]),
      provider("secret", SECRET_IDP, inline({ kty: "oct", kid: "k", k: SECRET.toBase64({ alphabet: "base64url" }) }), [
        "HS256",
      ]),
    ],
    agents: [
      ...body.agents,
      agent(ROBOT, [workload("ci", MAIN, claims), workload("ci-once", MAIN), workload("ci-brief", MAIN)]),
      agent("https://agents.test/left", [workload("ci", SHARED)]),
      agent("https://agents.test/right", [workload("ci", SHARED)]),
      agent(SIGNER, [own(signer)]),
      agent(LENIENT, [{ ...own(lenient), audience: "token_endpoint" }]),
      agent(NEIGHBOUR, [own(neighbour)]),
      agent(NAMED),
      agent(BUNDLED),
      agent(EDWARDS),
      agent("spiffe://revoked.test/agent"),
      agent("spiffe://lost.test/agent"),
    ],
  }
}

/** What another isolate of the data centre would have fetched from the trust domains' bundle endpoints. */
export async function leaveSpiffeBundles(write: typeof writeShared = writeShared): Promise<void> {
  const use = "jwt-svid"
  const { kid: _kid, ...withoutId } = unnamed.publicJwk
  const keys = [
    { ...bundled.publicJwk, use },
    { ...withoutId, use },
    { ...forX509.publicJwk, use: "x509-svid" },
    { ...forNothing.publicJwk },
  ]
  const leave = async (domain: string, document: unknown): Promise<void> =>
    write(
      `spiffe_bundle domain-${domain} ${SPIFFE_BUNDLE} ES256`,
      { text: JSON.stringify(document), fetchedAt: Date.now(), sequence: null },
      600,
    )
  await leave("bundle.test", { keys, spiffe_sequence: 7 })
  await leave("revoked.test", { keys: [], spiffe_sequence: 8 })
}

/** What of an honest token is changed. */
export interface Changes {
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
  /** The whole text instead, made from the honest one. */
  readonly claimsText?: (honest: string) => Part
  readonly headerText?: (honest: string) => Part
  readonly by?: Signer
  /** By which it is really signed. */
  readonly alg?: string
}

export const seconds = (): number => Math.floor(Date.now() / 1000)
const times = (life = 300) => ({ iat: seconds(), exp: seconds() + life })

async function mint(
  claims: Readonly<Record<string, unknown>>,
  typ: string,
  by: Signer,
  changes: Changes,
): Promise<string> {
  const signer = changes.by ?? by
  const alg = changes.alg ?? "ES256"
  const header = JSON.stringify({ alg, kid: signer.publicJwk.kid, typ, ...changes.header })
  const payload = JSON.stringify({ ...claims, ...changes.claims })
  const { headerText = (honest) => honest, claimsText = (honest) => honest } = changes
  return forge(headerText(header), claimsText(payload), signer, alg)
}

const user = (sub: string) => ({ iss: IDP, sub, groups: ["staff"], ...times(3600), auth_time: seconds() })

/** JWT-SVID of an agent of the yard. */
export const svidOf = async (agent: string, changes: Changes = {}): Promise<string> =>
  mint({ sub: agent.includes(":") ? agent : agentId(agent), aud: US, ...times() }, "JWT", workloads, changes)
export const bundledSvid = async (changes: Changes = {}): Promise<string> =>
  svidOf(BUNDLED, { by: bundled, ...changes })
export const namedSvid = async (changes: Changes = {}): Promise<string> =>
  svidOf(NAMED, { by: named, ...changes, claims: { iss: "https://named.test", ...changes.claims } })

/** Of a workload, by an issuer that vouches for many. */
export const robotToken = async (changes: Changes = {}): Promise<string> => {
  const facts = { repository_id: "42", attempt: 1, protected: true, place: { namespace: "prod", pod: "x" } }
  const claims = { ...facts, jti: crypto.randomUUID() }
  return mint({ iss: CI, sub: MAIN, aud: US, ...times(), ...claims }, "JWT", ci, changes)
}

/** `private_key_jwt`. */
export const assertionOf = async (changes: Changes = {}): Promise<string> =>
  mint({ iss: SIGNER, sub: SIGNER, aud: US, ...times(), jti: crypto.randomUUID() }, "JWT", signer, changes)

/** Of an agent whose libraries send the token endpoint as the audience. */
export const lenientAssertionOf = async (changes: Changes = {}): Promise<string> =>
  assertionOf({ by: lenient, ...changes, claims: { iss: LENIENT, sub: LENIENT, ...changes.claims } })

const pagesClaims = () => ({ iss: PAGES_IDP, sub: "keeper", azp: "console", jti: crypto.randomUUID(), ...times() })

/** Of a sign-in at our own pages. */
export const pagesIdToken = async (changes: Changes = {}): Promise<string> =>
  mint({ ...pagesClaims(), aud: "console", typ: "ID", nonce: "n" }, "JWT", ci, changes)

/** As a provider issues it by default: the type of an ID token, and the provider's own API beside us. */
export const pagesAccessToken = async (changes: Changes = {}): Promise<string> =>
  mint({ ...pagesClaims(), aud: [US, "account"], typ: "Bearer" }, "JWT", ci, changes)

export const idTokenOf = async (sub: string, changes: Changes = {}): Promise<string> =>
  mint({ ...user(sub), aud: "app", jti: crypto.randomUUID() }, "JWT", idp, changes)

export const accessTokenOf = async (sub: string, client: string, changes: Changes = {}): Promise<string> =>
  mint({ ...user(sub), aud: US, client_id: client, jti: crypto.randomUUID() }, "at+jwt", idp, changes)

/** Of another provider of operators. */
export const staffTokenOf = async (sub: string, changes: Changes = {}): Promise<string> =>
  accessTokenOf(sub, "cli", { by: ci, ...changes, claims: { iss: STAFF, ...changes.claims } })

/** ID-JAG: the provider lets `first` work for a person. */
export const idJagOf = async (sub: string, changes: Changes = {}): Promise<string> => {
  const claims = { iss: IDP, sub, aud: US, client_id: agentId("first"), jti: crypto.randomUUID(), groups: ["staff"] }
  return mint({ ...claims, ...times(), auth_time: seconds() }, "oauth-id-jag+jwt", idp, changes)
}

/** OIDC Back-Channel Logout 2.4. */
export const logoutToken = async (changes: Changes = {}): Promise<string> => {
  const events = { "http://schemas.openid.net/event/backchannel-logout": {} }
  return mint(
    { iss: IDP, sub: "alice", aud: "app", ...times(), jti: crypto.randomUUID(), events },
    "logout+jwt",
    idp,
    changes,
  )
}

/** RFC 8417. */
export const securityEvent = async (changes: Changes = {}): Promise<string> => {
  const events = { "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {} }
  return mint(
    { iss: IDP, sub: "alice", aud: "app", ...times(), jti: crypto.randomUUID(), events },
    "secevent+jwt",
    idp,
    changes,
  )
}
