/** Algorithm confusion (RFC 8725 2.1, 3.1): the token's word for how it is to be verified counts for nothing. */
import {
  accessTokenOf,
  assertionOf,
  ci,
  EDWARDS,
  edwards,
  idTokenOf,
  MIXED_IDP,
  rsa,
  RSA_IDP,
  robotToken,
  signer,
  svidOf,
  type Changes,
} from "../../harness/besieged.ts"
import { openTask } from "../../harness/agents.ts"
import {
  agentRefused,
  asActor,
  asBearer,
  asIdToken,
  asOperator,
  attack,
  operatorRefused,
  subjectRefused,
  tokenRefused,
  type Attacks,
} from "../../harness/attacks.ts"
import { base64url, forgeWithSecret, publicKeyBytes } from "../../harness/forge.ts"
import { idp, workloads } from "../../harness/issuers.ts"

const refusedAlg = (alg: string) => ({ reason: "algorithm_refused", alg }) as const

/** `none` as it has passed filters (CVE-2015-9235, CVE-2020-28042): with a signature that somebody else made. */
const NONES = ["none", "None", "NONE", "nOnE", "none ", "", "null"]
const nones = Object.fromEntries(
  NONES.map((alg) => [
    `session with alg ${JSON.stringify(alg)}`,
    attack(subjectRefused(refusedAlg(alg)), async () => asIdToken(await idTokenOf("alice", { header: { alg } }))),
  ]),
)

/** The unsecured JWS of RFC 7515 A.5 has an empty signature: that is no token at all here. */
async function unsigned(token: string): Promise<string> {
  const [, claims = ""] = token.split(".")
  return `${base64url({ alg: "none" })}.${claims}.`
}
const notCompact = { reason: "malformed", what: "it is no compact JWS" } as const

const header = (kid: string | undefined, alg: string) => ({ alg, kid, typ: "JWT" })
const claimsOf = (token: string) =>
  new TextDecoder().decode(Uint8Array.fromBase64(token.split(".")[1] ?? "", { alphabet: "base64url" }))

/** HMAC keyed with a public key's bytes, at each door that verifies with it. */
const secrets = Object.fromEntries(
  ["PEM", "DER", "JWK"].flatMap((form) => {
    const by = async (token: string, key: typeof idp) => {
      const secret = (await publicKeyBytes(key.publicJwk))[form] ?? new Uint8Array()
      return forgeWithSecret(header(key.publicJwk.kid, "HS256"), claimsOf(token), secret)
    }
    return [
      [
        `session signed HS256 with the provider's public key (${form})`,
        attack(subjectRefused(refusedAlg("HS256")), async () => asIdToken(await by(await idTokenOf("alice"), idp))),
      ],
      [
        `JWT-SVID signed HS256 with the trust domain's public key (${form})`,
        attack(agentRefused(refusedAlg("HS256")), async () => asActor(await by(await svidOf("first"), workloads))),
      ],
      [
        `client assertion signed HS256 with the agent's public key (${form})`,
        attack(agentRefused(refusedAlg("HS256")), async () => asActor(await by(await assertionOf(), signer))),
      ],
    ]
  }),
)

const rsaSession = async (changes: Changes) =>
  asIdToken(await idTokenOf("alice", { by: rsa, ...changes, claims: { iss: RSA_IDP } }))
const mixedSession = async (changes: Changes) =>
  asIdToken(await idTokenOf("alice", { ...changes, claims: { iss: MIXED_IDP } }))

export const algorithms: Attacks = {
  ...nones,
  "session without a signature": attack(subjectRefused(notCompact), async () =>
    asIdToken(await unsigned(await idTokenOf("alice"))),
  ),
  "JWT-SVID without a signature": attack(agentRefused(notCompact), async () =>
    asActor(await unsigned(await svidOf("first"))),
  ),
  "JWT-SVID with alg none": attack(agentRefused(refusedAlg("none")), async () =>
    asActor(await svidOf("first", { header: { alg: "none" } })),
  ),
  "workload's token with alg none": attack(agentRefused(refusedAlg("none")), async () =>
    asActor(await robotToken({ header: { alg: "none" } })),
  ),
  "client assertion with alg none": attack(agentRefused(refusedAlg("none")), async () =>
    asActor(await assertionOf({ header: { alg: "none" } })),
  ),
  "operator's token with alg none": attack(operatorRefused(refusedAlg("none")), async () =>
    asOperator(await accessTokenOf("operator", "cli", { header: { alg: "none" } })),
  ),
  "delegation token with alg none": attack(tokenRefused("algorithm_refused"), async () => {
    const [head = "", claims = "", signature = ""] = (await openTask()).token.split(".")
    const text = claimsOf(`.${head}`).replace('"ES256"', '"none"')
    return asBearer(`${base64url(text)}.${claims}.${signature}`)
  }),
  ...secrets,
  "alg missing": attack(subjectRefused({ reason: "malformed", what: "it has no algorithm" }), async () =>
    asIdToken(await idTokenOf("alice", { header: { alg: undefined } })),
  ),
  "alg a list": attack(subjectRefused({ reason: "malformed", what: "it has no algorithm" }), async () =>
    asIdToken(await idTokenOf("alice", { header: { alg: ["ES256"] } })),
  ),
  "alg in lower case": attack(subjectRefused(refusedAlg("es256")), async () =>
    asIdToken(await idTokenOf("alice", { header: { alg: "es256" } })),
  ),
  "alg a name that every object has": attack(subjectRefused(refusedAlg("constructor")), async () =>
    asIdToken(await idTokenOf("alice", { header: { alg: "constructor" } })),
  ),
  "RS256 announced where the key is of ES256": attack(subjectRefused(refusedAlg("RS256")), async () =>
    asIdToken(await idTokenOf("alice", { header: { alg: "RS256" } })),
  ),
  "ES256 announced where the key is of RS256": attack(subjectRefused(refusedAlg("ES256")), async () =>
    rsaSession({ alg: "RS256", header: { alg: "ES256" } }),
  ),
  "the provider's key, by PS256 that it does not list": attack(subjectRefused(refusedAlg("PS256")), async () =>
    rsaSession({ alg: "PS256", header: { alg: "PS256" } }),
  ),
  "PS256 that the provider lists, by its key of RS256": attack(
    subjectRefused({ reason: "key_unknown", kid: "rsa-1" }),
    async () => mixedSession({ by: rsa, alg: "PS256", header: { alg: "PS256" } }),
  ),
  "ES256 that the provider lists, by the id of its key of RS256": attack(
    subjectRefused({ reason: "key_unknown", kid: "rsa-1" }),
    async () => mixedSession({ by: ci, header: { kid: "rsa-1" } }),
  ),
  "RS256 that the provider lists, by the id of its key of ES256": attack(
    subjectRefused({ reason: "key_unknown", kid: "ci-1" }),
    async () => mixedSession({ by: rsa, alg: "RS256", header: { alg: "RS256", kid: "ci-1" } }),
  ),
  "JWT-SVID by EdDSA": attack(agentRefused(refusedAlg("EdDSA")), async () =>
    asActor(await svidOf("first", { header: { alg: "EdDSA" } })),
  ),
  // JWT-SVID 2.1, whatever somebody has configured.
  "JWT-SVID by EdDSA, of a trust domain that lists it": attack(agentRefused(refusedAlg("EdDSA")), async () =>
    asActor(await svidOf(EDWARDS, { by: edwards, alg: "EdDSA", header: { alg: "EdDSA" } })),
  ),
  "JWT-SVID by an algorithm that the trust domain does not list": attack(agentRefused(refusedAlg("ES384")), async () =>
    asActor(await svidOf("first", { header: { alg: "ES384" } })),
  ),
}
