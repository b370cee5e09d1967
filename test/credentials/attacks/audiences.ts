/**
 * Audience confusion (RFC 8725 3.9): a token is for us, exactly, and where another could bring it here for us alone.
 */
import { accessTokenOf, assertionOf, CI, idTokenOf, robotToken, svidOf, type Changes } from "../../harness/besieged.ts"
import { openTask } from "../../harness/agents.ts"
import {
  agentRefused,
  asAccessToken,
  asActor,
  asBearer,
  asIdToken,
  asOperator,
  attack,
  callRefused,
  exchange,
  operatorRefused,
  requestRefused,
  subjectRefused,
  type Attacks,
} from "../../harness/attacks.ts"
import { ASKING, keyOf } from "../../harness/gateways.ts"
import { US } from "../../harness/issuers.ts"

/** Neither is us alone. With what of it the record shows. */
const NOT_US: Readonly<Record<string, readonly [aud: unknown, shown: readonly string[]]>> = {
  "us and another": [
    [US, "https://other.test"],
    [US, "https://other.test"],
  ],
  "another and us": [
    ["https://other.test", US],
    ["https://other.test", US],
  ],
  "us twice": [
    [US, US],
    [US, US],
  ],
  "us and a number": [[US, 1], [US]],
  "us in a list in a list": [[[US]], []],
  "us as a key": [{ [US]: true }, []],
  "us, joined with another by a blank": [`${US} https://other.test`, [`${US} https://other.test`]],
  "an empty list": [[], []],
  empty: ["", [""]],
  "a number": [1, []],
  null: [null, []],
  "another gateway's": ["https://elsewhere.test/", ["https://elsewhere.test/"]],
  "another server's": ["https://other.test", ["https://other.test"]],
  "with a slash at the end": [`${US}/`, [`${US}/`]],
  "in upper case": ["HTTPS://AUTHZ.EXAMPLE", ["HTTPS://AUTHZ.EXAMPLE"]],
  "with the default port": [`${US}:443`, [`${US}:443`]],
  "with a user": ["https://a@authz.example", ["https://a@authz.example"]],
  "without encryption": ["http://authz.example", ["http://authz.example"]],
  "cut short": [US.slice(0, -1), [US.slice(0, -1)]],
  "with something before": [`x${US}`, [`x${US}`]],
  "with something behind": [`${US}.evil.test`, [`${US}.evil.test`]],
  "with a blank behind": [`${US} `, [`${US} `]],
  "the token endpoint": [`${US}/oauth/token`, [`${US}/oauth/token`]],
  "a wildcard": ["*", ["*"]],
}

type Maker = (changes: Changes) => Promise<string>
const AGENTS: readonly (readonly [string, Maker, readonly string[]])[] = [
  ["JWT-SVID", async (changes) => svidOf("first", changes), Object.keys(NOT_US)],
  ["client assertion", assertionOf, ["us and another", "us twice", "the token endpoint", "with a slash at the end"]],
  ["workload's token", robotToken, ["us and another", "us and a number", "another server's", "cut short"]],
]
const ofAgents = Object.fromEntries(
  AGENTS.flatMap(([kind, make, cases]) =>
    cases.map((what) => {
      const [aud, got] = NOT_US[what] ?? [null, []]
      const refused = agentRefused({ reason: "audience_mismatch", got })
      return [`${kind} for ${what}`, attack(refused, async () => asActor(await make({ claims: { aud } })))]
    }),
  ),
)

const mismatch = (...got: readonly string[]) => subjectRefused({ reason: "audience_mismatch", got })
const session = async (claims: Changes["claims"] = {}) => asIdToken(await idTokenOf("alice", { claims }))
const access = async (claims: Changes["claims"] = {}) => asAccessToken(await accessTokenOf("alice", "app", { claims }))

export const audiences: Attacks = {
  ...ofAgents,
  "JWT-SVID for nobody": attack(agentRefused({ reason: "claim_missing", claim: "aud" }), async () =>
    asActor(await svidOf("first", { claims: { aud: undefined } })),
  ),
  "workload's token for nobody": attack(agentRefused({ reason: "claim_missing", claim: "aud" }), async () =>
    asActor(await robotToken({ claims: { aud: undefined } })),
  ),
  "workload's token for its issuer": attack(agentRefused({ reason: "audience_mismatch", got: [CI] }), async () =>
    asActor(await robotToken({ claims: { aud: CI } })),
  ),
  "ID token for another client": attack(mismatch("other"), async () => session({ aud: "other" })),
  "ID token for our client and another": attack(mismatch("app", "other"), async () =>
    session({ aud: ["app", "other"] }),
  ),
  "ID token for our client and another, ours the party": attack(mismatch("app", "other"), async () =>
    session({ aud: ["app", "other"], azp: "app" }),
  ),
  "ID token for our client, another the party": attack(
    subjectRefused({ reason: "client_mismatch", got: "other" }),
    async () => session({ azp: "other" }),
  ),
  "ID token for our client, the party a list": attack(
    subjectRefused({ reason: "client_mismatch", got: null }),
    async () => session({ azp: ["app"] }),
  ),
  "ID token for our client in upper case": attack(mismatch("APP"), async () => session({ aud: "APP" })),
  "ID token for us, not for our client": attack(mismatch(US), async () => session({ aud: US })),
  "ID token for an empty list": attack(mismatch(), async () => session({ aud: [] })),
  "ID token for our client in a list in a list": attack(mismatch(), async () => session({ aud: [["app"]] })),
  "ID token for our client and a number": attack(mismatch("app"), async () => session({ aud: ["app", 42] })),
  "ID token for our client and a list": attack(mismatch("app"), async () => session({ aud: ["app", ["other"]] })),
  "ID token for nobody": attack(subjectRefused({ reason: "claim_missing", claim: "aud" }), async () =>
    session({ aud: undefined }),
  ),
  "access token for another API": attack(mismatch("https://other.test"), async () =>
    access({ aud: "https://other.test" }),
  ),
  "access token for our client": attack(mismatch("app"), async () => access({ aud: "app" })),
  "access token for a gateway's audience": attack(mismatch("https://api.test/"), async () =>
    access({ aud: "https://api.test/" }),
  ),
  "access token for us with a slash": attack(mismatch(`${US}/`), async () => access({ aud: `${US}/` })),
  "access token given to another client": attack(
    subjectRefused({ reason: "client_mismatch", got: "other" }),
    async () => access({ client_id: "other" }),
  ),
  "access token given to a list of clients": attack(
    subjectRefused({ reason: "client_mismatch", got: null }),
    async () => access({ client_id: ["app"] }),
  ),
  "access token given to nobody": attack(subjectRefused({ reason: "client_mismatch", got: null }), async () =>
    access({ client_id: undefined, azp: "app" }),
  ),
  "operator's token for another API": attack(
    operatorRefused({ reason: "audience_mismatch", got: ["https://other.test"] }),
    async () => asOperator(await accessTokenOf("operator", "cli", { claims: { aud: "https://other.test" } })),
  ),
  "operator's token for us with a slash": attack(
    operatorRefused({ reason: "audience_mismatch", got: [`${US}/`] }),
    async () => asOperator(await accessTokenOf("operator", "cli", { claims: { aud: `${US}/` } })),
  ),
  ...Object.fromEntries(
    Object.entries(NOT_US).map(([what, [aud, got]]) => [
      `operator's token for ${what}`,
      attack(operatorRefused({ reason: "audience_mismatch", got }), async () =>
        asOperator(await accessTokenOf("operator", "cli", { claims: { aud } })),
      ),
    ]),
  ),
  "delegation token of another gateway's audience": attack(
    callRefused({
      reason: "audience_mismatch",
      expected: ["https://api.test/"],
      got: "https://elsewhere.test/",
    }),
    async () => asBearer((await openTask("first", { audience: "https://elsewhere.test/" })).token),
  ),
  "delegation token at another gateway": attack(
    callRefused({ reason: "audience_mismatch", expected: ["https://elsewhere.test/"], got: "https://api.test/" }),
    async () => {
      const { token } = await openTask()
      return ASKING.traefik({ path: "/files/a", headers: { Authorization: `Bearer ${token}` } }, keyOf("elsewhere"))
    },
  ),
  "delegation token renewed for another audience": attack(
    requestRefused(
      { reason: "audience_differs", audience: "https://elsewhere.test/", expected: ["https://api.test/"] },
      "invalid_target",
    ),
    async () =>
      exchange({
        subject_token: (await openTask()).token,
        subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
        audience: "https://elsewhere.test/",
      }),
  ),
  "token asked for an audience in another spelling": attack(
    requestRefused(
      {
        reason: "audience_unknown",
        audience: "https://API.test/",
        known: ["https://api.test/", "https://elsewhere.test/"],
      },
      "invalid_target",
    ),
    async () => exchange({ audience: "https://API.test/" }),
  ),
}
