/**
 * What the attacks start from: each honest request is answered with a 200, so that what refuses an attack is its one
 * change.
 */
import { openTask } from "../../harness/agents.ts"
import {
  accessTokenOf,
  assertionOf,
  BRIEF_IDP,
  bundledSvid,
  ci,
  CI_BRIEF,
  CI_ONCE,
  curve,
  idJagOf,
  idTokenOf,
  lenientAssertionOf,
  MIXED_IDP,
  namedSvid,
  ONCE_IDP,
  OPEN_IDP,
  pagesAccessToken,
  pagesIdToken,
  robotToken,
  rsa,
  RSA_IDP,
  seconds,
  staffTokenOf,
  svidOf,
} from "../../harness/besieged.ts"
import {
  asAccessToken,
  asActor,
  asAssertion,
  asBearer,
  asGrant,
  asOwnGrant,
  asIdToken,
  asOperator,
  call,
  exchange,
  JWT_SPIFFE,
} from "../../harness/attacks.ts"
import { twinOf } from "../../harness/forge.ts"
import { agentId, US } from "../../harness/issuers.ts"
import { newProofKey, proofForToken, proofOf } from "../../harness/proofs.ts"
import { honestHandover } from "./handovers.ts"

const holder = await newProofKey()
const URI = "https://api.test/files/a"

/** Spellings of one URL (RFC 9449 4.3 check 9; RFC 3986 6.2.2, 6.2.3). */
const SPELLINGS: Readonly<Record<string, string>> = {
  "the URL as it is": URI,
  "a query": `${URI}?x=1`,
  "a fragment": `${URI}#x`,
  "scheme and host in upper case": "HTTPS://API.TEST/files/a",
  "the default port": "https://api.test:443/files/a",
}
const spelt = Object.fromEntries(
  Object.entries(SPELLINGS).map(([what, htu]) => [
    `a call with a proof for ${what}`,
    async () => {
      const { token } = await openTask("first", {}, await proofForToken(holder))
      return call(`DPoP ${token}`, { DPoP: await proofOf(holder, "GET", htu, token) })
    },
  ]),
)

export const HONEST: Readonly<Record<string, () => Promise<Request>>> = {
  "an exchange": async () => exchange(),
  "an exchange with a proof": async () => exchange({}, { DPoP: await proofForToken(holder) }),
  "JWT-SVID as client assertion": async () => asAssertion(await svidOf("first")),
  "JWT-SVID as SPIFFE assertion": async () => asAssertion(await svidOf("first"), JWT_SPIFFE),
  "JWT-SVID for a list of us alone": async () => asActor(await svidOf("first", { claims: { aud: [US] } })),
  "JWT-SVID of no date": async () => asActor(await svidOf("first", { claims: { iat: undefined } })),
  "JWT-SVID of a domain that names its issuer": async () => asActor(await namedSvid()),
  "JWT-SVID by a SPIFFE bundle's key": async () => asActor(await bundledSvid()),
  "workload's token": async () => asActor(await robotToken()),
  "JWT-SVID for as long as its trust domain's entry says": async () =>
    asActor(await namedSvid({ claims: { exp: seconds() + 600 } })),
  "workload's token for as long as its issuer's entry says": async () =>
    asActor(await robotToken({ claims: { iss: CI_BRIEF, exp: seconds() + 600 } })),
  "workload's token, used once": async () => asActor(await robotToken({ claims: { iss: CI_ONCE } })),
  "client assertion": async () => asActor(await assertionOf()),
  "client assertion with its signature's twin, itself never shown": async () => asActor(twinOf(await assertionOf())),
  "client assertion for an hour": async () => asActor(await assertionOf({ claims: { exp: seconds() + 3_600 } })),
  "ID token for a list of our client alone": async () =>
    asIdToken(await idTokenOf("alice", { claims: { aud: ["app"] } })),
  "ID token by the one key there is": async () => asIdToken(await idTokenOf("alice", { header: { kid: undefined } })),
  "ID token within what clocks may be off by": async () =>
    asIdToken(await idTokenOf("alice", { claims: { iat: seconds() + 20, nbf: seconds() + 20 } })),
  "ID token with as deep claims as may be": async () =>
    asIdToken(
      await idTokenOf("alice", { claimsText: (text) => `{"x":${"[".repeat(60)}${"]".repeat(60)},${text.slice(1)}` }),
    ),
  "JWT-SVID for a day": async () => asActor(await svidOf("first", { claims: { exp: seconds() + 86_400 } })),
  "workload's token for a day": async () => asActor(await robotToken({ claims: { exp: seconds() + 86_400 } })),
  "ID token for 31 days": async () => asIdToken(await idTokenOf("alice", { claims: { exp: seconds() + 2_678_400 } })),
  "ID token for as long as its issuer's entry says": async () =>
    asIdToken(await idTokenOf("alice", { by: ci, claims: { iss: BRIEF_IDP, exp: seconds() + 600 } })),
  "ID token by RS256": async () =>
    asIdToken(await idTokenOf("alice", { by: rsa, alg: "RS256", header: { alg: "RS256" }, claims: { iss: RSA_IDP } })),
  "ID token of a provider with two keys, by the one": async () =>
    asIdToken(
      await idTokenOf("alice", { by: rsa, alg: "RS256", header: { alg: "RS256" }, claims: { iss: MIXED_IDP } }),
    ),
  "ID token of a provider with two keys, by the other": async () =>
    asIdToken(await idTokenOf("alice", { by: ci, claims: { iss: MIXED_IDP } })),
  "ID token by the key that stands in the bad sets": async () =>
    asIdToken(await idTokenOf("alice", { by: curve, claims: { iss: OPEN_IDP } })),
  "ID token, used once": async () => asIdToken(await idTokenOf("alice", { by: ci, claims: { iss: ONCE_IDP } })),
  "access token": async () => asAccessToken(await accessTokenOf("alice", "app")),
  "delegation token of the agent's own": async () => asAccessToken((await openTask()).token),
  "ID token that names the agent to act": async () =>
    asIdToken(await idTokenOf("alice", { claims: { may_act: { sub: agentId("first") } } })),
  "ID-JAG": async () => asGrant(await idJagOf("alice")),
  "ID-JAG for the audience asked for, among others": async () =>
    asGrant(await idJagOf("alice", { claims: { resource: ["https://api.test/", "https://elsewhere.test/"] } })),
  "ID-JAG that names its agent to act": async () =>
    asGrant(await idJagOf("alice", { claims: { act: { sub: agentId("first") }, may_act: { sub: agentId("first") } } })),
  "ID-JAG of an agent by the provider's own name for it": async () =>
    asGrant(await idJagOf("alice", { claims: { client_id: "crm-app" } }), { actor_token: await svidOf("third") }),
  "ID-JAG bound to the key that is proven": async () =>
    asGrant(
      await idJagOf("alice", { claims: { cnf: { jkt: holder.jkt } } }),
      {},
      { DPoP: await proofForToken(holder) },
    ),
  "workload's token as the grant": async () => asOwnGrant(await robotToken()),
  "JWT-SVID as the grant": async () => asOwnGrant(await namedSvid()),
  "client assertion as the grant": async () => asOwnGrant(await assertionOf()),
  "ID-JAG by its signature's twin, itself never shown": async () => asGrant(twinOf(await idJagOf("alice"))),
  "a hand-over": honestHandover,
  "a fresher session for a task": async () => {
    const { task } = await openTask("first", { subject_token: await idTokenOf("alice", { claims: { auth_time: 1 } }) })
    return exchange({ task })
  },
  "a call": async () => asBearer((await openTask()).token),
  "a call with the scheme in lower case": async () => call(`bearer ${(await openTask()).token}`),
  "an operator's question": async () => asOperator(await accessTokenOf("operator", "cli")),
  "an operator's question, of another provider, for a day": async () =>
    asOperator(await staffTokenOf("keeper", { claims: { exp: seconds() + 86_400 } })),
  "an operator's question, by the ID token of a sign-in": async () => asOperator(await pagesIdToken()),
  "an operator's question, by a token for us and for the provider": async () => asOperator(await pagesAccessToken()),
  "an operator's question, by a token for us alone": async () =>
    asOperator(await pagesAccessToken({ claims: { aud: US } })),
  "an operator's question, by a token for us, given to another client that manages": async () =>
    asOperator(await pagesAccessToken({ claims: { azp: "cli" } })),
  ...Object.fromEntries(
    [`${US}/oauth/token`, `${US}/`, US, [US, `${US}/oauth/token`]].map((aud) => [
      `client assertion that may be for the token endpoint, for ${String(aud)}`,
      async () => asActor(await lenientAssertionOf({ claims: { aud } })),
    ]),
  ),
  ...spelt,
}
