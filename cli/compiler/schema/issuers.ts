/** issuers.yaml: whose tokens are believed, for what, and where their public keys are. */
import { z } from "zod"
import {
  CLIENT_CLAIMS,
  PLAIN_ACCESS_TOKEN,
  PLAIN_ID_TOKEN,
  type IssuerDefinition,
  ISSUER_NAME,
} from "../../../src/core/policy/definition/issuers.ts"
import type { KeySource } from "../../../src/core/policy/definition/keys.ts"
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
  .looseObject({ kty: z.enum(["EC", "RSA", "OKP"]).describe("The type of the key (RFC 7517).") })
  .refine((key) => !PRIVATE_MEMBERS.some((member) => member in key), {
    error: "a private key",
    params: {
      fix: "Keep the public members only, and replace the key: a private one that was in a file is no secret.",
    },
  })

const jwks = z.strictObject({ keys: z.array(publicKey).min(1).describe("The public keys (RFC 7517).") })

const keys = z
  .strictObject({
    jwks_uri: trustedUrl.exactOptional().describe("The URL of a JWK Set."),
    spiffe_bundle: trustedUrl.exactOptional().describe("The URL of a SPIFFE trust bundle."),
    discovery: z.literal(true).exactOptional().describe("The keys are at the `jwks_uri` of the issuer's own metadata."),
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
  .strictObject({
    jwks_uri: trustedUrl.exactOptional().describe("The URL of a JWK Set."),
    jwks: jwks.exactOptional().describe("The public keys themselves."),
  })
  .refine((source) => Object.keys(source).length === 1, {
    error: "keys come from exactly one place",
    params: { fix: "Write one of `jwks_uri: URL` and `jwks: {keys: […]}`." },
  })

export const algorithms = z.array(z.enum(ISSUER_ALGORITHMS)).min(1)

const claim = z.string().min(1).max(256)
/** Of a nested claim those of its members that are named. */
export const exactClaims: z.ZodType<ExactClaims, ExactClaims> = z
  .lazy(() => z.record(claim, z.union([z.string(), z.number(), z.boolean(), exactClaims])))
  .meta({
    id: "claims",
    description: "Claims by name, each with its exact value. A nested claim has to contain the members that are named.",
  })

/** A claim's name, or the names on the way to it through nested claims. */
export const claimPath = z
  .union([claim, z.tuple([claim], claim)])
  .transform((path): [string, ...string[]] => (typeof path === "string" ? [path] : path))

const personClaims = z
  .strictObject({
    subject: claimPath.prefault("sub").describe("The claim with the subject, or the path to it through nested claims."),
    groups: claimPath.prefault("groups").describe("The claim with the groups of the person."),
    acr: claimPath.prefault("acr").describe("The claim with the authentication context class."),
    auth_time: claimPath.prefault("auth_time").describe("The claim with the time of the login."),
  })
  .prefault({})

const accessToken = z.strictObject({
  type: z.enum(["at+jwt", "JWT", "none"]).default(PLAIN_ACCESS_TOKEN.type).describe("The `typ` in their header."),
  client_claim: z
    .enum(CLIENT_CLAIMS)
    .default(PLAIN_ACCESS_TOKEN.client_claim)
    .describe("The claim that names the client."),
  require: exactClaims.default({}).describe("Claims that an access token must have, with their exact values."),
  absent: z.array(claim).default([]).describe("Claims that a person's access token must not have."),
})

const idToken = z.strictObject({
  require: exactClaims.default({}).describe("Claims that an ID token must have, with their exact values."),
  absent: z
    .array(claim)
    .default(PLAIN_ID_TOKEN.absent)
    .describe("Claims that an ID token must not have, because only the issuer's access tokens have them."),
})

/** Sessions of these clients are taken: as ID tokens, and as access tokens where one of the audiences is in them. */
const users = z.strictObject({
  audiences: z
    .array(z.string().min(1))
    .default([])
    .describe("Access tokens with one of these audiences are accepted too."),
  clients: z.array(z.string().min(1)).min(1).describe("The clients whose sessions agents may exchange."),
  claims: personClaims.describe("The claims in which the issuer's tokens describe the person."),
})

const otherAudiences = z
  .array(z.string().min(1))
  .min(1)
  .exactOptional()
  .describe(
    "Further audiences that such a token may have. Their owners could use it at Narrowgate: list only the provider's own.",
  )

const operators = z.strictObject({
  clients: z.array(z.string().min(1)).min(1).describe("The ids of these clients."),
  audiences: z
    .array(z.string().min(1))
    .min(1)
    .exactOptional()
    .describe("An access token must have one of these audiences. If absent: Narrowgate's own URL."),
  other_audiences: otherAudiences,
})

/** Seconds: what a login is commonly good for, and a day as everywhere. */
const ASSERTED_LIFE = { min: 60, max: 86_400, default: 3_600 } as const

/** ID-JAGs: who may work for whom, said by the provider to us. */
const assertions = z.strictObject({
  clients: z
    .record(z.string().min(1).max(256), z.string().min(1).max(2_048))
    .default({})
    .describe("The ids of agents, by the `client_id` that the issuer has for them."),
  require: exactClaims.default({}).describe("Claims that an assertion must have, with their exact values."),
  claims: personClaims.describe("The claims in which the assertions describe the person."),
  life: z
    .int()
    .min(ASSERTED_LIFE.min)
    .max(ASSERTED_LIFE.max)
    .default(ASSERTED_LIFE.default)
    .describe("Seconds for which an assertion can open tasks."),
})

const trustDomain = text(
  (value) => /^[a-z0-9._-]{1,255}$/u.test(value),
  "not a trust domain",
  "Write the name alone, such as `example.org`, without `spiffe://`.",
)

const issuerUrl = trustedUrl.refine((value) => ISSUER_NAME.test(value), {
  error: "not an issuer's URL",
  params: { fix: "Write plain ASCII without blanks and without `|`." },
})

/** RFC 6749 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/u

/** Seconds, from a minute to 31 days: longer than any provider issues a session for is for ever. */
const TOKEN_LIFE = { min: 60, max: 2_678_400 } as const

const issuer = z.strictObject({
  id: name.describe("The id of the issuer in the other policy files."),
  issuer: issuerUrl.exactOptional().describe("The exact `iss` of its tokens."),
  keys: keys.describe("Where the issuer's public keys are: exactly one of these."),
  algorithms: algorithms.describe("The algorithms with which it signs, and no others."),
  access_token: accessToken.exactOptional().describe("How the issuer's access tokens look."),
  id_token: idToken.exactOptional().describe("How the issuer's ID tokens look."),
  users: users.exactOptional().describe("The issuer is trusted for people's sessions."),
  assertions: assertions
    .exactOptional()
    .describe("The issuer is trusted to assert that an agent may act for a person (ID-JAG)."),
  workloads: z
    .strictObject({ other_audiences: otherAudiences })
    .exactOptional()
    .describe("The issuer is trusted for tokens of workloads, such as those of a CI service or a cluster."),
  single_use: z.boolean().exactOptional().describe("Whether each of its tokens is accepted only once."),
  max_life: z
    .int()
    .min(TOKEN_LIFE.min)
    .max(TOKEN_LIFE.max)
    .exactOptional()
    .describe("The longest accepted lifetime of its tokens, in seconds."),
  trust_domain: trustDomain
    .exactOptional()
    .describe("The issuer is trusted for the agents of this SPIFFE trust domain."),
  operators: operators
    .exactOptional()
    .describe("Access tokens that the issuer gives to these clients may manage Narrowgate."),
  sign_in: z
    .strictObject({
      client: z
        .string()
        .min(1)
        .describe("The id of Narrowgate's own client at the issuer, one of `operators.clients`."),
      scope: z
        .string()
        .regex(SCOPE)
        .refine((scope) => scope.split(" ").includes("openid"), {
          error: "signing in takes the scope `openid`",
          params: { fix: "Write `openid` first, such as `openid groups`." },
        })
        .prefault("openid")
        .describe("The scope that Narrowgate requests at sign-in. It contains `openid`."),
      token: z
        .enum(["id_token", "access_token"])
        .default("id_token")
        .describe("The token by which a person is known: the ID token of the sign-in, or its access token."),
      resource: z
        .enum(["resource", "audience", "none"])
        .default("resource")
        .describe(
          "With `token: access_token`: the parameter that requests one for Narrowgate's URL. `none`: the scope does.",
        ),
    })
    .exactOptional()
    .describe("People may sign in to Narrowgate's own pages with this issuer: the console, and consent."),
})

export const issuersFile = z.strictObject({ issuers: z.array(issuer).describe("The issuers.") })
export type IssuersFile = z.infer<typeof issuersFile>

/** As a bundle has it. */
export function toIssuer({ keys, ...issuer }: IssuersFile["issuers"][number]): IssuerDefinition {
  return { ...issuer, keys: toKeySource(keys) }
}

export function toKeySource({ jwks_uri: uri, spiffe_bundle, jwks }: z.infer<typeof keys>): KeySource {
  if (uri !== undefined) return { kind: "jwks_uri", uri }
  if (spiffe_bundle !== undefined) return { kind: "spiffe_bundle", uri: spiffe_bundle }
  return jwks ? { kind: "inline", jwks } : { kind: "discovery" }
}
