/**
 * Token-kind confusion (RFC 8725 2.8, 3.11, 3.12): each kind of token, honestly made, offered wherever it does not
 * belong. One row a kind, one column a door. An honest token is offered at each door but those of `BELONGS`.
 */
import { inject } from "vitest"
import { signPointer } from "../../harness/publisher.ts"
import type { CredentialRejection } from "../../../src/core/denials/terms/credential-rejection.ts"
import {
  accessTokenOf,
  assertionOf,
  CI,
  idJagOf,
  idTokenOf,
  logoutToken,
  robotToken,
  securityEvent,
  SIGNER,
  svidOf,
} from "../../harness/besieged.ts"
import type { TokenKind } from "../../../src/credentials/token-kinds.ts"
import { openTask } from "../../harness/agents.ts"
import {
  agentRefused,
  asAccessToken,
  asActor,
  asAssertion,
  asBearer,
  asGrant,
  asIdToken,
  asOperator,
  assertionRefused,
  attack,
  exchange,
  JWT_SPIFFE,
  operatorRefused,
  proofRefusedForToken,
  subjectRefused,
  tokenRefused,
  type Attack,
  type Attacks,
} from "../../harness/attacks.ts"
import { agentId, IDP, US } from "../../harness/issuers.ts"
import { asHandover, handoverRejected } from "./handovers.ts"
import { handoverOf, newProofKey, proofForToken } from "../../harness/proofs.ts"

interface Row {
  /** Of which kind it is an honest token, the only one of its kind here; absent: it is a forgery, or a token of none of our kinds. */
  readonly kind?: TokenKind
  readonly make: () => Promise<string>
  /** As actor token, and as client assertion. */
  readonly agent?: CredentialRejection
  /** As client assertion said to be a JWT-SVID. */
  readonly spiffe?: CredentialRejection
  readonly idToken?: CredentialRejection
  readonly accessToken?: CredentialRejection
  readonly gateway?: string
  readonly operator?: CredentialRejection
  /** As the assertion of the JWT bearer grant. */
  readonly grant?: CredentialRejection
}

const issuerUnknown = (iss: string | null): CredentialRejection => ({ reason: "issuer_unknown", iss })
const typeRefused = (typ: string | null): CredentialRejection => ({ reason: "type_refused", typ })
const BRINGS_KEY: CredentialRejection = { reason: "header_refused", member: "jwk" }

/** What no plain token has, whoever it is of. */
const MARKS: Readonly<Record<string, readonly [Readonly<Record<string, unknown>>, CredentialRejection]>> = {
  "that is delegated already": [{ act: { sub: agentId("second") } }, { reason: "delegated" }],
  "that names who may act": [{ may_act: { sub: agentId("first") } }, { reason: "actor_not_allowed" }],
  "that is bound to a key": [{ cnf: { jkt: "x" } }, { reason: "bound" }],
  "that tells of events": [{ events: {} }, { reason: "security_event" }],
}
const marked = Object.fromEntries(
  Object.entries(MARKS).flatMap(([mark, [claims, refused]]): readonly (readonly [string, Row])[] => [
    [`operator's token ${mark}`, { make: async () => accessTokenOf("operator", "cli", { claims }), operator: refused }],
    [`workload's token ${mark}`, { make: async () => robotToken({ claims }), agent: refused }],
    [`client assertion ${mark}`, { make: async () => assertionOf({ claims }), agent: refused }],
  ]),
)

const KINDS: Readonly<Record<string, Row>> = {
  ...marked,
  "JWT-SVID": {
    kind: "jwt_svid",
    make: async () => svidOf("first"),
    idToken: issuerUnknown(null),
    accessToken: issuerUnknown(null),
    gateway: "type_refused",
    operator: issuerUnknown(null),
    grant: issuerUnknown(null),
  },
  "workload's token": {
    kind: "workload_token",
    make: robotToken,
    spiffe: issuerUnknown(CI),
    idToken: issuerUnknown(CI),
    accessToken: issuerUnknown(CI),
    gateway: "type_refused",
    operator: issuerUnknown(CI),
    grant: issuerUnknown(CI),
  },
  "client assertion": {
    kind: "client_assertion",
    make: assertionOf,
    spiffe: issuerUnknown(SIGNER),
    idToken: issuerUnknown(SIGNER),
    accessToken: issuerUnknown(SIGNER),
    gateway: "type_refused",
    operator: issuerUnknown(SIGNER),
    grant: issuerUnknown(SIGNER),
  },
  "ID token": {
    kind: "id_token",
    make: async () => idTokenOf("alice"),
    agent: issuerUnknown(IDP),
    spiffe: issuerUnknown(IDP),
    accessToken: typeRefused("jwt"),
    gateway: "type_refused",
    operator: typeRefused("jwt"),
    grant: typeRefused("jwt"),
  },
  "ID token about an agent": {
    make: async () => idTokenOf(agentId("first")),
    agent: issuerUnknown(IDP),
    spiffe: issuerUnknown(IDP),
    operator: typeRefused("jwt"),
    grant: typeRefused("jwt"),
  },
  "access token": {
    kind: "access_token",
    make: async () => accessTokenOf("alice", "app"),
    agent: issuerUnknown(IDP),
    spiffe: issuerUnknown(IDP),
    idToken: typeRefused("at+jwt"),
    gateway: "key_unknown",
    operator: { reason: "client_mismatch", got: "app" },
    grant: typeRefused("at+jwt"),
  },
  "access token of an operator, by the app's client": {
    make: async () => accessTokenOf("operator", "app"),
    operator: { reason: "client_mismatch", got: "app" },
  },
  "access token of the app itself": {
    make: async () => accessTokenOf("app", "app"),
    accessToken: { reason: "no_person", mark: "sub" },
  },
  "access token of the app itself, in another spelling": {
    make: async () => accessTokenOf("app@clients", "app"),
    accessToken: { reason: "no_person", mark: "sub" },
  },
  "operator's token": {
    kind: "operator_token",
    make: async () => accessTokenOf("operator", "cli"),
    agent: issuerUnknown(IDP),
    spiffe: issuerUnknown(IDP),
    idToken: typeRefused("at+jwt"),
    accessToken: { reason: "client_mismatch", got: "cli" },
    gateway: "key_unknown",
    grant: typeRefused("at+jwt"),
  },
  "ID-JAG": {
    kind: "id_jag",
    make: async () => idJagOf("alice"),
    agent: issuerUnknown(IDP),
    spiffe: issuerUnknown(IDP),
    idToken: typeRefused("oauth-id-jag+jwt"),
    accessToken: typeRefused("oauth-id-jag+jwt"),
    gateway: "type_refused",
    operator: typeRefused("oauth-id-jag+jwt"),
  },
  "ID-JAG in a client's own name": {
    make: async () => idJagOf(agentId("first"), { claims: { iss: agentId("first") } }),
    agent: { reason: "type_refused", typ: "oauth-id-jag+jwt" },
    grant: issuerUnknown(agentId("first")),
  },
  "ID token with all claims of an ID-JAG": {
    make: async () => idJagOf("alice", { header: { typ: "JWT" } }),
    grant: typeRefused("jwt"),
  },
  "ID-JAG without its type": {
    make: async () => idJagOf("alice", { header: { typ: undefined } }),
    grant: typeRefused(null),
  },
  "logout token": {
    make: logoutToken,
    agent: issuerUnknown(IDP),
    idToken: typeRefused("logout+jwt"),
    accessToken: typeRefused("logout+jwt"),
    gateway: "type_refused",
    operator: typeRefused("logout+jwt"),
    grant: typeRefused("logout+jwt"),
  },
  "logout token of the old type": {
    make: async () => logoutToken({ header: { typ: "JWT" } }),
    idToken: { reason: "security_event" },
    accessToken: typeRefused("jwt"),
  },
  "logout token without a type": {
    make: async () => logoutToken({ header: { typ: undefined } }),
    idToken: { reason: "security_event" },
    accessToken: typeRefused(null),
    grant: typeRefused(null),
  },
  "logout token in an access token's dress": {
    make: async () => logoutToken({ header: { typ: "at+jwt" }, claims: { aud: US, client_id: "app" } }),
    accessToken: { reason: "security_event" },
  },
  "security event token": {
    kind: "security_event",
    make: securityEvent,
    agent: issuerUnknown(IDP),
    spiffe: issuerUnknown(IDP),
    idToken: typeRefused("secevent+jwt"),
    accessToken: typeRefused("secevent+jwt"),
    gateway: "type_refused",
    operator: typeRefused("secevent+jwt"),
    grant: typeRefused("secevent+jwt"),
  },
  "delegation token": {
    kind: "delegation_token",
    make: async () => (await openTask()).token,
    agent: issuerUnknown(US),
    spiffe: issuerUnknown(US),
    idToken: typeRefused("at+jwt"),
    operator: issuerUnknown(US),
    grant: issuerUnknown(US),
  },
  "DPoP proof": {
    kind: "dpop_proof",
    make: async () => proofForToken(await newProofKey()),
    agent: BRINGS_KEY,
    spiffe: BRINGS_KEY,
    idToken: BRINGS_KEY,
    accessToken: BRINGS_KEY,
    gateway: "header_refused",
    operator: BRINGS_KEY,
    grant: BRINGS_KEY,
  },
  "hand-over": {
    kind: "hand_over",
    make: async () =>
      handoverOf(await newProofKey(), { agent: agentId("second"), jkt: "x", token: (await openTask()).token }),
    agent: BRINGS_KEY,
    spiffe: BRINGS_KEY,
    idToken: BRINGS_KEY,
    accessToken: BRINGS_KEY,
    gateway: "header_refused",
    operator: BRINGS_KEY,
    grant: BRINGS_KEY,
  },
  "publisher's pointer": {
    make: async () => signPointer(inject("publisher"), { seq: 9, digest: "0".repeat(64) }),
    agent: issuerUnknown(null),
    spiffe: issuerUnknown(null),
    idToken: issuerUnknown(null),
    accessToken: issuerUnknown(null),
    gateway: "type_refused",
    operator: issuerUnknown(null),
    grant: issuerUnknown(null),
  },
  "ID token that names another agent to act": {
    make: async () => idTokenOf("alice", { claims: { may_act: { sub: agentId("second") } } }),
    idToken: { reason: "actor_not_allowed" },
  },
  "ID token that names the agent of another issuer to act": {
    make: async () => idTokenOf("alice", { claims: { may_act: { iss: IDP, sub: agentId("first") } } }),
    idToken: { reason: "actor_not_allowed" },
  },
  "ID token that names a list of agents to act": {
    make: async () => idTokenOf("alice", { claims: { may_act: [{ sub: agentId("first") }] } }),
    idToken: { reason: "actor_not_allowed" },
  },
  "JWT-SVID that names who may act": {
    make: async () => svidOf("first", { claims: { may_act: { sub: agentId("first") } } }),
    agent: { reason: "actor_not_allowed" },
  },
  "ID token that is delegated already": {
    make: async () => idTokenOf("alice", { claims: { act: { sub: agentId("second") } } }),
    idToken: { reason: "delegated" },
  },
  "ID token that is bound to a key": {
    make: async () => idTokenOf("alice", { claims: { cnf: { jkt: "x" } } }),
    idToken: { reason: "bound" },
  },
  "JWT-SVID that is bound to a key": {
    make: async () => svidOf("first", { claims: { cnf: { "x5t#S256": "x" } } }),
    agent: { reason: "bound" },
  },
  "client assertion of another type": {
    make: async () => assertionOf({ header: { typ: "at+jwt" } }),
    agent: typeRefused("at+jwt"),
  },
  "workload's token of another type": {
    make: async () => robotToken({ header: { typ: "secevent+jwt" } }),
    agent: typeRefused("secevent+jwt"),
  },
  "JWT-SVID of another type": {
    make: async () => svidOf("first", { header: { typ: "at+jwt" } }),
    agent: typeRefused("at+jwt"),
    spiffe: typeRefused("at+jwt"),
  },
}

/** By door: the attack there, or nothing if the row leaves the door out. */
const DOORS = {
  "actor token": ({ agent, make }) => agent && attack(agentRefused(agent), async () => asActor(await make())),
  "client assertion": ({ agent, make }) => agent && attack(agentRefused(agent), async () => asAssertion(await make())),
  "SPIFFE assertion": ({ spiffe, make }) =>
    spiffe && attack(agentRefused(spiffe), async () => asAssertion(await make(), JWT_SPIFFE)),
  "ID token": ({ idToken, make }) => idToken && attack(subjectRefused(idToken), async () => asIdToken(await make())),
  "access token": ({ accessToken, make }) =>
    accessToken && attack(subjectRefused(accessToken), async () => asAccessToken(await make())),
  "delegation token": ({ gateway, make }) =>
    gateway === undefined ? undefined : attack(tokenRefused(gateway), async () => asBearer(await make())),
  "operator's token": ({ operator, make }) =>
    operator && attack(operatorRefused(operator), async () => asOperator(await make())),
  "assertion of a grant": ({ grant, make }) =>
    grant && attack(assertionRefused(grant), async () => asGrant(await make())),
  // At the next two, the type alone distinguishes every other kind.
  "DPoP proof": ({ kind, make }) =>
    kind && kind !== "dpop_proof"
      ? attack(proofRefusedForToken("type_refused"), async () => exchange({}, { DPoP: await make() }))
      : undefined,
  "hand-over": ({ kind, make }) =>
    kind && kind !== "hand_over"
      ? attack(handoverRejected("type_refused"), async () => asHandover(await make()))
      : undefined,
} satisfies Readonly<Record<string, (row: Row) => Attack | undefined>>

export const kinds: Attacks = Object.fromEntries(
  Object.entries(KINDS).flatMap(([name, row]) =>
    Object.entries(DOORS).flatMap(([door, attackAt]) => {
      const attempt = attackAt(row)
      return attempt ? [[`${name} as ${door}`, attempt] as const] : []
    }),
  ),
)

const HONEST = Object.entries(KINDS).flatMap(([name, { kind, make }]) => (kind ? [{ name, kind, make }] : []))

/** Where an honest token of each kind is accepted; that of a security event at its own endpoint, which is none of these. */
export const BELONGS: Readonly<Record<TokenKind, readonly (keyof typeof DOORS)[]>> = {
  jwt_svid: ["actor token", "client assertion", "SPIFFE assertion"],
  workload_token: ["actor token", "client assertion"],
  client_assertion: ["actor token", "client assertion"],
  id_token: ["ID token"],
  access_token: ["access token"],
  operator_token: ["operator's token"],
  id_jag: ["assertion of a grant"],
  delegation_token: ["access token", "delegation token"],
  dpop_proof: ["DPoP proof"],
  hand_over: ["hand-over"],
  security_event: [],
}

/** By kind, where no attack offers an honest token. */
export const NOT_OFFERED: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  HONEST.map(({ name, kind }) => [kind, Object.keys(DOORS).filter((door) => !(`${name} as ${door}` in kinds))]),
)

/** By name, tokens that are no security event. */
export const NO_EVENTS = HONEST.filter(({ kind }) => kind !== "security_event").map(
  ({ name, make }) => [name, make] as const,
)
