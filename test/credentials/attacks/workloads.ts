/**
 * Subjects of workloads: an issuer vouches for many, of whom one is the agent; a trust domain names it in one spelling.
 */
import { expect } from "vitest"
import {
  assertionOf,
  BUNDLED,
  MAIN,
  NAMED,
  namedSvid,
  neighbour,
  NEIGHBOUR,
  ROBOT,
  robotToken,
  SHARED,
  SIGNER,
  svidOf,
} from "../../harness/besieged.ts"
import { JWT, JWT_BEARER } from "../../harness/agents.ts"
import {
  agentRefused,
  asActor,
  asAssertion,
  attack,
  exchange,
  JWT_SPIFFE,
  requestRefused,
  unregistered,
  type Attacks,
} from "../../harness/attacks.ts"
import { agentId } from "../../harness/issuers.ts"

const SUBJECTS: Readonly<Record<string, string>> = {
  "a wildcard": "*",
  "a wildcard at the end": "repo:acme/app:*",
  "a wildcard of SQL": "repo:acme/app:%",
  "a pattern": "repo:acme/app:ref:refs/heads/.*",
  "the beginning": "repo:acme/app",
  "the beginning, longer": `${MAIN}-2`,
  "the end": "app:ref:refs/heads/main",
  "in another case": "repo:Acme/app:ref:refs/heads/main",
  "in upper case": MAIN.toUpperCase(),
  "another branch": "repo:acme/app:ref:refs/heads/evil",
  "a pull request": "repo:acme/app:pull_request",
  "another owner": "repo:evil/app:ref:refs/heads/main",
  "a Cyrillic letter": MAIN.replace("acme", "аcme"),
  "a letter of full width": MAIN.replace("main", "ｍain"),
  "an invisible letter": MAIN.replace("acme", "ac\u200bme"),
  "a letter that reads backwards": `\u202e${MAIN}`,
  "a blank at the end": `${MAIN} `,
  "a NUL at the end": `${MAIN}\u0000`,
  "a line break": `${MAIN}\n`,
  "dot segments": "repo:evil/../acme/app:ref:refs/heads/main",
  encoded: "repo%3Aacme/app:ref:refs/heads/main",
  empty: "",
  "the agent's own id": ROBOT,
  "a name that every object has": "constructor",
}
const subjects = Object.fromEntries(
  Object.entries(SUBJECTS).map(([what, sub]) => [
    `workload's sub: ${what}`,
    attack(agentRefused({ reason: "subject_unknown", sub }), async () =>
      asActor(await robotToken({ claims: { sub } })),
    ),
  ]),
)

const mismatch = (claim: string) => agentRefused({ reason: "claim_mismatch", claim })
const missing = (claim: string) => agentRefused({ reason: "claim_missing", claim })
const robotWith = (claims: Readonly<Record<string, unknown>>) => async () => asActor(await robotToken({ claims }))
const oddClaims: Attacks = {
  "workload's sub a list": attack(mismatch("sub"), robotWith({ sub: [MAIN] })),
  "workload's sub an object": attack(mismatch("sub"), robotWith({ sub: { [MAIN]: true } })),
  "workload's sub missing": attack(missing("sub"), robotWith({ sub: undefined })),
  "workload's claim missing": attack(missing("repository_id"), robotWith({ repository_id: undefined })),
  "workload's claim of another repository": attack(mismatch("repository_id"), robotWith({ repository_id: "43" })),
  "workload's claim a number, not a text": attack(mismatch("repository_id"), robotWith({ repository_id: 42 })),
  "workload's claim a list of the value": attack(mismatch("repository_id"), robotWith({ repository_id: ["42"] })),
  "workload's claim null": attack(mismatch("repository_id"), robotWith({ repository_id: null })),
  "workload's claim a text, not a number": attack(mismatch("attempt"), robotWith({ attempt: "1" })),
  "workload's claim a truth, not a number": attack(mismatch("attempt"), robotWith({ attempt: true })),
  "workload's claim a text, not a truth": attack(mismatch("protected"), robotWith({ protected: "true" })),
  "workload's claim a number, not a truth": attack(mismatch("protected"), robotWith({ protected: 1 })),
  "workload's claim false": attack(mismatch("protected"), robotWith({ protected: false })),
  "workload's inner claim missing": attack(missing("namespace"), robotWith({ place: { pod: "x" } })),
  "workload's inner claim another": attack(mismatch("namespace"), robotWith({ place: { namespace: "test" } })),
  "workload's inner claim a list": attack(mismatch("namespace"), robotWith({ place: { namespace: ["prod"] } })),
  "workload's inner claim deeper": attack(missing("namespace"), robotWith({ place: { place: { namespace: "prod" } } })),
  "workload's inner claim written flat": attack(
    missing("place"),
    robotWith({ place: undefined, "place.namespace": "prod" }),
  ),
  "workload's outer claim a text": attack(mismatch("place"), robotWith({ place: "prod" })),
  "workload's outer claim a list": attack(mismatch("place"), robotWith({ place: [{ namespace: "prod" }] })),
  "workload that two agents are": attack(
    agentRefused({ reason: "subject_ambiguous", sub: SHARED }),
    robotWith({ sub: SHARED }),
  ),
}

/** No SPIFFE ID, or of no trust domain of ours (SPIFFE-ID 2). */
const NO_IDS: Readonly<Record<string, string>> = {
  "no path": "spiffe://example.org",
  "another trust domain": "spiffe://evil.test/agent/first",
  "a trust domain that begins like ours": "spiffe://example.org.evil.test/agent/first",
  "a trust domain that ends like ours": "spiffe://evil-example.org/agent/first",
  "a part of our trust domain": "spiffe://example/agent/first",
  "a trust domain below ours": "spiffe://a.example.org/agent/first",
  "the trust domain in upper case": "spiffe://EXAMPLE.ORG/agent/first",
  "a look-alike trust domain": "spiffe://exаmple.org/agent/first",
  "a port": "spiffe://example.org:443/agent/first",
  "a user": "spiffe://evil@example.org/agent/first",
  "a query": "spiffe://example.org/agent/first?x",
  "a fragment": "spiffe://example.org/agent/first#x",
  "dot segments": "spiffe://example.org/agent/second/../first",
  "a single dot": "spiffe://example.org/agent/./first",
  "an empty segment": "spiffe://example.org/agent//first",
  "a slash at the end": "spiffe://example.org/agent/first/",
  "an encoded letter": "spiffe://example.org/agent/%66irst",
  "an encoded slash": "spiffe://example.org/agent%2Ffirst",
  "a backslash": String.raw`spiffe://example.org\agent\first`,
  "a line break": "spiffe://example.org/agent/first\n",
  "a look-alike letter in the path": "spiffe://example.org/agent/fіrst",
  "no trust domain": "spiffe:///agent/first",
}
const noIds = Object.fromEntries(
  Object.entries(NO_IDS).map(([what, sub]) => [
    `SPIFFE ID with ${what}`,
    attack(agentRefused({ reason: "trust_domain_unknown", sub }), async () =>
      asActor(await svidOf("first", { claims: { sub } })),
    ),
  ]),
)
/** Nothing that says of itself that it is one. */
const NO_SCHEMES: Readonly<Record<string, unknown>> = {
  "the scheme in upper case": "SPIFFE://example.org/agent/first",
  "a blank before it": " spiffe://example.org/agent/first",
  "no scheme": "example.org/agent/first",
  "another scheme": "https://example.org/agent/first",
  "a list round it": [agentId("first")],
  "nothing in it": undefined,
}
const noSchemes = Object.fromEntries(
  Object.entries(NO_SCHEMES).map(([what, sub]) => [
    `SPIFFE ID with ${what}`,
    attack(agentRefused({ reason: "issuer_unknown", iss: null }), async () =>
      asActor(await svidOf("first", { claims: { sub } })),
    ),
  ]),
)
/** Well-formed, of our trust domain, and yet nobody's. */
const NOBODIES = [agentId("First"), agentId("first2"), agentId("first/x"), agentId("fir"), agentId("_")]
const nobodies = Object.fromEntries(
  NOBODIES.map((sub) => [
    `SPIFFE ID ${sub}`,
    attack(unregistered(sub), async () => asActor(await svidOf("first", { claims: { sub } }))),
  ]),
)

const longId = `spiffe://example.org/${"a".repeat(2_050)}`
const issuerUnknown = (iss: string) => agentRefused({ reason: "issuer_unknown", iss })
const domainUnknown = (sub: string | null) => agentRefused({ reason: "trust_domain_unknown", sub })

export const workloadSubjects: Attacks = {
  ...subjects,
  ...oddClaims,
  ...noIds,
  ...noSchemes,
  ...nobodies,
  "SPIFFE ID too long": attack(domainUnknown(`${longId.slice(0, 256)}… (${longId.length} characters)`), async () =>
    asActor(await svidOf("first", { claims: { sub: longId } })),
  ),
  "SPIFFE ID of a domain that names its issuer, without one": attack(mismatch("iss"), async () =>
    asActor(await namedSvid({ claims: { iss: undefined } })),
  ),
  "SPIFFE ID of a domain that names its issuer, with another": attack(mismatch("iss"), async () =>
    asActor(await namedSvid({ claims: { iss: "https://named.test/" } })),
  ),
  "SPIFFE ID of another domain, with the issuer that one names": attack(
    agentRefused({ reason: "key_unknown", kid: "named-1" }),
    async () => asActor(await namedSvid({ claims: { sub: agentId("first") } })),
  ),
  "assertion about another agent": attack(issuerUnknown(SIGNER), async () =>
    asActor(await assertionOf({ claims: { sub: NEIGHBOUR } })),
  ),
  "assertion about a SPIFFE agent": attack(agentRefused({ reason: "key_unknown", kid: "signer-1" }), async () =>
    asActor(await assertionOf({ claims: { sub: agentId("first") } })),
  ),
  "assertion in the name of another agent": attack(issuerUnknown(NEIGHBOUR), async () =>
    asActor(await assertionOf({ claims: { iss: NEIGHBOUR } })),
  ),
  "assertion of another agent by one's own key": attack(
    agentRefused({ reason: "key_unknown", kid: "signer-1" }),
    async () => asActor(await assertionOf({ claims: { iss: NEIGHBOUR, sub: NEIGHBOUR } })),
  ),
  "assertion of another agent by one's own key under its key id": attack(
    agentRefused({ reason: "signature_invalid" }),
    async () =>
      asActor(await assertionOf({ claims: { iss: NEIGHBOUR, sub: NEIGHBOUR }, header: { kid: "neighbour-1" } })),
  ),
  "assertion by another agent's key": attack(agentRefused({ reason: "key_unknown", kid: "neighbour-1" }), async () =>
    asActor(await assertionOf({ by: neighbour })),
  ),
  "assertion of an agent that signs nothing": attack(issuerUnknown(ROBOT), async () =>
    asActor(await assertionOf({ claims: { iss: ROBOT, sub: ROBOT } })),
  ),
  "assertion of a SPIFFE agent that signs nothing": attack(
    agentRefused({ reason: "key_unknown", kid: "signer-1" }),
    async () => asActor(await assertionOf({ claims: { iss: agentId("first"), sub: agentId("first") } })),
  ),
  "assertion in another case": attack(issuerUnknown(SIGNER.toUpperCase()), async () =>
    asActor(await assertionOf({ claims: { iss: SIGNER.toUpperCase(), sub: SIGNER.toUpperCase() } })),
  ),
  "assertion said to be a JWT-SVID": attack(issuerUnknown(SIGNER), async () =>
    asAssertion(await assertionOf(), JWT_SPIFFE),
  ),
  "identity of one agent and client_id of another": attack(
    agentRefused({ reason: "client_mismatch", got: agentId("second") }),
    async () => exchange({ client_id: agentId("second") }),
  ),
  "identity of an agent, and a token where its name belongs": attack(
    agentRefused({ reason: "client_mismatch", got: expect.stringMatching(/^a token, [0-9a-f]{16}$/) }),
    async () => exchange({ client_id: await svidOf("first") }),
  ),
  "two agents at once": attack(requestRefused({ reason: "agents_differ" }), async () =>
    exchange({
      client_assertion: await assertionOf(),
      client_assertion_type: JWT_BEARER,
      actor_token_type: JWT,
    }),
  ),
  "a domain's agent by the bundle of a revoked one": attack(
    agentRefused({ reason: "key_unknown", kid: "workload-1" }),
    async () => asActor(await svidOf(BUNDLED)),
  ),
  "a domain's agent by another domain's key": attack(
    agentRefused({ reason: "claim_mismatch", claim: "iss" }),
    async () => asActor(await svidOf(NAMED)),
  ),
}
