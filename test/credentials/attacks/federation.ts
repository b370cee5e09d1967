/**
 * Workload identity federation (MCP, SEP-1933): an agent's own identity as the grant (RFC 7523 2.1), for us, proven as
 * any identity is, used as often as any, and never a person's.
 */
import { JWT_BEARER } from "../../harness/agents.ts"
import {
  asActor,
  asOwnGrant,
  assertionRefused,
  attack,
  agentRefused,
  requestRefused,
  type Attack,
  type Attacks,
} from "../../harness/attacks.ts"
import {
  accessTokenOf,
  assertionOf,
  CI,
  CI_ONCE,
  idJagOf,
  idTokenOf,
  LENIENT,
  lenientAssertionOf,
  namedSvid,
  neighbour,
  robotToken,
  SIGNER,
} from "../../harness/besieged.ts"
import { IDP, stranger, US } from "../../harness/issuers.ts"
import { knock } from "../../harness/door.ts"
import type { CredentialRejection } from "../../../src/core/denials/terms/credential-rejection.ts"

const grant = (refused: CredentialRejection, make: () => Promise<string>): Attack =>
  attack(assertionRefused(refused), async () => asOwnGrant(await make()))

/** First as one, then as the other: it is one assertion, however it is presented. */
let made = 0
function twice(make: (jti: string) => Promise<string>, first: typeof asActor, second: typeof asActor): Attack {
  const jti = `federated-${++made}`
  return attack(agentRefused({ reason: "used_before", jti }), async () => {
    const assertion = await make(jti)
    const { status } = await knock(await first(assertion))
    if (status !== 200) throw new Error(`the first use is refused: ${status}`)
    return second(assertion)
  })
}

/** What an agent that may name the token endpoint may still not name. */
const NOT_ENDPOINT: Readonly<Record<string, readonly [aud: unknown, shown: readonly string[]]>> = {
  "another endpoint of ours": [`${US}/oauth/introspect`, [`${US}/oauth/introspect`]],
  "the token endpoint with a slash": [`${US}/oauth/token/`, [`${US}/oauth/token/`]],
  "the token endpoint with a query": [`${US}/oauth/token?a=b`, [`${US}/oauth/token?a=b`]],
  "another server's token endpoint": ["https://other.test/oauth/token", ["https://other.test/oauth/token"]],
  "the token endpoint and another server": [
    [`${US}/oauth/token`, "https://other.test"],
    [`${US}/oauth/token`, "https://other.test"],
  ],
  "the token endpoint and a number": [[`${US}/oauth/token`, 1], [`${US}/oauth/token`]],
  nobody: [[], []],
  "two slashes at the end": [`${US}//`, [`${US}//`]],
}

const notForEndpoint = Object.fromEntries(
  Object.entries(NOT_ENDPOINT).map(([what, [aud, got]]) => [
    `client assertion that may be for the token endpoint, for ${what}`,
    attack(agentRefused({ reason: "audience_mismatch", got }), async () =>
      asActor(await lenientAssertionOf({ claims: { aud } })),
    ),
  ]),
)

const own = async (jti: string): Promise<string> => assertionOf({ claims: { jti } })

export const federation: Attacks = {
  "workload's token for another server": grant({ reason: "audience_mismatch", got: ["https://other.test"] }, async () =>
    robotToken({ claims: { aud: "https://other.test" } }),
  ),
  "workload's token for the token endpoint": grant(
    { reason: "audience_mismatch", got: [`${US}/oauth/token`] },
    async () => robotToken({ claims: { aud: `${US}/oauth/token` } }),
  ),
  "workload's token of an hour ago": grant({ reason: "expired", exp: 1 }, async () =>
    robotToken({ claims: { exp: 1, iat: 0 } }),
  ),
  "workload's token by another": grant({ reason: "key_unknown", kid: "neighbour-1" }, async () =>
    robotToken({ by: neighbour }),
  ),
  "workload's token of an issuer that nobody knows": grant(
    { reason: "issuer_unknown", iss: "https://evil.test" },
    async () => robotToken({ by: stranger, claims: { iss: "https://evil.test" } }),
  ),
  "workload's token of a subject that is no agent": grant(
    { reason: "subject_unknown", sub: "repo:evil/app" },
    async () => robotToken({ claims: { sub: "repo:evil/app" } }),
  ),
  "JWT-SVID by another": grant({ reason: "key_unknown", kid: "neighbour-1" }, async () => namedSvid({ by: neighbour })),
  "client assertion without jti": grant({ reason: "claim_missing", claim: "jti" }, async () =>
    assertionOf({ claims: { jti: undefined } }),
  ),
  "client assertion by another agent's key": grant({ reason: "key_unknown", kid: "neighbour-1" }, async () =>
    assertionOf({ by: neighbour }),
  ),
  "person's ID token": grant({ reason: "issuer_unknown", iss: IDP }, async () => idTokenOf("alice")),
  "person's access token": grant({ reason: "issuer_unknown", iss: IDP }, async () => accessTokenOf("alice", "app")),
  "operator's token": grant({ reason: "issuer_unknown", iss: IDP }, async () => accessTokenOf("operator", "cli")),
  "ID-JAG": grant({ reason: "issuer_unknown", iss: IDP }, async () => idJagOf("alice")),
  "ID-JAG in a workload issuer's name": grant({ reason: "type_refused", typ: "oauth-id-jag+jwt" }, async () =>
    robotToken({ header: { typ: "oauth-id-jag+jwt" } }),
  ),
  "workload's token in the name of another agent": attack(
    agentRefused({ reason: "client_mismatch", got: SIGNER }),
    async () => asOwnGrant(await robotToken(), { client_id: SIGNER }),
  ),
  "workload's token beside a proof of another agent is an assertion about a person": attack(
    assertionRefused({ reason: "issuer_unknown", iss: CI }),
    async () =>
      asOwnGrant(await robotToken(), { client_assertion: await namedSvid(), client_assertion_type: JWT_BEARER }),
  ),
  "an assertion that is not there": attack(
    requestRefused(
      { reason: "agent_unauthenticated", because: { reason: "credential_missing" } },
      "invalid_client",
      401,
    ),
    async () => asOwnGrant(""),
  ),
  "client assertion, presented before as a proof": twice(own, asActor, asOwnGrant),
  "client assertion, presented before as a grant": twice(own, asOwnGrant, asActor),
  "workload's token of single use, presented before as a proof": twice(
    async (jti) => robotToken({ claims: { iss: CI_ONCE, jti } }),
    asActor,
    asOwnGrant,
  ),
  ...notForEndpoint,
  "client assertion for the token endpoint, of an agent that may not say so": attack(
    agentRefused({ reason: "audience_mismatch", got: [`${US}/oauth/token`] }),
    async () => asActor(await assertionOf({ claims: { aud: `${US}/oauth/token` } })),
  ),
  "client assertion that may be for the token endpoint, by another key": attack(
    agentRefused({ reason: "key_unknown", kid: "neighbour-1" }),
    async () =>
      asActor(await lenientAssertionOf({ by: neighbour, claims: { aud: `${US}/oauth/token`, sub: LENIENT } })),
  ),
}
