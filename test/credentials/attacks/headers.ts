/** Header injection (RFC 8725 2.9, 2.10, 3.10): a token neither brings nor names the key that is to verify it. */
import { assertionOf, idTokenOf, robotToken, svidOf } from "../../harness/besieged.ts"
import { openTask } from "../../harness/agents.ts"
import {
  agentRefused,
  asActor,
  asBearer,
  asIdToken,
  attack,
  MALFORMED,
  subjectRefused,
  tokenRefused,
  type Attacks,
} from "../../harness/attacks.ts"
import { forge } from "../../harness/forge.ts"
import { idp, stranger } from "../../harness/issuers.ts"

const { publicJwk } = stranger
const INJECTED: Readonly<Record<string, unknown>> = {
  jku: "https://evil.test/keys",
  x5u: "https://evil.test/certificate",
  x5c: ["MIIBszCCAVmgAwIBAgIU"],
  jwk: publicJwk,
  crit: ["exp"],
  b64: true,
  zip: "DEF",
}

/**
 * In each spelling signed by the stranger whose key it brings, and by the one who may sign: refused for the member
 * alone.
 */
const members = Object.fromEntries(
  Object.entries(INJECTED).flatMap(([member, value]) => {
    const because = { reason: "header_refused", member } as const
    const header = { [member]: value }
    return [
      [
        `session with ${member}, by a stranger`,
        attack(subjectRefused(because), async () => asIdToken(await idTokenOf("alice", { header, by: stranger }))),
      ],
      [
        `JWT-SVID with ${member}`,
        attack(agentRefused(because), async () => asActor(await svidOf("first", { header }))),
      ],
      [
        `workload's token with ${member}`,
        attack(agentRefused(because), async () => asActor(await robotToken({ header }))),
      ],
      [
        `client assertion with ${member}`,
        attack(agentRefused(because), async () => asActor(await assertionOf({ header }))),
      ],
    ]
  }),
)

const unknownKey = (kid: string) => subjectRefused({ reason: "key_unknown", kid })
const KEY_IDS: Readonly<Record<string, string>> = {
  "a path to nothing": "../../../dev/null",
  "a path, encoded": "..%2f..%2f..%2fdev%2fnull",
  "a file's URL": "file:///dev/null",
  "an address": "https://evil.test/keys#idp-1",
  SQL: "' OR 1=1--",
  "SQL that selects a secret": "x' UNION SELECT 'AAAA",
  "a command": "idp-1; cat /etc/passwd",
  "a name that every object has": "__proto__",
  empty: "",
  "the right one in another case": "IDP-1",
  "the right one and a blank": "idp-1 ",
  "the right one and a NUL": "idp-1\u0000",
  "a look-alike of the right one": "іdp-1",
}
const keyIds = Object.fromEntries(
  Object.entries(KEY_IDS).map(([what, kid]) => [
    `kid: ${what}`,
    attack(unknownKey(kid), async () => asIdToken(await idTokenOf("alice", { header: { kid } }))),
  ]),
)
const oddKeyId = (kid: unknown) =>
  attack(subjectRefused(MALFORMED.keyId), async () => asIdToken(await idTokenOf("alice", { header: { kid } })))

export const headers: Attacks = {
  ...members,
  ...keyIds,
  "kid: very long": oddKeyId("k".repeat(257)),
  "kid: as long as a token may be": oddKeyId("k".repeat(11_000)),
  "kid: a number": oddKeyId(1),
  "kid: a list": oddKeyId(["idp-1"]),
  "kid: an object": oddKeyId({ kid: "idp-1" }),
  "typ: no text": attack(subjectRefused(MALFORMED.type), async () =>
    asIdToken(await idTokenOf("alice", { header: { typ: ["JWT"] } })),
  ),
  "delegation token that brings its key": attack(tokenRefused("header_refused"), async () => {
    const [, claims = ""] = (await openTask()).token.split(".")
    const text = Uint8Array.fromBase64(claims, { alphabet: "base64url" })
    return asBearer(await forge({ alg: "ES256", typ: "at+jwt", kid: "x", jwk: publicJwk }, text, stranger))
  }),
  "delegation token by a key of nobody": attack(tokenRefused("key_unknown"), async () => {
    const [, claims = ""] = (await openTask()).token.split(".")
    const text = Uint8Array.fromBase64(claims, { alphabet: "base64url" })
    return asBearer(await forge({ alg: "ES256", typ: "at+jwt", kid: "../../../dev/null" }, text, stranger))
  }),
  "delegation token by the provider's key": attack(tokenRefused("key_unknown"), async () => {
    const [, claims = ""] = (await openTask()).token.split(".")
    const text = Uint8Array.fromBase64(claims, { alphabet: "base64url" })
    return asBearer(await forge({ alg: "ES256", typ: "at+jwt", kid: "idp-1" }, text, idp))
  }),
  "delegation token by a stranger under our key's id": attack(tokenRefused("signature_invalid"), async () => {
    const [header = "", claims = ""] = (await openTask()).token.split(".")
    const [head, text] = [header, claims].map((part) => Uint8Array.fromBase64(part, { alphabet: "base64url" }))
    return asBearer(await forge(head ?? "", text ?? "", stranger))
  }),
}
