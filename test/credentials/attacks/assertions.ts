/**
 * ID-JAGs (draft-ietf-oauth-identity-assertion-authz-grant, RFC 7523 3): for us, for this agent, for this audience,
 * once.
 */
import { knock } from "../../harness/door.ts"
import { expect } from "vitest"
import { idJagOf, neighbour, seconds, svidOf, type Changes } from "../../harness/besieged.ts"
import type { CredentialRejection } from "../../../src/core/denials/terms/credential-rejection.ts"
import {
  asGrant,
  assertionRefused,
  attack,
  requestRefused,
  type Attack,
  type Attacks,
  type Expected,
} from "../../harness/attacks.ts"
import { twinOf } from "../../harness/forge.ts"
import { agentId, IDP, SECOND_IDP, stranger, US } from "../../harness/issuers.ts"
import { newProofKey, proofForToken } from "../../harness/proofs.ts"

const holder = await newProofKey()

const changed = (changes: Changes, refused: CredentialRejection | Expected): Attack =>
  attack("reason" in refused ? assertionRefused(refused) : refused, async () =>
    asGrant(await idJagOf("alice", changes)),
  )
const claims = (claims: Readonly<Record<string, unknown>>, refused: CredentialRejection | Expected): Attack =>
  changed({ claims }, refused)

const missing = (claim: string): Attack => claims({ [claim]: undefined }, { reason: "claim_missing", claim })
const mismatch = (claim: string): CredentialRejection => ({ reason: "claim_mismatch", claim })
const misfit = (claim: string, value: unknown): Attack => claims({ [claim]: value }, mismatch(claim))
const audience = (aud: unknown, got: readonly string[]): Attack => claims({ aud }, { reason: "audience_mismatch", got })
const client = (client_id: string): Attack => claims({ client_id }, { reason: "client_mismatch", got: client_id })

const MALFORMED_DETAILS = mismatch("authorization_details")
const call = { type: "narrowgate_call", tools: ["files.*"], actions: ["read"] }

let made = 0
function twice(second: (text: string) => Promise<Request>, refused = assertionRefused): Attack {
  const jti = `asserted-${++made}`
  return attack(refused({ reason: "used_before", jti }), async () => {
    const text = await idJagOf("alice", { claims: { jti } })
    const { status } = await knock(await asGrant(text))
    if (status !== 200) throw new Error(`the first use is refused: ${status}`)
    return second(text)
  })
}

const TOO_LONG = { reason: "too_long_lived", seconds: expect.any(Number) }
const seldom = Math.floor(Date.now() / 1000) + 7_200

export const assertions: Attacks = {
  "by a provider that nobody knows": claims(
    { iss: "https://evil.test" },
    { reason: "issuer_unknown", iss: "https://evil.test" },
  ),
  "by a provider whose sessions we take, and no assertions": claims(
    { iss: SECOND_IDP },
    { reason: "issuer_unknown", iss: SECOND_IDP },
  ),
  "by ourselves": claims({ iss: US }, { reason: "issuer_unknown", iss: US }),
  "by a provider in another spelling": claims({ iss: `${IDP}/` }, { reason: "issuer_unknown", iss: `${IDP}/` }),
  "by nobody": claims({ iss: undefined }, { reason: "issuer_unknown", iss: null }),
  "signed by another, under the provider's key id": changed({ by: stranger }, { reason: "signature_invalid" }),
  "signed by an agent's key": changed({ by: neighbour }, { reason: "key_unknown", kid: "neighbour-1" }),
  "without a signature": changed({ header: { alg: "none" } }, { reason: "algorithm_refused", alg: "none" }),
  "with a signature of another algorithm than allowed": changed(
    { header: { alg: "ES384" } },
    { reason: "algorithm_refused", alg: "ES384" },
  ),
  "with a key of its own": changed({ header: { jwk: {} } }, { reason: "header_refused", member: "jwk" }),

  "for another server": audience("https://other.test", ["https://other.test"]),
  "for us and others": audience([US, "https://other.test"], [US, "https://other.test"]),
  "for the token endpoint rather than the issuer": audience(`${US}/oauth/token`, [`${US}/oauth/token`]),
  "for us with a slash": audience(`${US}/`, [`${US}/`]),
  "for nobody": missing("aud"),
  "for another audience than asked for": misfit("resource", "https://elsewhere.test/"),
  "for several other audiences": misfit("resource", [
    "https://elsewhere.test/",
    "https://api.test/x",
    "http://api.test/",
  ]),
  "for an audience that is no text": misfit("resource", { uri: "https://api.test/" }),

  "given to another agent": client(agentId("second")),
  "given to a client that we know as another agent": client("crm-app"),
  "given to a client of a name that every object has": client("constructor"),
  "given to nobody": missing("client_id"),
  "given to several": misfit("client_id", [agentId("first")]),
  "in the hands of another agent": attack(
    assertionRefused({ reason: "client_mismatch", got: agentId("first") }),
    async () => asGrant(await idJagOf("alice"), { actor_token: await svidOf("second") }),
  ),
  "in the hands of an agent that nobody has proven": attack(
    assertionRefused({ reason: "issuer_unknown", iss: IDP }),
    async () => asGrant(await idJagOf("alice"), { actor_token: undefined, actor_token_type: undefined }),
  ),
  "that proves its own bearer": attack(
    requestRefused(
      { reason: "agent_unauthenticated", because: { reason: "issuer_unknown", iss: IDP } },
      "invalid_client",
      401,
    ),
    async () => {
      const text = await idJagOf("alice")
      return asGrant(text, { actor_token: text })
    },
  ),

  "about an app alone": claims({ sub: agentId("first") }, { reason: "no_person", mark: "sub" }),
  "about an app that the provider knows by another name than we": attack(
    assertionRefused({ reason: "no_person", mark: "sub" }),
    async () => {
      const about = { sub: agentId("third"), client_id: "crm-app" }
      return asGrant(await idJagOf("alice", { claims: about }), { actor_token: await svidOf("third") })
    },
  ),
  "about an app by the provider's own name for it": attack(
    assertionRefused({ reason: "no_person", mark: "sub" }),
    async () => {
      const about = { sub: "crm-app", client_id: "crm-app" }
      return asGrant(await idJagOf("alice", { claims: about }), { actor_token: await svidOf("third") })
    },
  ),
  "about nobody": missing("sub"),
  "about a name with a line break": misfit("sub", "alice\nX-Narrowgate-User: bob"),
  "about a person of a tenant that nobody has named": misfit("tenant", "acme"),
  "for a tenant of ours, of which there are none": misfit("aud_tenant", "acme"),
  "about groups that are no texts": misfit("groups", { staff: true }),

  "of somebody who acts through another": claims({ act: { sub: agentId("second") } }, { reason: "delegated" }),
  "with an actor before this one": claims(
    { act: { sub: agentId("first"), act: { sub: agentId("second") } } },
    { reason: "delegated" },
  ),
  "with an actor that has no name": claims({ act: {} }, { reason: "delegated" }),
  "that another may act with": claims({ may_act: { sub: agentId("second") } }, { reason: "actor_not_allowed" }),
  "bound to a key that nobody proves": claims({ cnf: { jkt: holder.jkt } }, { reason: "bound" }),
  "bound to a certificate": claims({ cnf: { "x5t#S256": "x" } }, { reason: "bound" }),
  "bound to another key than the one proven": attack(assertionRefused({ reason: "bound" }), async () => {
    const text = await idJagOf("alice", { claims: { cnf: { jkt: (await newProofKey()).jkt } } })
    return asGrant(text, {}, { DPoP: await proofForToken(holder) })
  }),
  "bound to the key that is proven, and to more": attack(assertionRefused({ reason: "bound" }), async () => {
    const text = await idJagOf("alice", { claims: { cnf: { jkt: holder.jkt, "x5t#S256": "x" } } })
    return asGrant(text, {}, { DPoP: await proofForToken(holder) })
  }),
  "a security event": claims({ events: {} }, { reason: "security_event" }),

  expired: claims({ exp: 1_000_000_000 }, { reason: "expired", exp: 1_000_000_000 }),
  "without an end": missing("exp"),
  "without a beginning": missing("iat"),
  "from the future": claims({ iat: seldom }, { reason: "not_yet_valid", from: seldom }),
  "not valid yet": claims({ nbf: seldom }, { reason: "not_yet_valid", from: seldom }),
  "with a login in the future": claims({ auth_time: seldom }, { reason: "not_yet_valid", from: seldom }),
  "for hours": attack(
    { ...assertionRefused(mismatch("")), denial: { reason: "assertion_rejected", because: TOO_LONG } },
    async () => asGrant(await idJagOf("alice", { claims: { exp: seconds() + 7_200 } })),
  ),

  "without a name of its own": missing("jti"),
  "with an empty name": misfit("jti", ""),
  "with a name that is no text": misfit("jti", 1),
  "with a name too long": misfit("jti", "j".repeat(257)),
  "used before": twice(asGrant),
  "used before, with its signature's twin": twice(async (text) => asGrant(twinOf(text))),
  "used before, for something else": twice(async (text) => asGrant(text, { scope: "files.read:read" })),

  "with a scope that is no text": misfit("scope", ["files.*:read"]),
  "with a scope too long": misfit("scope", "files.*:read ".repeat(631)),
  "with details that are no list": claims({ authorization_details: call }, MALFORMED_DETAILS),
  "with a bound that we do not know": claims({ authorization_details: [{ ...call, until: 1 }] }, MALFORMED_DETAILS),
}
