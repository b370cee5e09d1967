/** Issuer mix-up: who vouches is `iss` to the letter, by a key of theirs, and for nobody but their own. */
import {
  accessTokenOf,
  assertionOf,
  bundledSvid,
  bundled,
  ci,
  idTokenOf,
  robotToken,
  SIGNER,
  staffTokenOf,
  svidOf,
} from "../../harness/besieged.ts"
import {
  agentRefused,
  asActor,
  asIdToken,
  asOperator,
  attack,
  operatorRefused,
  subjectRefused,
  type Attacks,
} from "../../harness/attacks.ts"
import { agentId, idp, IDP, SECOND_IDP, stranger, US, workloads } from "../../harness/issuers.ts"

const SPELLINGS: Readonly<Record<string, unknown>> = {
  "with a slash at the end": `${IDP}/`,
  "in upper case": "HTTPS://IDP.TEST",
  "with the host in upper case": "https://IDP.test",
  "with a user": "https://a@idp.test",
  "with the default port": `${IDP}:443`,
  "with a path that leads nowhere": `${IDP}/.`,
  "with a query": `${IDP}?`,
  "with a fragment": `${IDP}#`,
  "with a blank": `${IDP} `,
  "with a NUL": `${IDP}\u0000`,
  "without encryption": "http://idp.test",
  "with something behind": `${IDP}.evil.test`,
  "by a look-alike": "https://іdp.test",
  "by its id": "idp",
}
const misspelt = Object.fromEntries(
  Object.entries(SPELLINGS).map(([what, iss]) => [
    `the provider ${what}`,
    attack(subjectRefused({ reason: "issuer_unknown", iss: String(iss) }), async () =>
      asIdToken(await idTokenOf("alice", { claims: { iss } })),
    ),
  ]),
)

export const issuers: Attacks = {
  ...misspelt,
  "the provider in a list": attack(subjectRefused({ reason: "issuer_unknown", iss: null }), async () =>
    asIdToken(await idTokenOf("alice", { claims: { iss: [IDP] } })),
  ),
  "no provider": attack(subjectRefused({ reason: "issuer_unknown", iss: null }), async () =>
    asIdToken(await idTokenOf("alice", { claims: { iss: undefined } })),
  ),
  "our own URL, by a provider's key": attack(subjectRefused({ reason: "type_refused", typ: "JWT" }), async () =>
    asIdToken(await idTokenOf("alice", { claims: { iss: US } })),
  ),
  "one provider's key for the other's users": attack(
    subjectRefused({ reason: "key_unknown", kid: "idp-1" }),
    async () => asIdToken(await idTokenOf("alice", { claims: { iss: SECOND_IDP } })),
  ),
  "one provider's key under the other's key id": attack(subjectRefused({ reason: "signature_invalid" }), async () =>
    asIdToken(await idTokenOf("alice", { claims: { iss: SECOND_IDP }, header: { kid: "second-1" } })),
  ),
  "one provider's key without a key id": attack(subjectRefused({ reason: "signature_invalid" }), async () =>
    asIdToken(await idTokenOf("alice", { claims: { iss: SECOND_IDP }, header: { kid: undefined } })),
  ),
  "a stranger's key under the provider's key id": attack(subjectRefused({ reason: "signature_invalid" }), async () =>
    asIdToken(await idTokenOf("alice", { by: stranger })),
  ),
  "a trust domain's key for a provider's users": attack(subjectRefused({ reason: "signature_invalid" }), async () =>
    asIdToken(await idTokenOf("alice", { by: workloads, header: { kid: "idp-1" } })),
  ),
  "a provider's key for a trust domain's agents": attack(agentRefused({ reason: "signature_invalid" }), async () =>
    asActor(await svidOf("first", { by: idp, header: { kid: "workload-1" } })),
  ),
  "a provider's key for a trust domain's agents, with its own iss": attack(
    agentRefused({ reason: "issuer_unknown", iss: IDP }),
    async () => asActor(await svidOf("first", { by: idp, claims: { iss: IDP } })),
  ),
  "one trust domain's key for the other's agents": attack(
    agentRefused({ reason: "key_unknown", kid: "bundle-1" }),
    async () => asActor(await svidOf("first", { by: bundled })),
  ),
  "the other trust domain's key for the one's agents": attack(
    agentRefused({ reason: "key_unknown", kid: "workload-1" }),
    async () => asActor(await bundledSvid({ by: workloads })),
  ),
  "an issuer of workloads for a SPIFFE agent": attack(
    agentRefused({ reason: "subject_unknown", sub: agentId("first") }),
    async () => asActor(await robotToken({ claims: { sub: agentId("first") } })),
  ),
  "an issuer of workloads for an agent that signs for itself": attack(
    agentRefused({ reason: "subject_unknown", sub: SIGNER }),
    async () => asActor(await robotToken({ claims: { sub: SIGNER } })),
  ),
  "an issuer of workloads about an agent's own assertion": attack(
    agentRefused({ reason: "key_unknown", kid: "ci-1" }),
    async () => asActor(await assertionOf({ by: ci })),
  ),
  "a provider that has no operators": attack(operatorRefused({ reason: "issuer_unknown", iss: SECOND_IDP }), async () =>
    asOperator(await accessTokenOf("operator", "cli", { claims: { iss: SECOND_IDP } })),
  ),
  "an operator that nobody registered": attack(operatorRefused({ reason: "subject_unknown", sub: "alice" }), async () =>
    asOperator(await accessTokenOf("alice", "cli")),
  ),
  // Each provider's names are its own.
  "another provider's person of an operator's name": attack(
    operatorRefused({ reason: "subject_unknown", sub: "operator" }),
    async () => asOperator(await staffTokenOf("operator")),
  ),
  "a person of an operator's name at another provider": attack(
    operatorRefused({ reason: "subject_unknown", sub: "keeper" }),
    async () => asOperator(await accessTokenOf("keeper", "cli")),
  ),
  "an operator by a stranger's key": attack(operatorRefused({ reason: "signature_invalid" }), async () =>
    asOperator(await accessTokenOf("operator", "cli", { by: stranger })),
  ),
}
