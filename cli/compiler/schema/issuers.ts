/** issuers.yaml: whose tokens are believed, for what, and where their public keys are. */
import { z } from "zod"
import type { ExactClaims } from "../../../src/core/policy/definition/claims.ts"
import { name, text, trustedUrl } from "./values.ts"

/** Signatures that only a private key makes: neither `none` nor a shared secret (RFC 8725 3.1, 3.5). */
const ISSUER_ALGORITHMS = [
  "ES256",
  "ES384",
  "ES512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "EdDSA",
  "Ed25519",
] as const

const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

const publicKey = z
  .looseObject({ kty: z.enum(["EC", "RSA", "OKP"]) })
  .refine((key) => !PRIVATE_MEMBERS.some((member) => member in key), {
    error: "a private key",
    params: {
      fix: "Keep the public members only, and replace the key: a private one that was in a file is no secret.",
    },
  })

const jwks = z.strictObject({ keys: z.array(publicKey).min(1) })

const keys = z
  .strictObject({
    jwks_uri: trustedUrl.exactOptional().describe("A plain JWK set."),
    spiffe_bundle: trustedUrl.exactOptional().describe("A trust domain's bundle."),
    discovery: z.literal(true).exactOptional().describe("Where the provider's own metadata says."),
    jwks: jwks.exactOptional().describe("The public keys themselves."),
  })
  .refine((source) => Object.keys(source).length === 1, {
    error: "keys come from exactly one place",
    params: {
      fix: "Write one of `jwks_uri: URL`, `spiffe_bundle: URL`, `discovery: true` and `jwks: {keys: […]}`.",
    },
  })

/** Of an agent that signs its own assertions. */
export const ownKeys = z
  .strictObject({ jwks_uri: trustedUrl.exactOptional(), jwks: jwks.exactOptional() })
  .refine((source) => Object.keys(source).length === 1, {
    error: "keys come from exactly one place",
    params: { fix: "Write one of `jwks_uri: URL` and `jwks: {keys: […]}`." },
  })

export const algorithms = z.array(z.enum(ISSUER_ALGORITHMS)).min(1)

const claim = z.string().min(1).max(256)
/** Of a nested claim those of its members that are named. */
export const exactClaims: z.ZodType<ExactClaims, ExactClaims> = z.lazy(() =>
  z.record(claim, z.union([z.string(), z.number(), z.boolean(), exactClaims])),
)

/** A claim's name, or the names on the way to it through nested claims. */
const claimPath = z
  .union([claim, z.tuple([claim], claim)])
  .transform((path): [string, ...string[]] => (typeof path === "string" ? [path] : path))

const personClaims = z
  .strictObject({
    subject: claimPath.prefault("sub"),
    groups: claimPath.prefault("groups"),
    acr: claimPath.prefault("acr"),
    auth_time: claimPath.prefault("auth_time"),
  })
  .prefault({})

/** Sessions of these clients are taken: as ID tokens, and as access tokens where one of the audiences is in them. */
const users = z.strictObject({
  audiences: z.array(z.string().min(1)).default([]),
  clients: z.array(z.string().min(1)).min(1),
  access_token: z
    .strictObject({
      type: z.enum(["at+jwt", "JWT", "none"]).default("at+jwt"),
      client_claim: z.enum(["client_id", "azp", "cid", "appid"]).default("client_id"),
      require: exactClaims.default({}),
      absent: z.array(claim).default([]),
    })
    .prefault({}),
  id_token: z.strictObject({ require: exactClaims.default({}) }).prefault({}),
  claims: personClaims,
})

/** Seconds: what a login is commonly good for, and a day as everywhere. */
const ASSERTED_LIFE = { min: 60, max: 86_400, default: 3_600 } as const

/** ID-JAGs: who may work for whom, said by the provider to us. */
const assertions = z.strictObject({
  clients: z.record(z.string().min(1).max(256), z.string().min(1).max(2_048)).default({}),
  require: exactClaims.default({}),
  claims: personClaims,
  life: z.int().min(ASSERTED_LIFE.min).max(ASSERTED_LIFE.max).default(ASSERTED_LIFE.default),
})

const trustDomain = text(
  (value) => /^[a-z0-9._-]{1,255}$/u.test(value),
  "not a trust domain",
  "Write the name alone, such as `example.org`, without `spiffe://`.",
)

/**
 * With the subject it makes the user's name, `issuer|subject`: no `|` of its own, and nothing that looks like another.
 */
const issuerUrl = trustedUrl.refine((value) => /^[\x21-\x7b\x7d\x7e]+$/u.test(value), {
  error: "not an issuer's URL",
  params: { fix: "Write plain ASCII without blanks and without `|`." },
})

/** RFC 6749 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/u

/** Seconds, from a minute to 31 days: longer than any provider issues a session for is for ever. */
const TOKEN_LIFE = { min: 60, max: 2_678_400 } as const

const issuer = z.strictObject({
  id: name.describe("What operators.yaml and identities call it."),
  issuer: issuerUrl.exactOptional().describe("The exact `iss` of its tokens."),
  keys: keys.describe("Where its public keys are: exactly one place."),
  algorithms: algorithms.describe("By which it signs, and no others."),
  users: users.exactOptional().describe("It is trusted for people's sessions."),
  assertions: assertions.exactOptional().describe("It is trusted to say that an agent may work for somebody (ID-JAG)."),
  workloads: z
    .strictObject({})
    .exactOptional()
    .describe("It is trusted for agents' tokens, such as those of a CI or a cluster."),
  single_use: z.boolean().exactOptional().describe("Each of its tokens is taken once."),
  max_life: z
    .int()
    .min(TOKEN_LIFE.min)
    .max(TOKEN_LIFE.max)
    .exactOptional()
    .describe("Longest life of its tokens, seconds."),
  trust_domain: trustDomain.exactOptional().describe("It is trusted for the agents of this SPIFFE trust domain."),
  operators: z
    .strictObject({ clients: z.array(z.string().min(1)).min(1) })
    .exactOptional()
    .describe("Access tokens of these clients may manage."),
  sign_in: z
    .strictObject({
      client: z.string().min(1).describe("Narrowgate's own client there, one of `operators.clients`."),
      scope: z
        .string()
        .regex(SCOPE)
        .refine((scope) => scope.split(" ").includes("openid"), {
          error: "signing in takes the scope `openid`",
          params: { fix: "Write `openid` first, such as `openid groups`." },
        })
        .prefault("openid"),
      resource: z
        .enum(["resource", "audience", "none"])
        .default("resource")
        .describe("The parameter that asks for an access token for Narrowgate's URL; `none`: the scope says so."),
    })
    .exactOptional()
    .describe("Its people may sign in to Narrowgate's own pages: the console, and consent."),
})

export const issuersFile = z.strictObject({ issuers: z.array(issuer) })
export type IssuersFile = z.infer<typeof issuersFile>
