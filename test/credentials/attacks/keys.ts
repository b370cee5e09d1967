/** Keys that must not be used, although they stand in a set of somebody whom we trust: each by whoever has the key. */
import {
  BAD_SETS,
  badIssuer,
  bundledSvid,
  bundled,
  forNothing,
  forX509,
  idTokenOf,
  OPEN_IDP,
  SECRET,
  SECRET_IDP,
  seconds,
  svidOf,
  unnamed,
} from "../../harness/besieged.ts"
import {
  agentRefused,
  asActor,
  asIdToken,
  attack,
  requestRefused,
  subjectRefused,
  type Attacks,
} from "../../harness/attacks.ts"
import { base64url, forgeWithSecret } from "../../harness/forge.ts"

const inBadSets = Object.fromEntries(
  Object.entries(BAD_SETS).flatMap(([name, { by, algorithms }]) => {
    const [alg = ""] = algorithms
    const session = async (kid: string | undefined) =>
      asIdToken(await idTokenOf("alice", { by, alg, header: { alg, kid }, claims: { iss: badIssuer(name) } }))
    const refused = (kid: string | null) => subjectRefused({ reason: "key_unknown", kid })
    return [
      [`a key ${name}`, attack(refused("k"), async () => session("k"))],
      [`a key ${name}, by no key id`, attack(refused(null), async () => session(undefined))],
    ]
  }),
)

export const keys: Attacks = {
  ...inBadSets,
  "a shared secret that stands in a set, of an issuer that lists HS256": attack(
    subjectRefused({ reason: "key_unknown", kid: "k" }),
    async () => {
      const claims = { iss: SECRET_IDP, sub: "alice", aud: "app", iat: seconds(), exp: seconds() + 60 }
      return asIdToken(await forgeWithSecret({ alg: "HS256", kid: "k", typ: "JWT" }, claims, SECRET))
    },
  ),
  "no key at all, of an issuer that lists none": attack(
    subjectRefused({ reason: "key_unknown", kid: null }),
    async () => {
      const claims = { iss: OPEN_IDP, sub: "alice", aud: "app", iat: seconds(), exp: seconds() + 60 }
      return asIdToken(`${base64url({ alg: "none" })}.${base64url(claims)}.AAAA`)
    },
  ),
  "a SPIFFE bundle's key for X.509": attack(agentRefused({ reason: "key_unknown", kid: "x509-1" }), async () =>
    asActor(await bundledSvid({ by: forX509 })),
  ),
  "a SPIFFE bundle's key for nothing said": attack(agentRefused({ reason: "key_unknown", kid: "no-use-1" }), async () =>
    asActor(await bundledSvid({ by: forNothing })),
  ),
  "a SPIFFE bundle's key without an id": attack(agentRefused({ reason: "signature_invalid" }), async () =>
    asActor(await bundledSvid({ by: unnamed, header: { kid: undefined } })),
  ),
  "a SPIFFE bundle's key without an id, by an empty one": attack(
    agentRefused({ reason: "key_unknown", kid: "" }),
    async () => asActor(await bundledSvid({ by: unnamed, header: { kid: "" } })),
  ),
  "a SPIFFE bundle that revokes all keys": attack(agentRefused({ reason: "key_unknown", kid: "bundle-1" }), async () =>
    asActor(await svidOf("spiffe://revoked.test/agent", { by: bundled })),
  ),
  "a SPIFFE bundle that cannot be had": attack(
    requestRefused({ reason: "unavailable" }, "temporarily_unavailable", 503),
    async () => asActor(await svidOf("spiffe://lost.test/agent", { by: bundled })),
  ),
}
